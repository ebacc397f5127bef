"""The tables of the reports: each described once, with its grain, types and units.

The page, the manifest and the files are generated from these descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.contract.model import LogicalType


@dataclass(frozen=True)
class Field:
    """One column of an exported table; `source` is its name in the contract, where it has one."""

    name: str
    type: LogicalType
    description: str
    unit: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Layout:
    """One exported table without its rows; the description's first sentence says its grain."""

    name: str
    description: str
    fields: tuple[Field, ...]


METRICS = Layout(
    "metrics",
    "One row per split and metric. How good the predictions are, beside a baseline without "
    "features.",
    (
        Field("split", "string", "test, or cross_validation of the training rows."),
        Field("metric", "string", "Name of the metric."),
        Field(
            "value",
            "number",
            "Its value, a mean over folds in cross-validation; empty where there is none.",
        ),
        Field("low", "number", "Lower end of the 95 % interval."),
        Field("high", "number", "Upper end of the 95 % interval."),
        Field("baseline", "number", "The value of a model that ignores all features."),
    ),
)
DRIFT = Layout(
    "drift",
    "One row per period after training and feature. How far the data moved from the training data.",
    (
        Field("period", "string", "The period, or `test` where rows have no order in time."),
        Field("feature", "string", "Name of the feature."),
        Field("psi", "number", "Population stability index without its expected noise.", "nat"),
        Field("limit", "number", "What the index must exceed to count as drift.", "nat"),
        Field("drifted", "boolean", "Whether the rule of the monitor stage calls it drift."),
    ),
)
IMPORTANCE = Layout(
    "importance",
    "One row per feature. How much worse the main metric gets when its values are shuffled.",
    (
        Field("feature", "string", "Name of the feature."),
        Field("importance", "number", "Mean loss of the main metric over repetitions."),
        Field("standard_deviation", "number", "Over repetitions."),
    ),
)
QUALITY = Layout(
    "quality",
    "One row per source file. Where the rows that were read ended; read = clean + quarantined.",
    (
        Field("file", "string", "Name of the file."),
        Field("read", "integer", "Rows read.", "rows"),
        Field("clean", "integer", "Rows kept.", "rows"),
        Field("quarantined", "integer", "Rows set aside, with a reason.", "rows"),
        Field("blank", "integer", "Blank lines, which are no rows.", "lines"),
    ),
)
QUALITY_RULES = Layout(
    "quality_rules",
    "One row per column and rule of the contract that a row broke; a row may break several.",
    (
        Field("column", "string", "Name of the column; empty where the whole row is broken."),
        Field("rule", "string", "The rule that was broken."),
        Field("rows", "integer", "Rows that broke it.", "rows"),
    ),
)


def metrics_rows(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/metrics.json` as rows of `METRICS`: the test rows, then cross-validation."""
    rows: list[Any] = [
        ("test", name, metrics[name], ends["low"], ends["high"], metrics["baseline"].get(name))
        for name, ends in metrics["interval"].items()
    ]
    for name, spread in (metrics["cross_validation"] or {}).items():
        rows.append(("cross_validation", name, spread["mean"], None, None, None))
    return _frame(METRICS, rows)


def drift_rows(drift: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/drift.json` as rows of `DRIFT`, periods in order, features as there."""
    limits = {feature["name"]: feature["limit"] for feature in drift["features"]}
    return _frame(
        DRIFT,
        [
            (period["period"], name, psi, limits.get(name), name in period["drifted"])
            for period in drift["periods"]
            for name, psi in period["psi"].items()
        ],
    )


def quality_rows(quality: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/quality.json` as rows of `QUALITY`, one per file."""
    return _frame(QUALITY, [[file[f.name] for f in QUALITY.fields] for file in quality["files"]])


def quality_rule_rows(quality: Mapping[str, Any]) -> pd.DataFrame:
    """Read `reports/quality.json` as rows of `QUALITY_RULES`."""
    fields = QUALITY_RULES.fields
    return _frame(QUALITY_RULES, [[rule.get(f.name) for f in fields] for rule in quality["rules"]])


def _frame(layout: Layout, rows: list[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=[field.name for field in layout.fields], dtype=object)
