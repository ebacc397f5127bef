"""The metrics of the contract's quality rules, counted block by block."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from quickstack.data.quality.row_checks import over_distinct
from quickstack.facts.contract import Contract

if TYPE_CHECKING:
    import pyarrow as pa


def count_metrics(
    contract: Contract, columns: dict[str, pa.Array], counts: Counter[tuple[str, ...]]
) -> None:
    """Count the clean rows that each rule's metric counts.

    `nullValues` and `rowCount` follow from other counts, `duplicateValues` needs all files.

    Parameters
    ----------
    columns
        Typed columns of clean rows.
    counts
        (column, position of the rule in the column's `quality`) to rows; added to.
    """
    for column in contract.columns:
        values = columns[column.name]
        for index, rule in enumerate(column.quality):
            if rule.metric == "missingValues":
                mask = over_distinct(values, partial(_among, values=rule.missing))
                rows = values.null_count + (0 if mask is None else int(mask.sum()))
            elif rule.metric == "invalidValues":
                rows = _invalid(values, rule.valid, rule.pattern)
            else:
                continue
            if rows:
                counts[(column.name, str(index))] += rows


def _invalid(values: pa.Array, valid: tuple[object, ...], pattern: str | None) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wrong = np.zeros(len(values), bool)
    if valid:
        mask = over_distinct(values, lambda v: pc.invert(_among(v, valid)))
        wrong |= False if mask is None else mask
    if pattern is not None:
        mask = over_distinct(
            values, lambda v: pc.invert(pc.match_substring_regex(v.cast(pa.string()), pattern))
        )
        wrong |= False if mask is None else mask
    return int(wrong.sum())


def _among(cells: pa.Array, values: tuple[object, ...]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    marks = pa.array([str(value) for value in values], pa.string())
    return pc.is_in(cells.cast(pa.string()), value_set=marks)
