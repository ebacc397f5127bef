"""Each row of the decision table, and reasons that people can read."""

from __future__ import annotations

import pytest

from quickstack.models.monitoring import verdict
from quickstack.models.monitoring.drift import FeatureDrift
from quickstack.models.monitoring.performance import EstimatedLoss, Judged, PeriodPerformance


def feature(name="usage", drifted=False, cause="distribution", psi=0.3, **more) -> FeatureDrift:
    return FeatureDrift(name, psi, 0.2, 0.05, 1e-9, drifted, cause, 0.052, 0.01, **more)


def period(label, dropped, fell=None, labelled=500) -> PeriodPerformance:
    lower, same = Judged(0.59, 0.55, 0.63, 0.78), Judged(0.78, 0.75, 0.81, 0.78)
    return PeriodPerformance(
        label,
        500,
        labelled,
        0.1,
        0.8,
        skill=lower if fell and "calibration" in fell else same,
        ranking=lower if fell and "ranking" in fell else same,
        fell=fell,
        dropped=dropped,
    )


def seen(features=(), label="2025-12", *, judged=True, covered=None, named=None):
    return verdict.SeenBatch(label, named or label, 400, covered, 0.4, judged, features)


def decide(features, performance, *, calibrated=True, named=None, task="binary"):
    batches = [seen((), "2025-10"), seen((), "2025-11"), seen(features, named=named)]
    return verdict.decide(batches, performance, task, calibrated=calibrated)


GOOD, BAD = period("2025-11", False), period("2025-11", True, "ranking")
UNKNOWN, NOW_GOOD = period("2025-12", None), period("2025-12", False)


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
        ([feature(unseen=3)], [NOW_GOOD], True, "warning", verdict.WATCH_UNSEEN),
    ],
)
def test_the_decision_table(features, performance, calibrated, expected, action):
    found = decide(features, performance, calibrated=calibrated)
    assert (found["verdict"], found["action"]) == (expected, action)
    assert found["reasons"]


def test_where_no_period_can_be_judged_it_says_so_and_how_to_help():
    found = verdict.decide([seen(judged=False)], [UNKNOWN], "binary", calibrated=True)
    assert (found["verdict"], found["action"]) == ("unknown", verdict.WAIT)
    assert found["reasons"] == [
        "2025-12 has 400 rows and cannot be judged: only a shift of 0.4 standard deviations or "
        "more could have been seen.",
        "Whether the predictions of 2025-12 are as good as in training cannot be judged: only a "
        "fall of 0.06 or more could have been seen (ROC AUC).",
    ]
    far = [feature("a", True), feature("b")]
    found = verdict.decide([seen(), seen(far, "2026-01", judged=False)], [], "binary", calibrated=1)
    assert (found["verdict"], "could have been seen, and a may have moved so far." in " ".join(
        found["reasons"])) == ("stable", True)  # fmt: skip


def test_reasons_name_the_largest_drift_first_and_performance_before_all():
    features = [feature("a", True, psi=0.1), feature("b", True, psi=0.9), feature("c")]
    assert decide(features, [BAD])["reasons"] == [
        "The predictions of 2025-11 are worse than in training: they rank worse (ROC AUC 0.59, "
        "0.78 in training).",
        "b moved further than any period of the training data in 2025-12 (PSI 0.90).",
        "a moved further than any period of the training data in 2025-12 (PSI 0.10).",
    ]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (feature(drifted=True, cause="missing values"), "usage is missing in 5.2 % of 2025-12, 1"),
        (
            feature(drifted=True, cause="unknown values"),
            "usage has more values in 2025-12 that the contract does not list.",
        ),
        (
            feature(drifted=True, cause="unseen values", unseen=24),
            "usage has 24 rows in 2025-12 with a value that training never saw.",
        ),
        (
            feature(drifted=True, seasonal=True),
            "usage moved further from its season in training than any period of training from its "
            "own in 2025-12 (PSI 0.30).",
        ),
    ],
)
def test_what_moved_is_named(made, sentence):
    (found,) = decide([made], [])["reasons"]
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("task", "fell", "said"),
    [
        ("binary", "calibration", "the probabilities fit worse (skill 0.59, 0.78 in training), "),
        (
            "regression",
            "calibration",
            "beside a guess they miss by more (skill 0.59, 0.78 in training), ",
        ),
        ("regression", "ranking", "they rank worse (rank correlation 0.59, 0.78 in training)."),
        ("binary", "ranking and calibration", "rank worse (ROC AUC 0.59, 0.78 in training), and "),
    ],
)
def test_which_of_the_two_fell_is_said(task, fell, said):
    found = decide([], [period("2025-12", True, fell)], task=task)
    assert said in found["reasons"][0]


