"""How sure the measures are: bootstrap intervals, and the difference from the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import HIGHER_IS_BETTER, Task
from quickstack.models.modeling.metrics import Floats, Measures, measure, rounded

#: Percentiles between which 95 % of the resamples lie.
PERCENTILES = (2.5, 97.5)


def compare(
    task: Task,
    truth: NDArray[Any],
    scores: Floats,
    baseline_scores: Floats,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure a model and the baseline on the same rows, with 95 % percentile intervals.

    Rows are drawn with replacement (Efron and Tibshirani 1993, chapter 13), the same for both
    models, so that the interval of the difference is that of pairs.

    Parameters
    ----------
    task, truth, scores, baseline_scores
        As `modeling.metrics` says.
    resamples
        How many times rows are drawn.
    seed
        Of the draw.

    Returns
    -------
    dict
        JSON-able, numbers rounded to 6 decimals: `value`, each measure by name; `interval`, its
        `low` and `high`; `baseline`, the measure of the baseline; `difference`, `value` (model
        minus baseline), `low`, `high` and `better`: true, false, or None within noise. None
        stands for what does not exist.
    """
    model, baseline = measure(task, truth, scores), measure(task, truth, baseline_scores)
    once = np.ones(len(truth))
    value, base = model(once), baseline(once)
    drawn = [(model(weights), baseline(weights)) for weights in _draws(len(truth), resamples, seed)]
    result: dict[str, Any] = {"value": value, "interval": {}, "baseline": {}, "difference": {}}
    for name in value:
        result["interval"][name] = _interval([one[name] for one, _ in drawn])
        if name not in HIGHER_IS_BETTER[task]:
            continue  # a base rate belongs to the rows, not to the model
        gap = _interval([_minus(one[name], other[name]) for one, other in drawn])
        better = _better(gap["low"], gap["high"], higher=HIGHER_IS_BETTER[task][name])
        result["baseline"][name] = base[name]
        result["difference"][name] = {
            "value": _minus(value[name], base[name]), **gap, "better": better
        }  # fmt: skip
    return rounded(result)


def report(
    compared: dict[str, Any], metadata: dict[str, Any], interval: dict[str, Any] | None = None
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
    """
    validation = metadata["cross_validation"] or {}
    return {
        **compared["value"],
        "rows": metadata["rows"],
        **{key: compared[key] for key in ("interval", "baseline", "difference")},
        "cross_validation": validation.get("metrics"),
        **({"prediction_interval": interval} if interval else {}),
    }


def _draws(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each row is drawn, as weights."""
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(generator.integers(0, rows, rows), minlength=rows).astype("float64")


def _interval(values: list[float | None]) -> Measures:
    known = [value for value in values if value is not None]
    if not known:
        return {"low": None, "high": None}
    low, high = np.percentile(known, PERCENTILES)
    return {"low": float(low), "high": float(high)}


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _better(low: float | None, high: float | None, *, higher: bool) -> bool | None:
    """Say whether the whole interval of the difference lies on one side of zero."""
    if low is None or high is None or low <= 0 <= high:
        return None
    return (low > 0) == higher
