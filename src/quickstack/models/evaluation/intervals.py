"""How sure the measures are: bootstrap intervals, and the difference from the best naive guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import HIGHER_IS_BETTER, Task
from quickstack.models.evaluation.resampling import Ties, Units, find_units, percentiles
from quickstack.models.modeling.metrics import Floats, Measures, measure, rounded, row_losses


def compare(
    task: Task,
    truth: NDArray[Any],
    scores: Floats,
    guesses: Mapping[str, Floats],
    ties: Ties | None = None,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure a model beside guesses on the same rows, with 95 % percentile intervals.

    Units of rows are drawn with replacement (Efron and Tibshirani 1993, chapter 13), the same for
    all, so that the interval of a difference is that of pairs; see `evaluation.resampling`.

    Parameters
    ----------
    task, truth, scores
        As `modeling.metrics` says.
    guesses
        The scores of what the model must beat, by name: at least one.
    ties
        What ties rows together; nothing where None.
    resamples
        How many times units are drawn.
    seed
        Of the draw.

    Returns
    -------
    dict
        JSON-able, numbers rounded to 6 decimals: `value`, each measure by name; `interval`, its
        `low` and `high`; `guesses`, the measures of each guess by its name; `guess`, the name of
        the best one by metric, and `baseline`, its measure; `difference`, `value` (model minus
        that), `low`, `high` and `better`: true, false, or None within noise; `resampling`, see
        `resampling.Units.report`. None stands for what does not exist. Each interval holds its
        value.
    """
    known = HIGHER_IS_BETTER[task]
    once = np.ones(len(truth))
    value = measure(task, truth, scores)(once)
    reached = {name: measure(task, truth, guess, known)(once) for name, guess in guesses.items()}
    best = {metric: _best(reached, metric, higher=higher) for metric, higher in known.items()}
    rivals = {guess: [m for m in known if best[m] == guess] for guess in guesses}
    rivals = {guess: metrics for guess, metrics in rivals.items() if metrics}
    own = row_losses(task, truth, scores)
    gaps = [own - row_losses(task, truth, guesses[guess]) for guess in rivals]
    units = find_units(np.column_stack([own, *gaps]), ties or Ties())
    drawn = _draw(task, truth, scores, {g: (guesses[g], m) for g, m in rivals.items()}, units,
                  resamples, seed)  # fmt: skip
    ends = percentiles(units.count)
    result: dict[str, Any] = {
        "value": value,
        "interval": {},
        "baseline": {metric: reached[best[metric]][metric] for metric in known},
        "guess": best,
        "guesses": reached,
        "difference": {},
        "resampling": units.report(),
    }
    for name in value:
        result["interval"][name] = _interval([one[name] for one, _ in drawn], value[name], ends)
        if name not in known:
            continue  # a base rate belongs to the rows, not to the model
        gap = _minus(value[name], result["baseline"][name])
        found = _interval([_minus(one[name], other[name]) for one, other in drawn], gap, ends)
        better = _better(found["low"], found["high"], higher=known[name])
        result["difference"][name] = {"value": gap, **found, "better": better}
    return rounded(result)


def _best(reached: Mapping[str, Measures], metric: str, *, higher: bool) -> str:
    """Return the guess with the best value; the first one where several have it, or none."""
    sign = 1 if higher else -1

    def rank(name: str) -> float:
        value = reached[name][metric]
        return -np.inf if value is None else sign * value

    return max(reached, key=rank)


def _draw(
    task: Task,
    truth: NDArray[Any],
    scores: Floats,
    rivals: Mapping[str, tuple[Floats, list[str]]],
    units: Units,
    resamples: int,
    seed: int,
) -> list[tuple[Measures, Measures]]:
    """Measure the model and, of each metric, its best guess on each resample."""
    model = measure(task, truth, scores)
    others = [measure(task, truth, guess, metrics) for guess, metrics in rivals.values()]
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        chosen = generator.integers(0, units.count, units.count)
        weights = np.bincount(chosen, minlength=units.count).astype("float64")[units.codes]
        base: Measures = {}
        for other in others:
            base |= other(weights)
        drawn.append((model(weights), base))
    return drawn


def report(
    compared: dict[str, Any],
    metadata: dict[str, Any],
    interval: dict[str, Any] | None = None,
    doubt: str | None = None,
) -> dict[str, Any]:
    """Arrange what `compare` found as `reports/metrics.json`.

    The measures come first, at the top level, so that `dvc metrics` and `dvc exp show` have a
    column named `roc_auc` and not one named `value.roc_auc`.

    Parameters
    ----------
    compared
        As `compare` gives it.
    metadata
        Of the model, with `rows` by split.
    interval
        As `modeling.conformal.interval_coverage` gives it.
    doubt
        As `evaluation.gain.too_good` says it.
    """
    validation = metadata["cross_validation"] or {}
    return {
        **compared["value"],
        "rows": metadata["rows"],
        **{key: compared[key] for key in ("interval", "baseline", "difference", "guess")},
        "guesses": compared["guesses"],
        "resampling": compared["resampling"],
        "doubt": doubt,
        "cross_validation": validation.get("metrics"),
        **({"prediction_interval": interval} if interval else {}),
    }


def _interval(
    values: list[float | None], value: float | None, ends: tuple[float, float]
) -> Measures:
    known = [one for one in values if one is not None]
    if not known or value is None:
        return {"low": None, "high": None}
    low, high = np.percentile(known, ends, method="weibull")
    # The resamples of a skewed measure may all lie on one side of it.
    return {"low": min(float(low), value), "high": max(float(high), value)}


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _better(low: float | None, high: float | None, *, higher: bool) -> bool | None:
    """Say whether the whole interval of the difference lies on one side of zero."""
    if low is None or high is None or low <= 0 <= high:
        return None
    return (low > 0) == higher