def test_a_stable_result_says_what_was_looked_at():
    assert decide([feature()], [GOOD])["reasons"] == [
        "No feature of 2025-12 moved further than periods of training differ; the predictions of "
        "2025-11 are as good as in training."
    ]
    assert (
        decide([], [BAD, NOW_GOOD])["reasons"][-1] == "Worse predictions in 2025-11 did not last."
    )
    found = decide([], [period("2025-10", True, "ranking"), BAD])
    assert found["reasons"][0].startswith(
        "The predictions of 2 of 2 periods, 2025-11 the newest of them, are worse than in "
        "training: in the newest they rank worse"
    )
    test = seen([], "test", named="the test rows")
    worse = period("test", True, "ranking")
    found = verdict.decide([test], [worse], "binary", calibrated=False)
    assert found["reasons"][0].startswith("The predictions of the test rows are worse")


def test_a_late_truth_is_estimated_or_said_to_be_unknown():
    late = period("2025-12", None, labelled=0)
    assert decide([], [GOOD, late])["reasons"][-1] == (
        "The truth of 2025-12 is not known yet, and its loss cannot be estimated."
    )
    late = PeriodPerformance(
        "2025-12", 500, 0, None, None, estimated=EstimatedLoss("Brier score", 0.12, 0.1, 0.14, 0.11)
    )
    assert decide([], [GOOD, late])["reasons"][-1].startswith(
        "The truth of 2025-12 is not known yet; its Brier score is estimated at 0.120 (0.100 to "
        "0.140; 0.110 in training)."
    )


def fell(label, by, dropped=None) -> PeriodPerformance:
    """A period whose ranking fell; its interval is 0.1 wide to either side."""
    low = Judged(0.8 - by, 0.7 - by, 0.9 - by, 0.8)
    return PeriodPerformance(label, 90, 90, 0.1, 0.8, ranking=low, fell="ranking", dropped=dropped)


def test_a_worse_period_before_others_that_cannot_be_judged_may_be_chance():
    later = [fell("2025-11", 0.01), fell("2025-12", 0.0)]
    found = decide([], [fell("2025-10", 0.11, True), *later])
    assert found["verdict"] == "stable"
    assert (
        "The predictions of 2025-10 look worse than in training, as one of 3 periods may by chance."
        in found["reasons"]
    )
    found = decide([], [fell("2025-10", 0.3, True), *later])
    assert (found["verdict"], found["action"]) == ("alarm", verdict.RETRAIN)
    assert decide([], [fell("2025-12", 0.11, True)])["verdict"] == "alarm"


def test_why_the_newest_period_is_not_judged_is_said():
    silent = PeriodPerformance("2025-12", 90, 90, 0.1, None)
    assert decide([], [GOOD, silent])["reasons"][-1] == (
        "Whether the predictions of 2025-12 are as good as in training cannot be judged: its known "
        "outcomes are too few or too alike."
    )
    batches = [seen((), "2025-12")]
    found = verdict.decide(batches, [silent], "binary", calibrated=False, known=False)
    assert found["reasons"] == [
        "No feature of 2025-12 moved further than chance explains.",
        "Whether the predictions of 2025-12 are as good as in training cannot be judged: the model "
        "was trained without cross-validation.",
    ]
