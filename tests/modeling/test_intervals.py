"""Intervals hold the truth about as often as they say, and `better` means more than noise."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.evaluation.intervals import compare, report
from quickstack.models.modeling.metrics import measure_all


def draw(task, rows, skill, seed=0):
    """Return the truth and the scores of a model of that skill; 0 knows nothing."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        truth = rng.normal(size=rows)
        return truth, skill * truth + 0.1 * rng.normal(size=rows)
    if task == "multiclass":
        truth = rng.integers(0, 3, rows)
        raw = np.exp(rng.normal(size=(rows, 3)) + skill * np.eye(3)[truth])
        return truth, raw / raw.sum(axis=1, keepdims=True)
    signal = rng.normal(size=rows)
    truth = (rng.random(rows) < 1 / (1 + np.exp(-skill * signal))).astype("int64")
    return truth, 1 / (1 + np.exp(-skill * signal))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_values_are_those_of_the_rows_and_lie_in_their_intervals(task) -> None:
    truth, scores = draw(task, 500, 0.8)
    _, baseline = draw(task, 500, 0.1)
    found = compare(task, truth, scores, baseline, resamples=200, seed=0)
    assert found["value"] == measure_all(task, truth, scores)
    names = set(HIGHER_IS_BETTER[task])
    assert set(found["baseline"]) == set(found["difference"]) == names
    for name in names:
        interval, gap = found["interval"][name], found["difference"][name]
        assert interval["low"] <= found["value"][name] <= interval["high"]
        assert gap["low"] <= gap["value"] <= gap["high"]
        assert gap["value"] == pytest.approx(
            found["value"][name] - found["baseline"][name], abs=2e-6
        )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_better_worse_and_within_noise(task) -> None:
    truth, good = draw(task, 800, 2.0 if task != "regression" else 0.9)
    if task == "regression":
        bad = np.full(800, truth.mean())
    else:
        bad = np.full_like(good, 0.5 if task == "binary" else 1 / 3)

    def verdicts(one, other):
        gaps = compare(task, truth, one, other, resamples=200, seed=0)["difference"]
        return {gap["better"] for gap in gaps.values() if gap["value"] is not None}

    assert verdicts(good, bad) == {True}
    assert verdicts(bad, good) == {False}
    assert verdicts(good, good) == {None}


def test_noise_is_rarely_called_better() -> None:
    """The truth is independent of both; 5 % of 60 is 3, and 9 would come once in 500 times."""
    called = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 300)
        one, other = rng.random(300), rng.random(300)
        found = compare("binary", truth, one, other, resamples=100, seed=1000 + seed)
        called += found["difference"]["roc_auc"]["better"] is not None
    assert called <= 9


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    _, sure = draw("binary", 400_000, 1.0, seed=99)
    expected = (sure * (1 - sure)).mean()  # the Brier score of a calibrated model
    held = 0
    for seed in range(100):
        truth, scores = draw("binary", 400, 1.0, seed=seed)
        interval = compare("binary", truth, scores, scores, resamples=100, seed=0)["interval"]
        held += interval["brier"]["low"] <= expected <= interval["brier"]["high"]
    assert 88 <= held <= 99


def test_the_seed_decides() -> None:
    truth, scores = draw("binary", 300, 1.0)
    one, two, other = (
        compare("binary", truth, scores, scores, resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one["interval"] != other["interval"]
    assert one["value"] == other["value"]


@pytest.mark.parametrize(
    ("task", "truth", "scores", "missing"),
    [
        ("binary", np.ones(20), np.linspace(0.1, 0.9, 20), "roc_auc"),
        ("multiclass", np.ones(20), np.full((20, 3), 1 / 3), "roc_auc_ovr"),
        ("regression", np.ones(20), np.linspace(0.1, 0.9, 20), "r2"),
    ],
)
def test_measures_that_do_not_exist_are_null(task, truth, scores, missing) -> None:
    found = compare(task, truth, scores, scores, resamples=20, seed=0)
    assert found["value"][missing] is None
    assert found["interval"][missing] == {"low": None, "high": None}
    assert set(found["difference"][missing].values()) == {None}
    json.dumps(found, allow_nan=False)


def test_a_rare_class_is_missing_from_some_resamples() -> None:
    truth = np.zeros(40, dtype="int64")
    truth[0] = 1
    found = compare("binary", truth, np.linspace(1, 0, 40), np.full(40, 0.5), resamples=50, seed=0)
    assert found["interval"]["roc_auc"] == {"low": 1.0, "high": 1.0}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_500_resamples_of_13000_rows_cost_no_more_than_measuring_them_one_by_one(task) -> None:
    truth, scores = draw(task, 13_000, 0.8)
    begun = time.process_time()
    compare(task, truth, scores, scores, resamples=500, seed=0)
    taken, begun = time.process_time() - begun, time.process_time()
    for _ in range(20):
        measure_all(task, truth, scores)
    one_by_one = (time.process_time() - begun) / 20 * 2 * 500
    assert taken < 2 * one_by_one  # 0.3 to 1.3 of it when nothing else runs


def test_the_report_begins_with_the_measures() -> None:
    truth, scores = draw("binary", 100, 1.0)
    compared = compare("binary", truth, scores, scores, resamples=20, seed=0)
    rows = {"train": 5, "test": 100, "unlabelled": 0}
    validation = {"metrics": {"roc_auc": {"mean": 0.7, "standard_deviation": 0.1}}, "loss": {}}
    found = report(compared, {"rows": rows, "cross_validation": validation})
    first = len(compared["value"])
    assert list(found)[:first] == list(compared["value"])
    assert all(isinstance(found[name], float) for name in compared["value"])
    assert list(found)[first:] == ["rows", "interval", "baseline", "difference", "cross_validation"]
    assert found["cross_validation"] == validation["metrics"]
    assert report(compared, {"rows": rows, "cross_validation": None})["cross_validation"] is None
