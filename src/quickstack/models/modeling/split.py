"""Which rows train and which test, and the period each row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Contract
from quickstack.facts.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TRAIN, TEST, UNLABELLED = "train", "test", "unlabelled"


def split_columns(contract: Contract) -> tuple[str, ...]:
    """Return the interim columns that the split and the periods need beside the target."""
    split = contract.split
    names = [] if split.share is None else _shared(contract)
    names += [] if split.where is None else [split.where[0]]
    names += [] if contract.time_column is None else [contract.time_column]
    return tuple(name for name in dict.fromkeys(names) if name != contract.target)


def split_labels(table: pd.DataFrame, contract: Contract) -> pd.Categorical:
    """Say which rows train the model and which test it.

    A row keeps its side when rows are added: it is chosen by its own time, position, value, group
    or key, never by how many others there are.

    Parameters
    ----------
    table
        All rows, in source order, with the target and `split_columns`.
    contract
        Its `split` says how.

    Returns
    -------
    pandas.Categorical
        Shape (rows,): `train`, `test`, or `unlabelled` where the target is missing.

    Raises
    ------
    DataError
        Where no row is left to train on, or to test with.
    """
    import pandas as pd

    split = contract.split
    if split.from_time is not None:
        moments = _moments(table, contract)
        # A row without a time compares as false: it trains, and tests nothing.
        test = moments >= np.datetime64(split.from_time, "us")
    elif split.from_row is not None:
        test = np.arange(len(table)) >= split.from_row
    elif split.where is not None:
        name, values = split.where
        test = table[name].isin(values).to_numpy(dtype=bool, na_value=False)
    else:
        test = _hashes_to_shares(table, _shared(contract)) < (split.share or 0.0)
    codes = test.astype("int8")
    codes[table[contract.target].isna().to_numpy(dtype=bool)] = 2
    labels = pd.Categorical.from_codes(codes, [TRAIN, TEST, UNLABELLED])
    for label, purpose in ((TRAIN, "to train on"), (TEST, "to test with")):
        if not (labels == label).any():
            raise DataError(
                f"the split leaves no labelled row {purpose}",
                where=f"contract {contract.id}",
                fix=f"change {_property(contract)}",
            )
    return labels


def count_rows(labels: pd.Categorical) -> dict[str, int]:
    """Return how many rows train, test and have no target."""
    return {label: int((labels == label).sum()) for label in (TRAIN, TEST, UNLABELLED)}


def period_labels(table: pd.DataFrame, contract: Contract) -> pd.Categorical | None:
    """Name the period of each row; sorted as text, the names are in the order of time.

    Parameters
    ----------
    table
        All rows, in source order, with the time column where there is one.
    contract
        Its `period` or `rows_per_period` says how long a period is.

    Returns
    -------
    pandas.Categorical or None
        Shape (rows,): `2024-03-05T13` (hour), `2024-03-05`, `2024-W05` (ISO 8601 week),
        `2024-03`, `2024-Q1`, `2024`, or `0001` for the first block of rows; "" where the time
        is missing. Its categories are "" and the periods that occur, in order. None where the
        contract gives no order in time.
    """
    import pandas as pd

    if contract.time_column is None:
        if contract.rows_per_period is None:
            return None
        blocks = np.arange(len(table)) // contract.rows_per_period
        return _named(blocks, [f"{n + 1:04d}" for n in np.unique(blocks)])
    # Many rows share a day or an hour: each is named once.
    unit = "h" if contract.period == "hour" else "D"
    starts = _moments(table, contract).astype(f"datetime64[{unit}]")
    codes, found = pd.factorize(starts.view("int64"))
    return _named(codes, _names(found.view(f"datetime64[{unit}]"), contract.period or "month"))


def row_moments(table: pd.DataFrame, contract: Contract) -> NDArray[Any] | None:
    """Return when each row happened.

    Parameters
    ----------
    table
        All rows, in source order, with the time column where there is one.

    Returns
    -------
    numpy.ndarray or None
        Shape (rows,): datetime64, or the position of a row where that is its time; None where
        the contract gives no order in time.
    """
    if contract.time_column is not None:
        return _moments(table, contract)
    return np.arange(len(table)) if contract.ordered else None


def _names(starts: NDArray[np.datetime64], period: str) -> list[str]:
    """Name the period of each day or hour; "" stands for a missing one."""
    import pandas as pd

    if period == "week":
        weeks = pd.Series(starts.astype("datetime64[s]")).dt.isocalendar().fillna(0)
        names = [f"{year}-W{week:02d}" for year, week in zip(weeks.year, weeks.week, strict=True)]
    elif period == "quarter":
        years = starts.astype("datetime64[Y]").astype(str)
        quarters = starts.astype("datetime64[M]").astype("int64") % 12 // 3 + 1
        names = [f"{year}-Q{quarter}" for year, quarter in zip(years, quarters, strict=True)]
    else:
        unit = {"hour": "h", "day": "D", "month": "M", "year": "Y"}[period]
        names = starts.astype(f"datetime64[{unit}]").astype(str).tolist()
    return ["" if gone else name for name, gone in zip(names, np.isnat(starts), strict=True)]


def _named(codes: NDArray[np.int64], names: list[str]) -> pd.Categorical:
    """Return the names of rows as ordered categories, "" first."""
    import pandas as pd

    categories = ["", *sorted({*names} - {""})]
    place = {name: number for number, name in enumerate(categories)}
    numbers = np.array([place[name] for name in names], dtype="int64")
    return pd.Categorical.from_codes(numbers[codes], categories, ordered=True)


def _moments(table: pd.DataFrame, contract: Contract) -> NDArray[np.datetime64]:
    return table[contract.time_column].to_numpy(dtype="datetime64[us]")


def _property(contract: Contract) -> str:
    split = contract.split
    given = (split.from_time, split.from_row, split.where, split.share)
    names = ("testFrom", "testFromRow", "testWhere", "testShare")
    return next(name for name, value in zip(names, given, strict=True) if value is not None)


def _shared(contract: Contract) -> list[str]:
    """Return the columns whose equal values stay on one side when a share of rows tests."""
    if contract.group is not None:
        return [contract.group]
    return list(contract.key) or [column.name for column in contract.interim_columns]


def _hashes_to_shares(table: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """Map each row's values to [0, 1): SipHash of pandas under its fixed default key.

    The columns are hashed as text written by fixed rules. Left to itself, pandas writes
    dates with or without their time according to what else is in the column, so that an added
    row could move others.
    """
    import pandas as pd
    from pandas.util import hash_pandas_object

    text = {}
    for name in names:
        column = table[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            column = column.astype("datetime64[us]").astype("int64")
        text[name] = column.astype(str).astype(object)
    hashes = hash_pandas_object(pd.DataFrame(text), index=False, categorize=False).to_numpy()
    # The upper 53 bits, since a double holds no more: dividing all 64 could round up to 1.
    return (hashes >> np.uint64(11)).astype("float64") * 2.0**-53
