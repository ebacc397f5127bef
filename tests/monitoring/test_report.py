"""The report is JSON, sorted by drift, and stands on a period that can be judged."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from quickstack.facts.errors import DataError
from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.reference_profile import build_reference, profile_by_label
from quickstack.models.monitoring.drift import DriftReference
from quickstack.models.monitoring.drift_report import drift_report
from quickstack.models.monitoring.performance import PeriodPerformance

PARAMS = MonitorParams(significance=0.001, min_psi=0.01, seasonal_factor=1.1)
FEATURES = (Feature("steady", "numeric", ()), Feature("moving", "numeric", ()))


def draw(rng, rows, moved=0.0) -> pd.DataFrame:
    return pd.DataFrame({"steady": rng.normal(size=rows), "moving": rng.normal(moved, 1, rows)})


def report(*, ordered=True, performance=(), sizes=(2000, 2000), metric="roc_auc", begun=()):
    """Compare batches: in all but the first one, a feature moved."""
    rng = np.random.default_rng(4)
    periods = np.repeat([f"p{i}" for i in range(1, 7)], 1000) if ordered else None
    document = build_reference(draw(rng, 6000), FEATURES, periods)
    frame = pd.concat([draw(rng, rows, moved=float(n > 0)) for n, rows in enumerate(sizes)])
    labels = [f"p{n + 7}" if ordered else "test" for n in range(len(sizes))]
    profiles = profile_by_label(frame, np.repeat(labels, sizes), document)
    contract = SimpleNamespace(
        ordered=ordered, task="binary", main_metric=metric, time_column="month"
    )
    reference = DriftReference(document, PARAMS)
    return drift_report(profiles, performance, reference, None, contract, dict(begun))


def test_the_verdict_comes_first_and_features_are_sorted_by_drift():
    found = report()
    assert list(found)[:3] == ["verdict", "action", "reasons"]
    assert found["verdict"] == "alarm"
    assert found["newest_period"] == found["judged_period"] == "p8"
    assert (found["rows"], found["reference_rows"], found["drifted_features"]) == (2000, 6000, 1)
    assert [(f["name"], f["result"]) for f in found["features"]] == [
        ("moving", "drifted"),
        ("steady", "as before"),
    ]
    assert found["features"][0]["limit"] >= PARAMS.min_psi
    assert [(p["period"], p["rows"], p["drifted"]) for p in found["periods"]] == [
        ("p7", 2000, []),
        ("p8", 2000, ["moving"]),
    ]
    assert found["periods"][1]["psi"]["moving"] == found["features"][0]["psi"]


def test_two_rows_of_a_new_period_turn_no_alarm_into_nothing():
    found = report(sizes=(2000, 2000, 2))
    assert found["verdict"] == "alarm"
    assert (found["newest_period"], found["judged_period"]) == ("p9", "p8")
    assert found["compared"] == "p8, the newest period that can be judged, with the training rows"
    assert "moving" in found["reasons"][0]
    assert found["reasons"][1].startswith("p9 has 2 rows and cannot be judged: only a shift of ")


def test_a_period_that_has_only_begun_gives_no_alarm():
    found = report(begun={"p8": 0.06})
    assert found["verdict"] == "stable"
    assert found["judged_period"] == "p7"
    assert found["drifted_features"] == 0
    assert found["periods"][1]["not_judged"] in found["reasons"]
    assert "only a part is there to judge (6 % of its time)" in found["reasons"][1]


def test_where_nothing_can_be_judged_nothing_is_called_as_before():
    found = report(sizes=(31,))
    assert found["verdict"] == "unknown"
    assert found["judged_period"] is None
    assert {feature["result"] for feature in found["features"]} == {"cannot be judged"}
    assert found["smallest_shift"] > 1


def test_without_an_order_the_test_rows_are_compared_and_it_says_so():
    found = report(ordered=False)
    assert found["verdict"] == "warning"
    assert found["calibrated"] is False
    assert found["newest_period"] is None
    assert found["compared"].startswith("the test rows")
    assert "in the test rows" in found["reasons"][0]


def test_it_is_json_with_nulls_and_six_decimals():
    performance = [
        PeriodPerformance("p7", 9, 9, float("nan"), 1 / 3),
        PeriodPerformance("p8", 9, 0, None, None),
    ]
    found = report(performance=performance)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    first = found["performance"]["periods"][0]
    assert (first["loss"], first["metric"], first["dropped"]) == (None, 0.333333, None)
    assert found["performance"]["loss"] is None


def test_the_main_metric_is_named():
    assert report(metric="brier")["performance"]["metric"] == "brier"


def test_the_same_counts_give_the_same_text():
    assert json.dumps(report()) == json.dumps(report())


def test_no_batch_is_refused():
    with pytest.raises(DataError, match="no row after the training rows"):
        report(sizes=(0,))
