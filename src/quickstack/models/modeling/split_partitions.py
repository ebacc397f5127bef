"""Which batch each row belongs to, partition by partition.

The split and the periods may depend on a row's position in the whole table, so they are made for
all rows from a few columns, and then cut where the partitions are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quickstack.models.modeling.split import TEST, TRAIN, period_labels, split_labels

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract

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
        As `split.period_labels` gives them; None where rows have no order in time.
    batches
        As `batch_labels` gives them.
    """

    first_row: int
    split: pd.Categorical
    periods: pd.Categorical | None
    batches: pd.Categorical


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


def batch_labels(split: pd.Categorical, periods: pd.Categorical | None) -> pd.Categorical:
    """Name the batch that each row is judged in: its period, if the model has not seen the row.

    Parameters
    ----------
    split
        "train", "test" or "unlabelled", shape (rows,).
    periods
        As `split.period_labels` gives them, shape (rows,); None where rows have no order in time.

    Returns
    -------
    pandas.Categorical
        Shape (rows,): "" for training rows and for rows that are older than all test rows
        and have no truth; `test` for the test rows where there is no order.
    """
    import pandas as pd

    if periods is None:
        return pd.Categorical.from_codes((split == TEST).astype("int8"), ["", UNORDERED])
    # Code 0 is "", of rows without a time; the others are in order.
    tested = periods.codes[(split == TEST) & (periods.codes > 0)]
    judged = (split != TRAIN) & (periods.codes >= (tested.min() if len(tested) else 0))
    return pd.Categorical.from_codes(np.where(judged, periods.codes, 0), dtype=periods.dtype)
