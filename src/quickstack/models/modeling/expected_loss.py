"""The loss that a prediction leads one to expect, where the truth is not known yet.

The loss of training rows that the model had not seen is averaged in bins of the score. Of a
probability that is calibration: the mean loss of rows scored alike. The mean over the rows of a
period is then its expected loss. It is right where only the mix of rows changed, and confidently
wrong where the world did. So past periods, whose truth is known, say how far off it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Task
from quickstack.models.modeling.metrics import Floats, row_losses

#: Bins of the score, of about equal share.
BINS = 20
#: Past periods that must be known, rows in each, and how many periods are remembered.
MIN_PERIODS, MIN_ROWS, REMEMBERED = 6, 30, 60
#: An interval half as wide as this share of the loss in training says nothing.
USEFUL = 0.5


class Past(NamedTuple):
    """A period whose truth is known: its rows, and its loss minus the expected one."""

    rows: int
    error: float


def score_axis(task: Task, scores: Floats) -> Floats:
    """Return what the loss is expected from: the score, or the largest of several of a row."""
    return scores.max(axis=1) if task == "multiclass" else scores


def describe_losses(
    task: Task, truth: Floats, scores: Floats, periods: NDArray[Any] | None
) -> dict[str, Any]:
    """Describe the loss by score, of training rows that the model had not seen.

    Parameters
    ----------
    task, truth, scores
        As `modeling.metrics` describes them.
    periods
        The period of each row, "" where there is none, shape (rows,); None without an order.

    Returns
    -------
    dict
        JSON-able: `cuts` of the score, `losses` in each bin, and `past`, the rows and the error of
        each period, expected from the other periods, in order.
    """
    axis, losses = score_axis(task, scores), row_losses(task, truth, scores)
    cuts = np.unique(np.quantile(axis, np.arange(1, BINS) / BINS))
    bins, count = np.searchsorted(cuts, axis), len(cuts) + 1
    rows, sums = np.bincount(bins, minlength=count), np.bincount(bins, losses, count)
    mean = float(losses.mean())
    past = []
    for label in np.array([]) if periods is None else np.unique(periods[periods != ""]):
        own = periods == label
        if own.sum() >= MIN_ROWS:
            own_rows = np.bincount(bins[own], minlength=count)
            other_rows = rows - own_rows
            others = sums - np.bincount(bins[own], losses[own], count)
            expected = np.where(other_rows > 0, others / np.maximum(other_rows, 1), mean)
            error = losses[own].mean() - expected @ own_rows / own.sum()
            past.append([int(own.sum()), float(error)])
    by_bin = np.where(rows > 0, sums / np.maximum(rows, 1), mean)
    return {"cuts": cuts.tolist(), "losses": by_bin.tolist(), "past": past[-REMEMBERED:]}


def expected_losses(described: Mapping[str, Any], axis: Floats) -> Floats:
    """Return the expected loss of each row, shape (rows,), from its `score_axis`."""
    bins = np.searchsorted(np.asarray(described["cuts"]), axis)
    losses: Floats = np.asarray(described["losses"])[bins]
    return losses


def half_width(past: Sequence[Past], rows: int, deviation: float) -> float | None:
    """Return half the width of the 95 % interval of a further period, checked on those past.

    It is Student's t times the root mean square of past errors, at least the largest of them; a
    smaller period than those has a wider one.

    Parameters
    ----------
    past
        Periods whose truth is known, in order.
    rows
        Of the period.
    deviation
        Standard deviation of the loss of one row.

    Returns
    -------
    float or None
        None where there are fewer than six, or where one of the six newest lay outside the
        interval that those before it gave: there the estimate was not right.
    """
    if len(past) < MIN_PERIODS:
        return None
    for index in range(max(MIN_PERIODS, len(past) - MIN_PERIODS), len(past)):
        if abs(past[index].error) > _half_width(past[:index], past[index].rows, deviation):
            return None
    return _half_width(past, rows, deviation)


def _half_width(past: Sequence[Past], rows: int, deviation: float) -> float:
    from scipy.special import stdtrit

    errors = np.array([one.error for one in past])
    typical = float(np.median([one.rows for one in past]))
    wide = max(
        float(stdtrit(len(past), 0.975)) * float(np.sqrt((errors**2).mean())),
        float(np.abs(errors).max()),
    )
    smaller = max(1 / max(rows, 1) - 1 / typical, 0.0)
    return float(np.sqrt(wide**2 + 1.959964**2 * deviation**2 * smaller))
