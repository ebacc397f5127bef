"""Intervals hold the share that they promise, on rows that nobody fitted them to."""

from __future__ import annotations

import numpy as np
import pytest

from modeling.cases import make_contract, make_table, settings
from quickstack.models.modeling.conformal import LEVEL, half_width, interval_coverage
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import cross_validate, fit
from quickstack.models.modeling.predict import score_rows


def test_the_half_width_is_the_rank_of_split_conformal_prediction():
    assert half_width(np.arange(1.0, 10.0)) == 9.0
    assert half_width(np.arange(1.0, 100.0)) == 90.0
    assert half_width(np.arange(1.0, 9.0)) is None
    assert half_width(np.array([])) is None


def test_coverage_over_many_samples_is_what_the_theory_says():
    # Of n residuals, the interval holds a new one in exactly ceil((n + 1) 0.9) / (n + 1) of cases.
    rng = np.random.default_rng(0)
    widths = [half_width(np.abs(rng.normal(size=29))) for _ in range(4000)]
    held = np.abs(rng.normal(size=4000)) <= widths
    assert held.mean() == pytest.approx(27 / 30, abs=0.015)


@pytest.mark.parametrize("model", ["linear", "gradient_boosting"])
def test_intervals_of_a_fitted_model_hold_their_share_of_new_rows(model):
    contract, params = make_contract("regression"), settings(model, folds=3)
    train = make_table("regression", rows=1500, seed=1)
    test = make_table("regression", rows=3000, seed=2)
    interval = cross_validate(train, contract, params)["interval"]
    pipeline = fit(train, contract, params)
    predicted = score_rows(pipeline, feature_frame(test, features(contract)), "regression")
    found = interval_coverage(interval, test["target"].to_numpy(), predicted)
    assert found["level"] == LEVEL
    assert found["coverage"] == pytest.approx(LEVEL, abs=0.03)


def test_no_interval_without_residuals():
    assert interval_coverage(None, np.zeros(3), np.zeros(3)) is None
    assert interval_coverage({"level": 0.9, "half_width": None}, np.zeros(3), np.zeros(3)) is None
    assert cross_validate(make_table(), make_contract(), settings("linear"))["interval"] is None
