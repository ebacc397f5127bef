"""Each row of the decision table, and reasons that people can read."""

from __future__ import annotations

import pytest

from quickstack.models.monitoring import verdict
from quickstack.models.monitoring.drift import FeatureDrift
from quickstack.models.monitoring.performance import PeriodPerformance


def feature(name="usage", drifted=False, cause="distribution", psi=0.3) -> FeatureDrift:
    return FeatureDrift(name, psi, 0.2, 0.05, 1e-9, drifted, cause, 0.052, 0.01)


def period(label, dropped) -> PeriodPerformance:
    return PeriodPerformance(label, 500, 500, 0.1, 0.8, 1.0, dropped)


GOOD, BAD, UNKNOWN = period("2025-11", False), period("2025-11", True), period("2025-12", None)
NOW_GOOD = period("2025-12", False)


@pytest.mark.parametrize(
    ("features", "performance", "calibrated", "expected", "action"),
    [
        ([feature()], [GOOD, UNKNOWN], True, "stable", verdict.NOTHING),
        ([feature()], [], False, "stable", verdict.NOTHING),
        ([feature(drifted=True)], [NOW_GOOD], False, "warning", verdict.WATCH_UNCALIBRATED),
        ([feature(drifted=True)], [NOW_GOOD], True, "alarm", verdict.WATCH),
        ([feature(drifted=True)], [GOOD, UNKNOWN], True, "alarm", verdict.ASK_FOR_LABELS),
        ([feature(drifted=True)], [], True, "alarm", verdict.ASK_FOR_LABELS),
        ([feature()], [BAD, UNKNOWN], True, "alarm", verdict.RETRAIN),
        ([feature(drifted=True)], [BAD, UNKNOWN], False, "alarm", verdict.RETRAIN),
        ([feature()], [BAD, NOW_GOOD], True, "stable", verdict.NOTHING),
        ([feature()], [BAD, BAD, NOW_GOOD], True, "alarm", verdict.RETRAIN),
        (
            [feature(drifted=True, cause="missing values")],
            [BAD, UNKNOWN],
            True,
            "alarm",
            verdict.FIX_DATA,
        ),
        ([feature(drifted=True, cause="unknown values")], [], True, "alarm", verdict.FIX_DATA),
    ],
)
def test_the_decision_table(features, performance, calibrated, expected, action):
    found = verdict.decide(features, performance, "2025-12", "2025-12", calibrated=calibrated)
    assert (found["verdict"], found["action"]) == (expected, action)
    assert found["reasons"]


def test_reasons_name_the_largest_drift_first_and_performance_before_all():
    features = [feature("a", True, psi=0.1), feature("b", True, psi=0.9), feature("c")]
    found = verdict.decide(features, [BAD], "2025-12", "2025-12", calibrated=True)
    assert found["reasons"] == [
        "The predictions of 2025-11 are worse than in training.",
        "b moved further than any period of the training data in 2025-12 (PSI 0.90).",
        "a moved further than any period of the training data in 2025-12 (PSI 0.10).",
    ]


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("missing values", "usage is missing in 5.2 % of 2025-12, 1.0 % in training."),
        ("unknown values", "usage has more values in 2025-12 that the contract does not list."),
    ],
)
def test_broken_data_are_named(cause, sentence):
    features = [feature(drifted=True, cause=cause)]
    found = verdict.decide(features, [], "2025-12", "2025-12", calibrated=True)
    assert found["reasons"] == [sentence]


def test_a_stable_result_says_what_was_looked_at():
    found = verdict.decide([feature()], [GOOD], "2025-12", "2025-12", calibrated=True)
    assert found["reasons"] == [
        "No feature of 2025-12 moved further than before; the predictions of 2025-11 are as good "
        "as in training."
    ]
    found = verdict.decide([], [BAD, NOW_GOOD], "2025-12", "2025-12", calibrated=True)
    assert found["reasons"][-1] == "Worse predictions in 2025-11 did not last."
    found = verdict.decide([], [period("2025-10", True), BAD], "2025-12", "x", calibrated=True)
    assert found["reasons"] == [
        "The predictions of 2 of 2 periods, 2025-11 the newest of them, are worse than in training."
    ]
    found = verdict.decide([], [period("test", True)], "test", "the test rows", calibrated=False)
    assert found["reasons"] == ["The predictions of the test rows are worse than in training."]
