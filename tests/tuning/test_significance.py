"""Intervals over folds cover as often as they say, and noise is called noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quickstack.models.tuning.significance import gain, over_folds


def test_the_interval_is_that_of_nadeau_and_bengio():
    scores = [0.70, 0.72, 0.75, 0.71, 0.74]
    found = over_folds(scores, ordered=False)
    error = np.std(scores, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    half = stats.t.ppf(0.975, 4) * error
    assert found.value == pytest.approx(0.724)
    assert (found.low, found.high) == pytest.approx((0.724 - half, 0.724 + half))
    ordered = over_folds(scores, ordered=True)
    assert ordered.high - ordered.low > found.high - found.low


def test_what_differs_in_every_fold_alike_is_no_noise():
    default = [0.6, 0.7, 0.8, 0.9, 0.75]
    better = [score + 0.01 + 0.001 * k for k, score in enumerate(default)]
    more, noise = gain(better, default, ordered=False, higher=True)
    assert not noise
    assert more.value == pytest.approx(0.012)
    worse, noise = gain(better, default, ordered=False, higher=False)
    assert noise
    assert worse.value == pytest.approx(-0.012)


def test_models_that_do_not_differ_are_seldom_called_better():
    generator = np.random.default_rng(0)
    called = 0
    for _ in range(1000):
        shared = generator.normal(size=5)
        one, other = (list(shared + 0.1 * generator.normal(size=5)) for _ in range(2))
        called += not gain(one, other, ordered=False, higher=True)[1]
    assert called <= 25
