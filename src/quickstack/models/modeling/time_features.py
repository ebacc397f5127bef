"""Which features only say the time, so that new rows always have other values.

A year, a running number or days since a launch are new in every new period; a month or a weekday
repeats with the calendar. That such a feature moved says that time passed, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

#: A column in which one value is more common than this is too constant to say the time.
MOST_COMMON = 0.995


def says_time(column: pd.Series, moments: NDArray[Any]) -> bool:
    """Whether a feature is monotone with time, or a part of the calendar such as the weekday.

    Parameters
    ----------
    column
        The feature in the training rows.
    moments
        When each row happened, datetime64, or its position, shape (rows,).

    Returns
    -------
    bool
        True where it is monotone: no value of a moment lies beyond one of a later moment. Also
        where it is a function of a part of the calendar that recurred with several values. False
        where values or moments are missing, or nearly all values are the same.
    """
    import pandas as pd

    dated = moments.dtype.kind == "M"
    if column.isna().any() or (dated and np.isnat(moments).any()):
        return False
    order = np.argsort(moments, kind="stable")
    values = pd.factorize(column.iloc[order], sort=column.dtype.kind == "f")[0]
    sorted_moments = moments[order]
    if not len(values) or np.bincount(values).max() > MOST_COMMON * len(values):
        return False
    starts = np.flatnonzero(np.append(True, sorted_moments[1:] != sorted_moments[:-1]))
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    if len(starts) > 1 and ((high[:-1] <= low[1:]).all() or (low[:-1] >= high[1:]).all()):
        return True
    return dated and any(_repeats(values, *part) for part in _parts(sorted_moments))


def _parts(moments: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return parts of the calendar, each with the cycle that it recurs in."""
    import pandas as pd

    at = pd.DatetimeIndex(moments)
    days = moments.astype("datetime64[D]").astype("int64")
    weeks = (days + 3) // 7
    return [
        (at.day_of_week.to_numpy() * 24 + at.hour.to_numpy(), weeks),
        (at.day.to_numpy(), at.year.to_numpy() * 12 + at.month.to_numpy()),
        (at.month.to_numpy() * 31 + at.day.to_numpy(), at.year.to_numpy()),
        (at.day_of_year.to_numpy(), at.year.to_numpy()),
        (at.isocalendar().week.to_numpy(dtype="int64"), at.isocalendar().year.to_numpy("int64")),
    ]


def _repeats(values: NDArray[Any], part: NDArray[Any], cycle: NDArray[Any]) -> bool:
    """Whether each part has one value, and parts with several values came back in later cycles."""
    order = np.argsort(part, kind="stable")
    part, values, cycle = part[order], values[order], cycle[order]
    starts = np.flatnonzero(np.append(True, part[1:] != part[:-1]))
    low = np.minimum.reduceat(values, starts)
    if (np.maximum.reduceat(values, starts) != low).any():
        return False
    recurring = np.maximum.reduceat(cycle, starts) > np.minimum.reduceat(cycle, starts)
    return len(np.unique(low[recurring])) > 1
