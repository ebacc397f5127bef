"""Intervals hold their values and widen with what ties rows; `better` is over the best guess."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from modeling.cases import make_contract
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.evaluation.gain import too_good
from quickstack.models.evaluation.intervals import compare, report
from quickstack.models.evaluation.resampling import Ties
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
    found = compare(task, truth, scores, {"guess": baseline}, resamples=200, seed=0)
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
        gaps = compare(task, truth, one, {"guess": other}, resamples=200, seed=0)["difference"]
        return {gap["better"] for gap in gaps.values() if gap["value"] is not None}

    assert verdicts(good, bad) == {True}
    assert verdicts(bad, good) == {False}
    assert verdicts(good, good) == {None}


def test_the_seed_decides() -> None:
    truth, scores = draw("binary", 300, 1.0)
    one, two, other = (
        compare("binary", truth, scores, {"guess": scores}, resamples=50, seed=seed)
        for seed in (1, 1, 2)
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
    found = compare(task, truth, scores, {"guess": scores}, resamples=20, seed=0)
    assert found["value"][missing] is None
    assert found["interval"][missing] == {"low": None, "high": None}
    assert set(found["difference"][missing].values()) == {None}
    json.dumps(found, allow_nan=False)


def test_a_rare_class_is_missing_from_some_resamples() -> None:
    truth = np.zeros(40, dtype="int64")
    truth[0] = 1
    found = compare(
        "binary", truth, np.linspace(1, 0, 40), {"guess": np.full(40, 0.5)}, resamples=50, seed=0
    )
    assert found["interval"]["roc_auc"] == {"low": 1.0, "high": 1.0}


def test_the_report_begins_with_the_measures() -> None:
    truth, scores = draw("binary", 100, 1.0)
    compared = compare("binary", truth, scores, {"guess": scores}, resamples=20, seed=0)
    rows = {"train": 5, "test": 100, "unlabelled": 0}
    validation = {"metrics": {"roc_auc": {"mean": 0.7, "standard_deviation": 0.1}}, "loss": {}}
    found = report(compared, {"rows": rows, "cross_validation": validation})
    first = len(compared["value"])
    assert list(found)[:first] == list(compared["value"])
    assert all(isinstance(found[name], float) for name in compared["value"])
    more = ["rows", "interval", "baseline", "difference", "guess", "guesses", "resampling"]
    assert list(found)[first:] == [*more, "doubt", "cross_validation"]
    assert found["cross_validation"] == validation["metrics"]
    assert report(compared, {"rows": rows, "cross_validation": None})["cross_validation"] is None


def memory(rows, rng):
    """Return AR(1) noise."""
    values = rng.normal(size=rows)
    for row in range(1, rows):
        values[row] += 0.8 * values[row - 1]
    return values


def drawn(truth, scores, ties, rival=0.0):
    guesses = {"guess": np.full(len(truth), rival)}
    return compare("regression", truth, scores, guesses, ties, resamples=100, seed=0)


def width(found, metric="mae"):
    return found["interval"][metric]["high"] - found["interval"][metric]["low"]


def test_rows_of_one_entity_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(60), 20)
    truth = rng.normal(size=1200)
    scores = truth + rng.gamma(1.0, 1.0, 60)[group]
    found = drawn(truth, scores, Ties("shop", group))
    assert found["resampling"]["units"] == 60
    assert "`shop` (60)" in found["resampling"]["words"]
    assert width(found) > 2.5 * width(drawn(truth, scores, None))


def test_blocks_of_time_are_as_long_as_the_errors_remember() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=2000)
    scores, moments = truth + memory(2000, rng), np.arange(2000)
    found = drawn(truth, scores, Ties(moments=moments))
    assert found["resampling"]["unit"] == "time"
    assert 8 <= found["resampling"]["units"] <= 250
    assert width(found) > 1.5 * width(drawn(truth, scores, None))
    # Of entities and blocks of time, the wider; without memory, single rows.
    pairs = Ties("pair", moments // 2, moments)
    assert drawn(truth, scores, pairs)["resampling"]["unit"] == "time"
    alone = drawn(truth, truth + rng.normal(size=2000), Ties(moments=moments))
    assert alone["resampling"]["unit"] == "rows"


def test_what_the_rows_of_a_month_share_counts_with_five_months() -> None:
    rng = np.random.default_rng(2)
    month = np.repeat(np.arange(6), 200)
    truth = rng.normal(size=1200)
    scores = truth + rng.normal(size=1200) * np.array([0.5, 1, 2, 0.5, 1, 3])[month]
    found = drawn(truth, scores, Ties(moments=month))
    assert (found["resampling"]["unit"], found["resampling"]["units"]) == ("time", 6)
    assert drawn(truth, scores, Ties("month", month // 3))["resampling"]["unit"] == "rows"  # two


def test_the_gain_is_over_the_best_guess_of_each_metric() -> None:
    truth = np.tile([0, 0, 0, 1, 1, 1], 100)
    last = np.where(np.roll(truth, 1) == 1, 0.7, 0.3)
    scores = np.clip(0.4 + 0.2 * truth + np.random.default_rng(0).normal(0, 0.2, 600), 0, 1)
    guesses = {"the frequencies": np.full(600, 0.5), "the last known one": last}
    found = compare("binary", truth, scores, guesses, resamples=50, seed=0)
    assert found["guess"]["accuracy"] == "the last known one"
    assert found["baseline"]["accuracy"] == found["guesses"]["the last known one"]["accuracy"]
    alone = compare(
        "binary", truth, scores, {"x": guesses["the frequencies"]}, resamples=50, seed=0
    )
    gains = [one["difference"]["brier"]["value"] for one in (found, alone)]
    assert gains[0] > gains[1] + 0.01


def test_a_model_that_is_too_good_needs_an_answer_about_what_it_leans_on_most() -> None:
    contract, values = make_contract(), {"roc_auc": 0.9994, "brier": 0.001}
    said = too_good(contract, values, ["fee", "age"])
    assert "(ROC AUC 0.9994)" in said
    assert "`fee`, on which it leans most" in said
    assert too_good(contract, {"roc_auc": 0.98}, ["fee"]) is None
    assert "R²" in too_good(contract, {"r2": 0.995}, ["age"])
    answered = tuple(
        replace(one, known_before="the price list") if one.name == "fee" else one
        for one in contract.columns
    )
    contract = replace(contract, columns=answered)
    assert too_good(contract, values, ["fee", "age"]) is None
    assert too_good(contract, values, ["age", "fee"]) is not None
