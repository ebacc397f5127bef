"""Worlds for intervals and comparisons: how rows hang together, and what the truth is.

The rules of before drew rows one by one, whatever tied them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from verdicts import Outcome, Scenario

from quickstack.models.evaluation.intervals import compare
from quickstack.models.evaluation.resampling import Ties
from quickstack.models.modeling.metrics import measure_all

RESAMPLES = 200
COVERED, FALSE = (0.93, 0.97), (0.0, 0.05)
#: Rows of a large world, by which the truth is known.
MANY = 400_000


@dataclass(frozen=True)
class World:
    """Rows of one world: the truth, two models that are equally good, and what ties the rows."""

    truth: Any
    scores: Any
    other: Any
    ties: Ties


def independent(seed: int, rows: int = 500) -> World:
    """Rows of two classes, without any tie."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    truth = (rng.random(rows) < _probability(signal)).astype("int64")
    noise = rng.normal(size=(2, rows))
    return World(truth, _probability(signal + noise[0]), _probability(signal + noise[1]), Ties())


def over_time(seed: int, rows: int = 1000, memory: float = 0.7) -> World:
    """Numbers in the order of time; the errors of both models are AR(1)."""
    rng = np.random.default_rng(seed)
    truth, errors = rng.normal(size=rows), [_ar(rng, rows, memory) for _ in range(3)]
    shared, one, other = errors
    return World(truth, truth + shared + one, truth + shared + other, Ties(moments=np.arange(rows)))


def entities(seed: int, rows: int = 1000) -> World:
    """Two classes; rows of one entity share their part of the truth, and of each model's error."""
    rng = np.random.default_rng(seed)
    count = rows // 10
    group = np.sort(rng.integers(0, count, rows))
    own = rng.normal(size=(3, count))[:, group]
    signal = rng.normal(size=rows)
    truth = (rng.random(rows) < _probability(signal + own[0])).astype("int64")
    return World(
        truth,
        _probability(signal + own[1]),
        _probability(signal + own[2]),
        Ties("customer", group),
    )


def panel(seed: int, rows: int = 1500) -> World:
    """Numbers of 60 entities over 25 days; a day's weather and an entity's habit last."""
    rng = np.random.default_rng(seed)
    days, count = (25, 60) if rows < MANY else (500, 800)
    rows = days * count
    day, group = np.repeat(np.arange(days), count), np.tile(np.arange(count), days)
    habit = rng.normal(size=(2, count))[:, group]
    truth = rng.normal(size=rows)
    noise = rng.normal(size=(2, rows))
    return World(
        truth,
        truth + habit[0] + noise[0],
        truth + habit[1] + noise[1],
        Ties("customer", group, day),
    )


def _ar(rng: np.random.Generator, rows: int, memory: float) -> Any:
    from scipy.signal import lfilter

    first = memory * rng.normal() / np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], rng.normal(size=rows), zi=[first])[0]


def _probability(signal: Any) -> Any:
    return 1 / (1 + np.exp(-signal))


def _scenario(name: str, world: Callable[..., World], task: Any, metrics: list[str]) -> Scenario:
    @cache
    def known() -> Mapping[str, Any]:
        many = world(10**6, MANY)
        return measure_all(task, many.truth, many.scores)

    def found(rows: World, ties: Ties | None) -> dict[str, bool]:
        guesses = {"other": rows.other}
        said = compare(task, rows.truth, rows.scores, guesses, ties, resamples=RESAMPLES, seed=0)
        result = {}
        for metric in metrics:
            ends = said["interval"][metric]
            result[f"{metric}: interval covers"] = ends["low"] <= known()[metric] <= ends["high"]
            better = said["difference"][metric]["better"]
            result[f"{metric}: better or worse, of equals"] = better is not None
        return result

    def run(seed: int) -> Mapping[str, Outcome]:
        rows = world(seed)
        now, before = found(rows, rows.ties), found(rows, None)
        return {claim: (now[claim], before[claim]) for claim in now}

    claims = {}
    for metric in metrics:
        claims[f"{metric}: interval covers"] = COVERED
        claims[f"{metric}: better or worse, of equals"] = FALSE
    return Scenario(name, run, claims)


SCENARIOS = [
    _scenario("independent rows", independent, "binary", ["roc_auc", "brier"]),
    _scenario("errors with memory, AR(1)", over_time, "regression", ["mae", "rmse", "r2"]),
    _scenario("repeated entities", entities, "binary", ["roc_auc", "brier"]),
    _scenario("entities over time", panel, "regression", ["mae", "rmse"]),
]
