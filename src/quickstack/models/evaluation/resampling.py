"""Which rows are drawn together: those of one entity, or of one block of time.

Rows of one customer, or of one stormy week, are not independent. An interval that draws them one by
one is too narrow, so what is drawn are whole units that are nearly independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.metrics import Floats

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract

Codes = NDArray[np.intp]

#: A column with fewer values, or a time with fewer moments, says nothing about others of its kind.
FEWEST = 5
#: Neighbouring blocks resemble each other where their correlation exceeds this many of its standard
#: errors. A block is this many times as long as the longest that does, but there are at least so
#: many of them. Calibrated by `make prove-verdicts`.
NOTICED, TIMES, LEAST_BLOCKS = 2.33, 12, 8
#: What 95 % intervals are drawn at: percentile intervals of some hundred units cover about a
#: percent less than they say, as the same bench shows.
DRAWN_AT = 0.96


@dataclass(frozen=True)
class Ties:
    """What ties rows together.

    Attributes
    ----------
    column, group
        The column whose rows belong together, and its values as codes, shape (rows,).
    moments
        What orders the rows in time, shape (rows,).
    """

    column: str | None = None
    group: Codes | None = None
    moments: NDArray[Any] | None = None

    def take(self, rows: NDArray[Any]) -> Ties:
        """Return the ties of some of the rows."""
        group = None if self.group is None else self.group[rows]
        moments = None if self.moments is None else self.moments[rows]
        return replace(self, group=group, moments=moments)


@dataclass(frozen=True)
class Units:
    """What is drawn.

    Attributes
    ----------
    codes, count
        The unit of each row, shape (rows,), and how many units there are.
    """

    kind: Literal["rows", "group", "time"]
    codes: Codes
    count: int
    column: str | None = None

    @property
    def words(self) -> str:
        """Say which units are drawn, and why."""
        if self.kind == "group":
            return f"drawn by `{self.column}` ({self.count:,}), whose rows belong together"
        if self.kind == "time":
            rows = len(self.codes) / self.count
            return (
                f"drawn in {self.count:,} blocks of time of about {rows:,.0f} rows, since errors "
                "near in time resemble each other"
            )
        return f"drawn one by one ({self.count:,}), since nothing is seen to tie them together"

    def report(self) -> dict[str, Any]:
        """Return it for `reports/metrics.json`."""
        return {"unit": self.kind, "column": self.column, "units": self.count, "words": self.words}


def ties_of(table: pd.DataFrame, contract: Contract) -> Ties:
    """Return what ties the rows of a table together.

    Parameters
    ----------
    table
        Rows in source order, with `tie_columns` of the contract.
    """
    import pandas as pd

    column, group, moments = contract.entity, None, None
    if column is not None:
        group = pd.factorize(table[column], use_na_sentinel=False)[0]
    if contract.time_column is not None:
        moments = table[contract.time_column].to_numpy(dtype="datetime64[us]")
    elif contract.ordered:
        moments = np.arange(len(table))
    return Ties(column, group, moments)


def tie_columns(contract: Contract) -> set[str]:
    """Return the columns that `ties_of` reads."""
    return {name for name in (contract.entity, contract.time_column) if name is not None}


def find_units(losses: Floats, ties: Ties) -> Units:
    """Choose what to draw: entities or blocks of time, whichever gives the wider interval.

    Blocks of time are chosen only where losses near in time are seen to resemble each other: where
    rows of one moment have more in common than chance gives, or neighbouring blocks are correlated.
    The length of a block follows from the longest at which they are.

    Parameters
    ----------
    losses
        float64, shape (rows,) or (rows, series): the losses whose mean is to be known, such as that
        of a model and its difference from another.
    """
    series = losses.reshape(len(losses), -1)
    series = series - series.mean(axis=0)
    found = [Units("rows", np.arange(len(series)), len(series))]
    if ties.group is not None:
        codes = np.unique(ties.group, return_inverse=True)[1]
        count = int(codes.max(initial=-1)) + 1
        if FEWEST <= count < len(series):
            found = [Units("group", codes, count, ties.column)]
    if ties.moments is not None and len(series):
        found += _blocks(series, ties.moments)
    return max(found, key=lambda units: _width(series, units)) if len(found) > 1 else found[0]


def percentiles(units: int) -> tuple[float, float]:
    """Return the percentiles of the resamples that a 95 % interval lies between.

    They lie further out where units are few, as Student's t does beside the normal distribution
    (Hesterberg 2015, What Teachers Should Know About the Bootstrap,
    doi:10.1080/00031305.2015.1089789, the expanded percentile interval).
    """
    from scipy.special import ndtr

    if units < 2:
        return 0.0, 100.0
    low = 100 * float(ndtr(-np.sqrt(units / (units - 1)) * _quantile(units)))
    return low, 100 - low


def _quantile(units: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(units - 1, (1 + DRAWN_AT) / 2))


def _width(series: Floats, units: Units) -> float:
    """Return the half width of the interval of the mean, the largest over the series."""
    sums = _sums(series, units.codes, units.count)
    spread = (sums**2).sum(axis=0) * units.count / (units.count - 1)
    # In units of each series' own spread, so that all of them count alike.
    relative = spread / np.maximum((series**2).sum(axis=0), np.finfo("float64").tiny)
    return _quantile(units.count) * float(np.sqrt(relative.max()))


def _sums(series: Floats, codes: Codes, count: int) -> Floats:
    return np.column_stack([np.bincount(codes, one, count) for one in series.T])


def _blocks(series: Floats, moments: NDArray[Any]) -> list[Units]:
    """Return the blocks of time; none where losses near in time do not resemble each other."""
    codes = np.unique(moments, return_inverse=True)[1]
    count = int(codes.max()) + 1
    sums = _sums(series, codes, count)
    longest = max(map(_reach, sums.T))
    if longest == 0 and not (FEWEST <= count < len(series) and _shared(series, codes, sums)):
        return []
    length = max(min(TIMES * longest, count // LEAST_BLOCKS), 1)
    blocks = count // length
    return [Units("time", np.minimum(codes // length, blocks - 1), blocks)]


def _reach(sums: Floats) -> int:
    """Return the longest length, a power of two, at which neighbouring blocks are correlated."""
    longest, length = 0, 1
    while (count := len(sums) // length) >= LEAST_BLOCKS:
        block = sums[: count * length].reshape(count, length).sum(axis=1)
        block = block - block.mean()
        spread = (block**2).sum()
        if spread > 0 and (block[1:] * block[:-1]).sum() / spread > NOTICED / np.sqrt(count):
            longest = length
        length *= 2
    return longest


def _shared(series: Floats, codes: Codes, sums: Floats) -> bool:
    """Say whether rows of one moment have more in common than chance gives.

    The between-moments sum of squares is compared with its mean and standard deviation under
    independence, the latter with the excess kurtosis of the losses.
    """
    sizes = np.bincount(codes)
    variance = (series**2).mean(axis=0)
    known = variance > 0
    if not known.any():
        return False
    variance, sums, free = variance[known], sums[:, known], len(sizes) - 1
    excess = ((series[:, known] ** 4).mean(axis=0) / variance**2 - 3).clip(0)
    between = (sums**2 / sizes[:, None]).sum(axis=0) / variance
    limit = free + NOTICED * np.sqrt(2 * free + excess * (1 / sizes).sum())
    return bool((between > limit).any())
