"""Each report becomes a table that says what it holds."""

from __future__ import annotations

import pytest

from quickstack.results.exporting import export_tables
from quickstack.results.exporting.predictions import safe_names

METRICS = {
    "roc_auc": 0.8,
    "base_rate": 0.1,
    "rows": {"train": 10, "test": 5},
    "interval": {"roc_auc": {"low": 0.7, "high": 0.9}, "base_rate": {"low": 0.05, "high": 0.2}},
    "baseline": {"roc_auc": 0.5},
    "difference": {},
    "cross_validation": {"roc_auc": {"mean": 0.75, "standard_deviation": 0.02}},
}


def test_metrics():
    assert export_tables.metrics_rows(METRICS).to_numpy().tolist() == [
        ["test", "all", "all", "roc_auc", 0.8, 0.7, 0.9, 0.5, 5],
        ["test", "all", "all", "base_rate", 0.1, 0.05, 0.2, None, 5],
        ["cross_validation", "all", "all", "roc_auc", 0.75, None, None, None, None],
    ]
    none = {"low": None, "high": None}
    one_class = {**METRICS, "roc_auc": None, "interval": {"roc_auc": none}, "baseline": {}}
    rows = export_tables.metrics_rows({**one_class, "cross_validation": None})
    assert rows.to_numpy().tolist() == [
        ["test", "all", "all", "roc_auc", None, None, None, None, 5]
    ]


def test_segments_and_the_coverage_of_intervals_are_metrics_too():
    report = {**METRICS, "prediction_interval": {"coverage": 0.91}, "cross_validation": None}
    segments = [
        {
            "column": "Größe",
            "segment": "=cmd()",
            "rows": 60,
            "value": {"roc_auc": 0.6, "base_rate": None},
            "interval": {"roc_auc": {"low": 0.5, "high": 0.7}},
            "baseline": {"roc_auc": 0.5},
        },
        {"column": "Größe", "segment": "b", "rows": 9, "value": {}, "interval": {}, "baseline": {}},
    ]
    rows = export_tables.metrics_rows(report, segments, {"Größe": "grosse"}).to_numpy().tolist()
    assert rows[2:] == [
        ["test", "all", "all", "interval_coverage", 0.91, None, None, None, 5],
        ["test", "grosse", "=cmd()", "roc_auc", 0.6, 0.5, 0.7, 0.5, 60],
        ["test", "grosse", "=cmd()", "base_rate", None, None, None, None, 60],
        ["test", "grosse", "b", "roc_auc", None, None, None, None, 9],
        ["test", "grosse", "b", "base_rate", None, None, None, None, 9],
    ]


def test_drift():
    report = {
        "periods": [
            {
                "period": "p1",
                "psi": {"b": 0.0, "a": 0.1},
                "drifted": ["a"],
                "limit": {"a": 0.05, "b": 0.01},
                "judged": True,
            },
            {
                "period": "p2",
                "psi": {"b": 0.2, "a": 0.0},
                "drifted": [],
                "limit": {"a": 0.04, "b": 0.01},
                "judged": False,
            },
        ],
    }
    assert export_tables.drift_rows(report).to_numpy().tolist() == [
        ["p1", "b", 0.0, 0.01, False, True],
        ["p1", "a", 0.1, 0.05, True, True],
        ["p2", "b", 0.2, 0.01, False, False],
        ["p2", "a", 0.0, 0.04, False, False],
    ]


def test_quality():
    report = {
        "files": [{"file": "a.csv", "read": 3, "clean": 2, "quarantined": 1, "blank": 4}],
        "rules": [{"column": "", "rule": "layout", "rows": 1}],
    }
    assert export_tables.quality_rows(report).to_numpy().tolist() == [["a.csv", 3, 2, 1, 4]]
    assert export_tables.quality_rule_rows(report).to_numpy().tolist() == [["", "layout", 1]]
    assert len(export_tables.quality_rule_rows({"rules": []})) == 0


@pytest.mark.parametrize(
    "layout",
    [
        export_tables.METRICS,
        export_tables.DRIFT,
        export_tables.IMPORTANCE,
        export_tables.QUALITY,
        export_tables.QUALITY_RULES,
    ],
)
def test_every_table_says_its_grain_and_describes_its_columns(layout):
    assert layout.description.startswith("One row per ")
    names = [field.name for field in layout.fields]
    assert safe_names(names) == names
    assert all(field.description.endswith(".") for field in layout.fields)
