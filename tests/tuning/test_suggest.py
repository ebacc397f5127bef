"""What trials try: inside the ranges, never twice, and the same whenever they are asked for."""

from __future__ import annotations

import math

import pytest

from helpers import ROOT
from quickstack.models.tuning.search_space import SearchSpace, read_search_space, suggest

RATE = "train.gradient_boosting.learning_rate"
LEAVES = "train.gradient_boosting.max_leaf_nodes"
TREES = "train.random_forest.trees"
RANGES = f"""\
search: SEARCH
parameters:
  {RATE}: {{low: 0.001, high: 1, log: true}}
  {LEAVES}: {{low: 4, high: 32, step: 4}}
"""


@pytest.fixture(params=["random", "bayesian"])
def space(request, tmp_path) -> SearchSpace:
    path = tmp_path / "sweep.yaml"
    path.write_text(RANGES.replace("SEARCH", request.param), encoding="utf-8")
    return read_search_space(path, ROOT / "params.yaml")


def score(values) -> float:
    return -abs(math.log10(values[RATE] / 0.03)) - abs(values[LEAVES] - 20) / 20


def search(space, trials, finished=()):
    """Search one after the other, as a sweep with one job does."""
    finished = list(finished)
    for number in range(len(finished) + 1, trials + 1):
        values = suggest(space, number, finished, [], higher=True)
        finished.append((values, score(values)))
    return finished


def test_suggestions_lie_in_the_ranges_and_none_comes_twice(space):
    tried = [values for values, _ in search(space, 40)]
    assert all(0.001 <= values[RATE] <= 1 for values in tried)
    assert {values[LEAVES] for values in tried} <= set(range(4, 33, 4))
    assert all(type(values[LEAVES]) is int for values in tried)
    assert len({tuple(values.values()) for values in tried}) == 40


def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(space):
    whole = search(space, 16)
    assert search(space, 16, whole[:9]) == whole


def test_bayesian_search_finds_more_than_random_search(space):
    found = search(space, 60)
    late = sum(value for _, value in found[30:]) / 30
    if space.search == "bayesian":
        assert late > -0.75
    else:
        assert late < -0.75


def test_lower_is_better_where_the_metric_says_so(space):
    found = search(space, 30)
    turned = [(values, -value) for values, value in found]
    for number in range(31, 41):
        suggested = suggest(space, number, turned, [], higher=False)
        assert suggested == suggest(space, number, found, [], higher=True)


def test_what_runs_is_not_suggested_and_an_empty_space_ends(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "parameters:\n  train.model: {choices: [linear, random_forest]}\n"
        f"  {TREES}: {{low: 10, high: 12}}\n",
        encoding="utf-8",
    )
    space = read_search_space(path, ROOT / "params.yaml")
    tried = []
    while (values := suggest(space, len(tried) + 1, [], tried, higher=True)) is not None:
        tried.append(values)
    # A linear model has no trees.
    expected = [{"train.model": "random_forest", TREES: n} for n in (10, 11, 12)]
    expected.append({"train.model": "linear"})
    assert sorted(tried, key=str) == sorted(expected, key=str)
