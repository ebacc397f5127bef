"""Which batch each row belongs to, partition by partition.

The split and the periods may depend on a row's position in the whole table, so they are made for
all rows from a few columns, and then cut where the partitions are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.modeling.split import TEST, TRAIN, period_labels, split_labels

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from quickstack.contract.model import Contract

#: What the rows compared are called where rows have no order in time.
UNORDERED = TEST


@dataclass(frozen=True)
class Labels:
    """The labels of one partition's rows, shape (rows,) each.

    Attributes
    ----------
    first_row
        Position of its first row in the whole table, from 1.
    split
        `train`, `test` or `unlabelled`.
    periods
        Sortable; None where rows have no order in time.
    batches
        As `batch_labels` gives them.
    """

    first_row: int
    split: NDArray[np.str_]
    periods: NDArray[np.str_] | None
    batches: NDArray[np.str_]


def label_parts(parts: Sequence[pd.DataFrame], contract: Contract) -> list[Labels]:
    """Label the rows of each partition.

    Parameters
    ----------
    parts
        All partitions in order, at least one, with the target and `split.split_columns`.
    contract
        Says how rows are split, and how long a period is.
    """
    import pandas as pd

    table = pd.concat(parts, ignore_index=True)
    split, periods = split_labels(table, contract), period_labels(table, contract)
    batches = batch_labels(split, periods)
    ends = np.cumsum([len(part) for part in parts]).tolist()
    return [
        Labels(
            first_row=start + 1,
            split=split[start:end],
            periods=None if periods is None else periods[start:end],
            batches=batches[start:end],
        )
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def batch_labels(split: NDArray[Any], periods: NDArray[Any] | None) -> NDArray[np.str_]:
    """Name the batch that each row is judged in: its period, if the model has not seen the row.

    Parameters
    ----------
    split
        "train", "test" or "unlabelled", shape (rows,).
    periods
        Sortable labels, shape (rows,); None where rows have no order in time.

    Returns
    -------
    numpy.ndarray
        Text, shape (rows,): "" for training rows and for rows that are older than all test rows
        and have no truth; `test` for the test rows where there is no order.
    """
    if periods is None:
        return np.where(split == TEST, UNORDERED, "")
    tested = periods[(split == TEST) & (periods != "")]
    # Neighbours mostly share a period: only where one begins is compared as text.
    begins = tested[np.append(True, tested[1:] != tested[:-1])] if len(tested) else tested
    first = min(begins) if len(begins) else ""
    return np.where((split != TRAIN) & (periods >= first), periods, "")
