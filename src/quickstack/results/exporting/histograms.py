"""Counts behind the page's figures: rows per segment value, period, outcome and bin of the score.

The browser adds cells up for any filter and recomputes every figure from them, so that the page
needs no row. Counting goes partition by partition; only counts are kept, and neither the order of
partitions nor where they are cut shows in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.results.exporting.axes import Scale

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract

#: Edges of the fine bins of a probability, before `packing` chooses some of them.
FINE = 1000
#: How a key is put together: value, period, channel and bin, 24 + 16 + 8 + 13 bits.
_VALUE, _PERIOD, _CHANNEL = 37, 21, 13
#: What is summed per cell of a regression; errors are predicted minus actual.
SUMS = ("rows", "error", "absolute", "squared", "actual", "actual_squared", "covered", "width")

Ints = NDArray[np.int64]


@dataclass
class Counts:
    """Sparse counts of one group of cells: `keys` sorted and unique, with their `rows`."""

    keys: Ints
    rows: Ints

    @property
    def value(self) -> Ints:
        """Number of the segment value of each key."""
        return self.keys >> _VALUE

    @property
    def period(self) -> Ints:
        """Number of the period of each key."""
        return (self.keys >> _PERIOD) & 0xFFFF

    @property
    def channel(self) -> Ints:
        """What is counted: an outcome, or a class and an outcome."""
        return (self.keys >> _CHANNEL) & 0xFF

    @property
    def bin(self) -> Ints:
        """Number of the bin."""
        return self.keys & 0x1FFF


def probability_edges(contract: Contract) -> NDArray[np.float64]:
    """Return the fine edges from 0 to 1; the contract's threshold is one, so it counts exactly."""
    return np.union1d(np.arange(FINE + 1) / FINE, [contract.decision.threshold])


