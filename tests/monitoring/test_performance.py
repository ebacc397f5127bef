"""Performance per period: what is known, and what counts as worse."""

from __future__ import annotations

import numpy as np
import pytest

from quickstack.models.monitoring.performance import (
    Outcomes,
    ReferenceLoss,
    judge,
    reference_loss,
    z_score,
)

BRIER = ReferenceLoss("brier", 0.15, 0.2, 10_000)


def one(rows: int, loss: float, reference: ReferenceLoss | None = BRIER):
    (found,) = judge(batch(np.full(rows, loss)), "regression", "mae", reference)
    return found


def batch(loss, periods=None) -> Outcomes:
    """Give rows whose absolute error is the loss; an unknown loss is an unknown truth."""
    loss = np.asarray(loss, dtype="float64")
    periods = np.full(len(loss), "2025-01") if periods is None else periods
    return Outcomes(periods, loss, np.zeros(len(loss)))


@pytest.mark.parametrize(
    ("rows", "loss", "dropped"),
    [
        (2_000, 0.15, False),
        (2_000, 0.10, False),
        (2_000, 0.25, True),
        (500, 0.154, False),  # 2.7 %: too small to act on
        (10_000_000, 0.154, False),  # however sure
        (40, 0.25, True),
        (30, 0.20, False),  # too few rows to be sure
        (29, 0.99, None),  # too few rows to judge at all
    ],
)
def test_a_drop_must_be_sure_and_large(rows, loss, dropped):
    assert one(min(rows, 100_000), loss).dropped is dropped


def test_without_a_reference_nothing_is_judged():
    found = one(1_000, 0.9, None)
    assert found.loss == pytest.approx(0.9)
    assert found.z is None
    assert found.dropped is None


@pytest.mark.parametrize("metadata", [{}, {"cross_validation": None}, {"cross_validation": {}}])
def test_a_model_without_cross_validation_has_no_reference(metadata):
    assert reference_loss(metadata) is None


def test_the_reference_is_read_from_the_metadata():
    loss = {"name": "brier", "mean": 0.15, "standard_deviation": 0.2, "rows": 10_000}
    assert reference_loss({"cross_validation": {"loss": loss}}) == BRIER


def test_periods_are_sorted_and_rows_without_one_are_left_out():
    periods = np.array(["b", "", "a", "b", "c"])
    loss = np.array([0.1, 9.0, 0.2, np.nan, np.nan])
    found = judge(batch(loss, periods), "regression", "mae", BRIER)
    assert [(p.period, p.rows, p.labelled) for p in found] == [
        ("a", 1, 1),
        ("b", 2, 1),
        ("c", 1, 0),
    ]
    assert found[1].loss == pytest.approx(0.1)
    assert found[2].loss is found[2].metric is found[2].dropped is None


MEASURED = [
    # task, metric, truth, scores, its value
    ("binary", "roc_auc", [0, 1, 0, 1], [0.1, 0.4, 0.5, 0.8], 0.75),
    ("binary", "brier", [0, 1, 0, 1], [0.1, 0.4, 0.5, 0.8], 0.165),
    ("multiclass", "accuracy", [0, 1, 1, 2], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], 0.5),
    ("multiclass", "macro_f1", [0, 1, 1, 2], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], 7 / 18),
    ("regression", "mae", [1, 2, 3, 4], [0, 0, 0, 0], 2.5),
    ("regression", "rmse", [1, 2, 3, 4], [0, 0, 0, 0], np.sqrt(7.5)),
]


@pytest.mark.parametrize(("task", "metric", "truth", "scores", "value"), MEASURED)
def test_the_main_metric_is_measured_on_rows_of_known_truth(task, metric, truth, scores, value):
    truth, scores = np.array([*truth, np.nan]), np.array([*scores, scores[0]], dtype="float64")
    (found,) = judge(Outcomes(np.full(5, "2025-01"), truth, scores), task, metric, None)
    assert (found.rows, found.labelled) == (5, 4)
    assert found.metric == pytest.approx(value, abs=1e-6)


def test_one_class_has_a_loss_but_no_roc_auc():
    rows = Outcomes(np.full(50, "2025-01"), np.ones(50), np.full(50, 0.7))
    (found,) = judge(rows, "binary", "roc_auc", BRIER)
    assert found.loss == pytest.approx(0.09)
    assert found.metric is None
    assert found.dropped is False


def test_seeded_batches_of_equal_quality_never_alarm_and_a_worse_concept_always_does():
    rng = np.random.default_rng(2)
    train = rng.beta(0.5, 3.0, 20_000)
    reference = ReferenceLoss("brier", float(train.mean()), float(train.std()), len(train))
    for _ in range(300):
        same, worse = rng.beta(0.5, 3.0, 500), rng.beta(0.5, 1.5, 500)
        assert z_score(float(same.mean()), 500, reference) < 3.5
        assert z_score(float(worse.mean()), 500, reference) > 3


def test_a_reference_without_spread_gives_a_finite_z():
    flat = ReferenceLoss("absolute_error", 0.0, 0.0, 100)
    assert z_score(0.0, 50, flat) == 0.0
    assert np.isfinite(z_score(1.0, 50, flat))
