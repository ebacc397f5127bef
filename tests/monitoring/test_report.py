"""The report is JSON, sorted by drift, and the same for equal counts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from quickstack.facts.errors import DataError
from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.reference_profile import build_reference, profile_by_label
from quickstack.models.monitoring.drift_report import drift_report
from quickstack.models.monitoring.performance import PeriodPerformance, ReferenceLoss

PARAMS = MonitorParams(significance=0.001, min_psi=0.01, seasonal_factor=1.1)
FEATURES = (Feature("steady", "numeric", ()), Feature("moving", "numeric", ()))
LOSS = ReferenceLoss("brier", 0.1, 0.2, 5000)


def draw(rng, rows, moved=0.0) -> pd.DataFrame:
    return pd.DataFrame({"steady": rng.normal(size=rows), "moving": rng.normal(moved, 1, rows)})


def report(*, ordered=True, performance=(), labels=("p7", "p8"), loss=LOSS, metric="roc_auc"):
    rng = np.random.default_rng(4)
    periods = np.repeat([f"p{i}" for i in range(1, 7)], 1000) if ordered else None
    reference = build_reference(draw(rng, 6000), FEATURES, periods)
    frame = pd.concat([draw(rng, 2000), draw(rng, 2000, moved=1.0)])
    profiles = profile_by_label(frame, np.repeat(labels, 2000), reference)
    return drift_report(
        profiles, performance, reference, loss, PARAMS, main_metric=metric, ordered=ordered
    )


def test_the_verdict_comes_first_and_features_are_sorted_by_drift():
    found = report()
    assert list(found)[:3] == ["verdict", "action", "reasons"]
    assert found["verdict"] == "alarm"
    assert found["newest_period"] == "p8"
    assert (found["rows"], found["reference_rows"], found["drifted_features"]) == (2000, 6000, 1)
    assert [f["name"] for f in found["features"]] == ["moving", "steady"]
    assert found["features"][0]["limit"] >= PARAMS.min_psi
    assert found["features"][1]["cause"] is None
    assert [(p["period"], p["rows"], p["drifted"]) for p in found["periods"]] == [
        ("p7", 2000, []),
        ("p8", 2000, ["moving"]),
    ]
    assert found["periods"][1]["psi"]["moving"] == found["features"][0]["psi"]


def test_without_an_order_the_test_rows_are_compared_and_it_says_so():
    found = report(ordered=False, labels=("test", "test"))
    assert found["verdict"] == "warning"
    assert found["calibrated"] is False
    assert found["newest_period"] is None
    assert found["compared"].startswith("the test rows")
    assert "in the test rows" in found["reasons"][0]


def test_it_is_json_with_nulls_and_six_decimals():
    performance = [
        PeriodPerformance("p7", 9, 9, float("nan"), 1 / 3, float("inf"), False),
        PeriodPerformance("p8", 9, 0, None, None, None, None),
    ]
    found = report(performance=performance, loss=None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["performance"]["periods"][0] == {
        "period": "p7",
        "rows": 9,
        "labelled": 9,
        "loss": None,
        "metric": 0.333333,
        "z": None,
        "dropped": False,
    }
    assert found["performance"]["loss"] is None


def test_the_main_metric_is_named():
    assert report(metric="brier")["performance"]["metric"] == "brier"


def test_the_same_counts_give_the_same_text():
    assert json.dumps(report()) == json.dumps(report())


def test_no_batch_is_refused():
    reference = build_reference(draw(np.random.default_rng(0), 10), FEATURES, None)
    with pytest.raises(DataError, match="no row after the training rows"):
        drift_report({}, [], reference, None, PARAMS, main_metric="brier", ordered=True)
