"""A small version of `make prove-verdicts`: a few runs of each world of drift and quality."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from helpers import ROOT

sys.path.append(str(ROOT / "tests" / "prove"))

from drift_worlds import SCENARIOS

RUNS = 4


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_verdicts_of_worlds_whose_truth_is_known(scenario):
    outcomes = [scenario.run(seed) for seed in range(RUNS)]
    for claim, (low, high) in scenario.claims.items():
        share = np.mean([outcome[claim][0] for outcome in outcomes])
        # One of a few runs may be bad luck.
        assert low - 1.01 / RUNS <= share <= high + 1.01 / RUNS
