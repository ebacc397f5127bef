"""Every measure equals scikit-learn's, with any weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.modeling.metrics import (
    METRICS,
    measure,
    measure_all,
    metrics_of,
    rounded,
    row_losses,
)

ROWS = 400


def weights_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "ones":
        return np.ones(ROWS)
    if kind == "resample":
        return np.bincount(rng.integers(0, ROWS, ROWS), minlength=ROWS).astype(float)
    return rng.random(ROWS)


CASES = pytest.mark.parametrize(
    ("kind", "decimals", "seed"),
    [(k, d, s) for k in ("ones", "resample", "fractions") for d in (1, 16) for s in range(3)],
)


#: What another library computes, by task and metric: from truth, scores and weights.
REFERENCE = {
    "binary": {
        "roc_auc": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
        "average_precision": lambda y, p, w: reference.average_precision_score(
            y, p, sample_weight=w
        ),
        "brier": lambda y, p, w: reference.brier_score_loss(y, p, sample_weight=w),
        "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w),
        "accuracy": lambda y, p, w: reference.accuracy_score(y, p > 0.5, sample_weight=w),
        "base_rate": lambda y, p, w: np.average(y, weights=w),
    },
    "multiclass": {
        "accuracy": lambda y, p, w: reference.accuracy_score(y, p.argmax(axis=1), sample_weight=w),
        "macro_f1": lambda y, p, w: reference.f1_score(
            y, p.argmax(axis=1), average="macro", sample_weight=w
        ),
        "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w),
        "roc_auc_ovr": lambda y, p, w: np.mean(
            [reference.roc_auc_score(y == k, p[:, k], sample_weight=w) for k in range(p.shape[1])]
        ),
    },
    "regression": {
        "mae": lambda y, p, w: reference.mean_absolute_error(y, p, sample_weight=w),
        "rmse": lambda y, p, w: reference.root_mean_squared_error(y, p, sample_weight=w),
        "r2": lambda y, p, w: reference.r2_score(y, p, sample_weight=w),
    },
}


def test_every_metric_is_held_against_another_library() -> None:
    for task, expected in REFERENCE.items():
        assert set(expected) == {metric.name for metric in metrics_of(task)}


def equals_the_reference(task: str, truth: np.ndarray, scores: np.ndarray, w: np.ndarray) -> None:
    found = measure(task, truth, scores)(w)
    for name, compute in REFERENCE[task].items():
        assert found[name] == pytest.approx(compute(truth, scores, w)), name


@CASES
def test_binary(kind, decimals, seed) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random(ROWS).round(decimals)  # one decimal: many ties, and sure mistakes
    truth = (rng.random(ROWS) < 0.3 + 0.4 * score).astype("int64")
    equals_the_reference("binary", truth, score, weights_of(kind, rng))


@CASES
def test_multiclass(kind, decimals, seed) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, ROWS)
    scores = rng.random((ROWS, 4)).round(decimals) + 0.05 + 0.5 * np.eye(4)[truth]
    scores /= scores.sum(axis=1, keepdims=True)
    w = weights_of(kind, rng)
    equals_the_reference("multiclass", truth, scores, w)
    if kind == "ones":
        ovr = reference.roc_auc_score(truth, scores, multi_class="ovr")
        assert measure("multiclass", truth, scores)(w)["roc_auc_ovr"] == pytest.approx(ovr)


@CASES
def test_regression(kind, decimals, seed) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(100, 20, ROWS).round(decimals)
    predicted = truth + rng.normal(0, 10, ROWS)
    equals_the_reference("regression", truth, predicted, weights_of(kind, rng))


@pytest.mark.parametrize(
    ("task", "truth", "scores", "missing"),
    [
        ("binary", np.ones(5), np.linspace(0, 1, 5), {"roc_auc"}),
        ("binary", np.zeros(5), np.linspace(0, 1, 5), {"roc_auc", "average_precision"}),
        ("binary", np.ones(1), np.ones(1), {"roc_auc"}),
        ("multiclass", np.zeros(5), np.full((5, 3), 1 / 3), {"roc_auc_ovr"}),
        ("regression", np.full(5, 0.1), np.linspace(0, 1, 5), {"r2"}),
        ("regression", np.zeros(3), np.zeros(3), {"r2"}),
    ],
)
def test_what_does_not_exist_is_none(task, truth, scores, missing) -> None:
    found = measure_all(task, truth, scores)
    assert {name for name in REFERENCE[task] if found[name] is None} == missing
    json.dumps(found, allow_nan=False)


def test_macro_auc_counts_classes_that_occur() -> None:
    truth, scores = np.array([0, 1, 0, 1]), np.array([[7, 2, 1], [2, 7, 1], [4, 5, 1], [3, 6, 1]])
    assert measure_all("multiclass", truth, scores / 10)["roc_auc_ovr"] == 1.0


def test_macro_f1_counts_classes_that_occur() -> None:
    truth, scores = np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]]
    expected = reference.f1_score(truth, scores.argmax(axis=1), average="macro")
    assert measure_all("multiclass", truth, scores)["macro_f1"] == pytest.approx(expected, abs=1e-6)


def test_each_task_measures_what_its_contract_may_choose_and_each_entry_has_a_task() -> None:
    tasks = {metric.name: set(metric.describes) for metric in METRICS}
    for task, names in HIGHER_IS_BETTER.items():
        truth = np.array([0, 1, 1, 0])
        scores = np.eye(2)[truth] if task == "multiclass" else truth / 2
        described = [metric.name for metric in METRICS if task in metric.describes]
        assert [*measure_all(task, truth, scores)] == [*names, *described]
        for name in names:
            tasks[name].add(task)
    for metric in METRICS:
        assert set(metric.page) | set(metric.dax) <= tasks[metric.name] != set()


@pytest.mark.parametrize(
    ("task", "truth", "scores", "losses"),
    [
        ("binary", [1, 0], [0.75, 0.5], [0.0625, 0.25]),
        ("multiclass", [1, 0], [[0.5, 0.5], [0.0, 1.0]], [0.5, 2.0]),
        ("regression", [3.0, 1.0], [1.0, 2.5], [2.0, 1.5]),
    ],
)
def test_losses_of_rows(task, truth, scores, losses) -> None:
    assert row_losses(task, np.array(truth), np.array(scores)).tolist() == losses


def test_rounding_reaches_inside_and_hides_what_json_lacks() -> None:
    value = {"a": [1 / 3, float("nan")], "b": np.float64(-1e-9), "c": (True, 7, "x", None)}
    found = rounded(value)
    assert found == {"a": [0.333333, None], "b": 0.0, "c": [True, 7, "x", None]}
    assert json.dumps(found["b"]) == "0.0"