class Histograms:
    """Counts of the rows that the model was not trained on.

    Group 0 holds all rows under one value; group i the values of the contract's segment i - 1.
    Channels of a binary task: 0 not the positive class, 1 the positive class, 2 truth unknown. Of
    a multiclass task with K classes: 0 counts pairs of truth and prediction (bin truth * K +
    prediction; truth K is unknown), 1 + 2k and 2 + 2k the probability of class k in rows of other
    classes and of its own. Of a regression: 0 the residual, 1 the pair of actual and predicted
    (bin actual * size + predicted), 2 the prediction where the truth is unknown.

    Parameters
    ----------
    contract
        Task, target, segments and threshold.
    scale
        The axes of a regression; None otherwise.
    """

    def __init__(self, contract: Contract, scale: Scale | None = None) -> None:
        from quickstack.models.modeling.fit import class_names

        self.contract, self.scale = contract, scale
        self.classes = class_names(contract)
        self.edges = probability_edges(contract)
        self.columns = (None, *contract.segments)
        self.values: list[dict[str | None, int]] = [{} for _ in self.columns]
        self.periods: dict[str, int] = {}
        self.sums: list[dict[tuple[int, int], NDArray[np.float64]]] = [{} for _ in self.columns]
        self._parts: list[list[Counts]] = [[] for _ in self.columns]

    def add(self, rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
        """Count one partition.

        Parameters
        ----------
        rows
            Of the table of predictions: `period`, `split`, `prediction`, and `probability`
            (binary), one `probability_<class>` per class in their order (multiclass), or `low` and
            `high` where there are any (regression).
        table
            The same rows in the same order, with the target and the segments.

        Returns
        -------
        pandas.DataFrame
            `rows` as they are, so that they can be counted on their way to a file.
        """
        import pandas as pd

        whole = rows
        new = (rows["split"] != "train").to_numpy()
        if not new.any():
            return whole
        if not new.all():
            needed = dict.fromkeys([self.contract.target, *self.contract.segments])
            rows, table = rows[new], table[[*needed]][new]
        period = _codes(rows["period"], self.periods)
        if self.contract.task == "regression":
            channels, weights = self._values(rows, table)
        else:
            weights = None
            codes, found = pd.factorize(table[self.contract.target])
            known = pd.Index(self.classes, dtype=object).get_indexer(found.astype(object))
            truth = np.append(known, -1)[codes]  # code -1 is a missing truth
            binary = self.contract.task == "binary"
            channels = self._score(rows, truth) if binary else self._scores(rows, truth)
        for group, name in enumerate(self.columns):
            numbers = self.values[group]
            value = np.zeros(len(rows), "int64") if name is None else _codes(table[name], numbers)
            if name is None:
                numbers[""] = 0
            for channel, where, bins in channels:
                cell = (value << _VALUE) | (period << _PERIOD)
                keys = (cell if where is None else cell[where]) | (channel << _CHANNEL) | bins
                self._parts[group].append(_count(keys))
            if len(self._parts[group]) > 64:
                self.counts(group)
            if weights is not None:
                self._sum(group, value, period, weights)
        return whole

    def counts(self, group: int) -> Counts:
        """Return the counts of a group over all partitions so far, and keep them as one part."""
        parts = self._parts[group]
        if len(parts) > 1:
            keys, places = np.unique(np.concatenate([p.keys for p in parts]), return_inverse=True)
            rows = np.bincount(places, np.concatenate([p.rows for p in parts]), len(keys))
            self._parts[group] = parts = [Counts(keys, rows.astype("int64"))]
        return parts[0] if parts else Counts(np.empty(0, "int64"), np.empty(0, "int64"))

    def _bins(self, score: pd.Series) -> Ints:
        values = score.to_numpy(dtype="float64", na_value=0.0)
        last = len(self.edges) - 2
        return np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, last)

    def _score(self, rows: pd.DataFrame, truth: Ints) -> list[Any]:
        # A truth that is none of the classes, -1, is the unknown one, channel 2.
        channel = np.where(truth < 0, 2, truth)
        return [(channel, None, self._bins(rows["probability"]))]

    def _scores(self, rows: pd.DataFrame, truth: Ints) -> list[Any]:
        import pandas as pd

        names, size = [str(name) for name in self.classes], len(self.classes)
        predicted = pd.Index(names).get_indexer(rows["prediction"].astype(str))
        asked = np.where(truth < 0, size, truth)
        found: list[Any] = [(0, None, asked * size + np.clip(predicted, 0, None))]
        known = np.flatnonzero(truth >= 0)
        columns = [name for name in rows.columns if str(name).startswith("probability_")][:size]
        for k, name in enumerate(columns):
            own = (truth[known] == k).astype("int64")
            found.append((1 + 2 * k + own, known, self._bins(rows[name].iloc[known])))
        return found

    def _values(self, rows: pd.DataFrame, table: pd.DataFrame) -> tuple[list[Any], Any]:
        assert self.scale is not None
        axis = self.scale.value
        actual, predicted = _numbers(table[self.contract.target]), _numbers(rows["prediction"])
        known = np.flatnonzero(~np.isnan(actual) & ~np.isnan(predicted))
        unknown = np.flatnonzero(np.isnan(actual) & ~np.isnan(predicted))
        y, p = actual[known], predicted[known]
        pairs = axis.bins(y) * axis.size + axis.bins(p)
        inside = width = np.zeros(len(y))
        if "low" in rows and "high" in rows:
            low, high = (_numbers(rows[name])[known] for name in ("low", "high"))
            inside, width = ((low <= y) & (y <= high)).astype("float64"), high - low
        error, centred = p - y, y - self.scale.value.start
        sums = [np.ones(len(y)), error, np.abs(error), error**2, centred, centred**2, inside, width]
        channels = [
            (0, known, self.scale.residual.bins(error)),
            (1, known, pairs),
            (2, unknown, axis.bins(predicted[unknown])),
        ]
        return channels, (known, sums)

    def _sum(self, group: int, value: Ints, period: Ints, weights: Any) -> None:
        known, sums = weights
        cells, places = np.unique((value << 16 | period)[known], return_inverse=True)
        totals = np.stack([np.bincount(places, weight, len(cells)) for weight in sums], axis=1)
        held = self.sums[group]
        for cell, total in zip(cells.tolist(), totals, strict=True):
            key = (cell >> 16, cell & 0xFFFF)
            held[key] = held.get(key, 0.0) + total


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    return column.to_numpy(dtype="float64", na_value=np.nan)


def _codes(column: pd.Series, known: dict[Any, int]) -> Ints:
    """Give each value of a column its number, as text; None is a missing one."""
    import pandas as pd

    codes, found = pd.factorize(column, use_na_sentinel=True)
    names = [str(value) for value in found]
    if (codes < 0).any():
        codes, names = np.where(codes < 0, len(names), codes), [*names, None]  # type: ignore[list-item]  # None names the missing value
    numbers = np.array([known.setdefault(name, len(known)) for name in names], dtype="int64")
    return numbers[codes]


def _count(keys: Ints) -> Counts:
    """Count equal keys."""
    found, rows = np.unique(keys, return_counts=True)
    return Counts(found, rows)
