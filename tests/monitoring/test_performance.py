"""Performance per period: what is known, and what counts as worse."""

from __future__ import annotations

import numpy as np
import pytest

from quickstack.models.modeling.expected_loss import Past, describe_losses, half_width
from quickstack.models.modeling.metrics import measure_all, row_losses
from quickstack.models.modeling.period_quality import MEASURES, describe_quality
from quickstack.models.monitoring.performance import Outcomes, judge


def cases(rng, rows, *, level=-1.0, strength=1.2, share=None):
    """Draw rows whose scores are what the outcomes follow; `share` redraws the share of cases."""
    truth = np.empty(0)
    draws = 8 if share else 1
    logit = level + 1.2 * rng.normal(size=rows * draws)
    truth = (rng.random(rows * draws) < sigmoid(level + strength / 1.2 * (logit - level))) * 1.0
    scores = sigmoid(logit)
    if share:
        positive = round(share * rows)
        kept = np.r_[
            np.flatnonzero(truth == 1)[:positive], np.flatnonzero(truth == 0)[: rows - positive]
        ]
        truth, scores = truth[kept], scores[kept]
    return truth, scores


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def repeated(rng, rows):
    """Thirty rows of one customer are one and the same."""
    return tuple(np.repeat(side, 30) for side in cases(rng, rows // 30))


def validation(task="binary", seed=0, rows=12_000, made=cases, classes=2):
    rng = np.random.default_rng(seed)
    truth, scores = made(rng, rows)
    periods = np.repeat([f"p{n:02d}" for n in range(12)], rows // 12)
    losses = row_losses(task, truth, scores)
    return {
        "loss": {
            "name": "brier",
            "mean": losses.mean(),
            "standard_deviation": losses.std(),
            "rows": rows,
        },
        "quality": describe_quality(task, truth, scores, classes, periods),
        "expected_loss": describe_losses(task, truth, scores, periods),
    }


TRAINING = validation()


def one(truth, scores, known=TRAINING, task="binary", metric="roc_auc", begun=()):
    labels = np.full(len(truth), "2025-01", dtype=object)
    (found,) = judge(Outcomes(labels, truth, scores), task, metric, known, begun)
    return found


@pytest.mark.parametrize("share", [0.05, 0.15, 0.6, 0.8])
def test_the_base_rate_alone_makes_nothing_worse(share):
    found = [one(*cases(np.random.default_rng(n), 2_000, share=share)) for n in range(20)]
    assert sum(each.dropped for each in found) <= 2
    skills = [each.skill.value for each in found]
    assert np.mean(skills) == pytest.approx(found[0].skill.training, abs=0.02)


def test_a_month_that_ranks_far_worse_is_not_as_good():
    truth, scores = cases(np.random.default_rng(1), 1_000, strength=0.35)
    found = one(truth, scores)
    assert found.metric < 0.62 < 0.75 < found.ranking.training
    assert found.dropped is True
    assert "ranking" in found.fell


def test_a_month_that_ranks_perfectly_is_not_worse_whatever_its_base_rate():
    rng = np.random.default_rng(1)
    truth = np.repeat([1.0, 0.0], [300, 200])
    # In the middle of the scale: right in order, wrong in height.
    scores = np.where(truth == 1, 0.32, 0.30) + rng.random(500) / 1000
    found = one(truth, scores)
    assert found.metric == 1.0
    assert found.dropped is False


def test_probabilities_that_no_longer_fit_are_called_calibration():
    truth, scores = cases(np.random.default_rng(1), 3_000)
    logit = np.log(scores / (1 - scores))
    found = one(truth, sigmoid(3 * (logit - logit.mean())))
    assert found.dropped is True
    assert found.fell == "calibration"


@pytest.mark.parametrize(("rows", "dropped"), [(29, None), (60, None), (400, False), (4000, False)])
def test_only_a_period_that_would_show_a_fall_is_as_good(rows, dropped):
    truth, scores = cases(np.random.default_rng(3), rows)
    assert one(truth, scores).dropped is dropped


def test_what_cannot_be_judged():
    truth, scores = cases(np.random.default_rng(1), 1_000, strength=0.35)
    assert one(truth, scores, None).dropped is None
    assert one(truth, scores, {"quality": None}).dropped is None
    assert one(truth, scores, begun={"2025-01": 0.1}).dropped is None
    assert one(np.zeros(1_000), scores).dropped is None  # one class only


def test_periods_are_sorted_and_rows_without_one_are_left_out():
    periods = np.array(["b", "", "a", "b", "c"])
    loss = np.array([0.1, 9.0, 0.2, np.nan, np.nan])
    found = judge(Outcomes(periods, loss, np.zeros(5)), "regression", "mae", None)
    assert [(p.period, p.rows, p.labelled) for p in found] == [
        ("a", 1, 1),
        ("b", 2, 1),
        ("c", 1, 0),
    ]
    assert found[1].loss == pytest.approx(0.1)
    assert found[2].loss is found[2].metric is found[2].dropped is None


@pytest.mark.parametrize(
    ("task", "metric", "truth", "scores"),
    [
        ("binary", "roc_auc", [0, 1, 0, 1], [0.1, 0.4, 0.5, 0.8]),
        ("multiclass", "accuracy", [0, 1, 1, 2], np.eye(3)[[0, 0, 1, 1]]),
        ("regression", "mae", [1, 2, 3, 4], [0, 0, 0, 0]),
    ],
)
def test_the_main_metric_is_measured_on_rows_of_known_truth(task, metric, truth, scores):
    truth = np.array([*truth, np.nan])
    scores = np.array([*scores, scores[0]], dtype="float64")
    found = one(truth, scores, None, task, metric)
    assert (found.rows, found.labelled) == (5, 4)
    assert found.metric == measure_all(task, truth[:4], scores[:4])[metric]


def number(rng, rows, noise=1.0):
    truth = rng.normal(0, 3, rows)
    return truth, truth + rng.normal(0, noise, rows)


def test_a_number_is_judged_by_its_guess_and_its_ranks():
    known = validation("regression", made=number, classes=0)
    rng = np.random.default_rng(1)
    for noise, dropped in ((1.0, False), (2.0, True)):
        truth, scores = number(rng, 1_000, noise)
        assert one(truth, scores, known, "regression", "mae").dropped is dropped


def several(rng, rows):
    truth = rng.choice(4, rows, p=[0.5, 0.3, 0.19, 0.01])
    logits = 1.5 * np.eye(4)[truth] + rng.gumbel(size=(rows, 4))
    return truth.astype(float), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_of_several_classes_the_rare_ones_do_not_stand_in_the_way():
    known = validation("multiclass", made=several, classes=4)
    truth, scores = several(np.random.default_rng(1), 600)
    assert one(truth, scores, known, "multiclass", "accuracy").dropped is False
    shuffled = scores[np.random.default_rng(2).permutation(600)]
    assert one(truth, shuffled, known, "multiclass", "accuracy").dropped is True


def test_errors_are_those_of_repeated_draws_and_wider_where_rows_belong_together():
    rng, shares = np.random.default_rng(0), [0.7, 0.3]
    for measure in MEASURES.values():
        drawn = [measure("binary", *cases(rng, 500), shares) for _ in range(300)]
        spread = np.std([each.value for each in drawn])
        assert np.mean([each.error() for each in drawn]) == pytest.approx(spread, rel=0.15)
        truth, scores = (np.repeat(side, 4) for side in cases(rng, 500))
        twins = measure("binary", truth, scores, shares)
        assert twins.error(np.repeat(np.arange(500), 4)) == pytest.approx(
            2 * twins.error(), rel=0.01
        )


def late(rng, rows=1_000):
    truth, scores = cases(rng, rows, level=0.0)
    return np.full(rows, np.nan), scores, truth


def test_the_loss_of_a_period_without_truth_is_estimated_from_its_scores():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(20):
        unknown, scores, truth = late(rng)
        found = one(unknown, scores).estimated
        inside += found.low <= ((truth - scores) ** 2).mean() <= found.high
        assert found.value > found.training  # nearer to one half, harder to know
    assert inside >= 18


def test_an_estimate_that_was_not_right_before_is_none():
    past = [Past(1000, 0.01 * (-1) ** n) for n in range(12)]
    assert half_width(past, 1000, 0.2) == pytest.approx(0.0218, abs=0.002)
    assert half_width(past, 100, 0.2) > half_width(past, 1000, 0.2)
    assert half_width(past[:5], 1000, 0.2) is None
    assert half_width([*past, Past(1000, 0.1)], 1000, 0.2) is None
    known = {**TRAINING, "expected_loss": {**TRAINING["expected_loss"], "past": [[900, 0.2]] * 9}}
    unknown, scores, _ = late(np.random.default_rng(0))
    assert one(unknown, scores, known).estimated is None
    assert one(unknown, scores, {**TRAINING, "expected_loss": None}).estimated is None


def season(rng, rows):
    """A number that differs far more between months than within one, in the order of time."""
    level = 30 * np.sin(np.arange(rows) * 2 * np.pi / rows)
    truth = level + rng.normal(0, 3, rows)
    return truth, truth + rng.normal(0, 2, rows)


def test_a_period_of_a_season_is_compared_with_periods():
    known = validation("regression", made=season, classes=0)
    truth, scores = season(np.random.default_rng(1), 12_000)
    months = np.repeat([f"2025-{n:02d}" for n in range(1, 13)], 1_000)
    found = judge(Outcomes(months, truth, scores), "regression", "mae", known)
    assert sum(bool(each.dropped) for each in found) <= 1
    bad = truth + np.random.default_rng(2).normal(0, 6, 12_000)
    found = judge(Outcomes(months, truth, bad), "regression", "mae", known)
    assert sum(bool(each.dropped) for each in found) >= 10


def test_rows_that_belong_together_make_no_false_alarm():
    rng, dropped = np.random.default_rng(0), {True: 0, False: 0}
    for _ in range(40):
        truth, scores = repeated(rng, 3_000)
        groups = np.repeat(np.arange(100), 30)
        for grouped in dropped:
            labels = np.full(3_000, "2025-01", dtype=object)
            rows = Outcomes(labels, truth, scores, groups if grouped else None)
            (found,) = judge(rows, "binary", "roc_auc", TRAINING)
            dropped[grouped] += bool(found.dropped)
    assert dropped[True] <= 4 < 10 < dropped[False]
