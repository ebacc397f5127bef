"""How good a model is on each group of rows: one group per value of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Task
from quickstack.models.evaluation.intervals import compare
from quickstack.models.evaluation.resampling import Ties
from quickstack.models.modeling.metrics import Floats

if TYPE_CHECKING:
    import pandas as pd

#: Smaller segments are counted and not measured: their figures would be noise.
MIN_ROWS = 50
#: Values per column, those with most rows first, so that 10,000 of them stay readable.
MAX_VALUES = 50
#: The segment of rows that have no value. A key of a table may not be null.
MISSING = "(missing)"


def measure_segments(
    task: Task,
    truth: NDArray[Any],
    scores: Floats,
    guesses: Mapping[str, Floats],
    columns: Mapping[str, pd.Series],
    ties: Ties | None = None,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure the model and the guesses on each segment of the test rows.

    Parameters
    ----------
    task, truth, scores, guesses, ties, resamples, seed
        As `evaluation.intervals.compare` takes them.
    columns
        By name: the texts of the same rows, as `interim_texts` gives them.

    Returns
    -------
    dict
        JSON-able: `min_rows`, and `segments`, one per column and value, `MAX_VALUES` at most of
        each column, those with most rows first: `column`, `segment`, `rows`, and `value`,
        `interval` and `baseline` by metric, as `compare` gives them. They are empty below
        `min_rows` rows, and None for a metric that one class alone does not have.
    """
    found = []
    for name, values in columns.items():
        texts = values.fillna(MISSING).to_numpy(dtype=object)
        segments, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
        for code in np.argsort(-counts, kind="stable")[:MAX_VALUES]:
            measured: dict[str, Any] = {"value": {}, "interval": {}, "baseline": {}}
            if counts[code] >= MIN_ROWS:
                rows = np.flatnonzero(codes == code)
                measured = compare(
                    task,
                    truth[rows],
                    scores[rows],
                    {guess: other[rows] for guess, other in guesses.items()},
                    None if ties is None else ties.take(rows),
                    resamples=resamples,
                    seed=seed,
                )
            found.append(
                {
                    "column": name,
                    "segment": str(segments[code]),
                    "rows": int(counts[code]),
                    **{key: measured[key] for key in ("value", "interval", "baseline")},
                }
            )
    return {"min_rows": MIN_ROWS, "segments": found}
