"""Which columns the model may learn from, and the table it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quickstack.facts.contract.model import Column, Contract, Monotone
from quickstack.facts.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Feature:
    """One column that the model learns from.

    Attributes
    ----------
    categories
        The values that the contract allows, in its order; empty for numeric features.
    seen
        How often each category stands in the training rows; empty before training.
    monotone
        How the prediction may move with the number, by the contract; None: anyhow.
    """

    name: str
    kind: Literal["numeric", "category"]
    categories: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    monotone: Monotone | None = None


#: A whole number of a key with more values than this may number its rows or what they belong to.
FEW_VALUES = 100
#: A name that tells things apart, such as `patient_id`, `orderNo` or `key`.
NAMES_THINGS = re.compile(
    r"(?i:(^|[^a-z])(id|no|nr|num|number|key|code|uid|uuid)$)|[a-z](ID|Id|No)$"
)


def features(contract: Contract, table: pd.DataFrame | None = None) -> tuple[Feature, ...]:
    """Return the model's features, in contract order.

    Numbers, whole numbers and truth values are numeric; text with allowed values is a category.
    Text without them never enters an encoder: it may be personal, and new values would come
    unannounced. A column of the key stays where its values are listed, or where it measures
    something rather than numbering rows; `feature: true` keeps any.

    Parameters
    ----------
    table
        The training rows, which tell a running number from a measurement. Without them no number
        of the key stays that the contract does not name a feature.

    Raises
    ------
    DataError
        Where no column is left to learn from.
    """
    found = tuple(
        Feature(c.name, "category", tuple(str(value) for value in c.allowed))
        if c.type == "string"
        else Feature(c.name, "numeric", monotone=c.monotone)
        for c in contract.columns
        if c.name != contract.target and _reason_against(c, contract, table) is None
    )
    if not found:
        raise DataError(
            "no column is left for the model to learn from",
            where=f"contract {contract.id}",
            fix="give text columns their allowed values as `enum`, or add numeric columns",
        )
    return found


def unused_columns(contract: Contract, table: pd.DataFrame | None = None) -> dict[str, str]:
    """Return why each column that is neither a feature nor the target is not used."""
    reasons = {c.name: _reason_against(c, contract, table) for c in contract.columns}
    return {
        name: reason
        for name, reason in reasons.items()
        if reason is not None and name != contract.target
    }


def feature_frame(table: pd.DataFrame, features: Iterable[Feature]) -> pd.DataFrame:
    """Return the features of a table, as every model of this library takes them.

    Parameters
    ----------
    table
        Typed rows, as `sources.interim.read_interim` gives them.
    features
        What to take, in this order.

    Returns
    -------
    pandas.DataFrame
        Index as in `table`; numeric features float64 with NaN, categories objects: text, or None
        where it is missing.

    Raises
    ------
    DataError
        Where the table lacks a feature, or a numeric feature holds text.
    """
    import numpy as np
    import pandas as pd

    taken = {}
    for feature in features:
        if feature.name not in table.columns:
            raise DataError(
                f"the table lacks the feature '{feature.name}'",
                fix="run `dvc repro`, so that data and model come from the same contract",
            )
        column = table[feature.name]
        if feature.kind == "category":
            values = column.astype(object).where(column.notna(), None)
            taken[feature.name] = pd.Series(values, index=table.index, dtype=object)
            continue
        try:
            taken[feature.name] = pd.Series(
                column.to_numpy(dtype="float64", na_value=np.nan), index=table.index
            )
        except (TypeError, ValueError):
            raise DataError(
                f"the feature '{feature.name}' is not numeric in the table",
                fix="run `dvc repro`, so that data and model come from the same contract",
            ) from None
    return pd.DataFrame(taken, index=table.index)


def _reason_against(column: Column, contract: Contract, table: pd.DataFrame | None) -> str | None:
    where = contract.split.where
    reasons = (
        (column.personal == "drop", "personal: dropped at ingest"),
        (column.personal is not None, "personal: only a pseudonym is kept"),
        (column.leaks_target, "leaks the target: it is known only afterwards"),
        (column.name == contract.time_column, "the time column orders the rows"),
        (where is not None and column.name == where[0], "it chooses the test rows"),
        (column.name == contract.weight, "it says how much a row counts"),
        (column.feature is False, "the contract says that it is no feature"),
        (_names_the_row(column, contract, table), "part of the primary key: it names the row"),
        (column.type in ("date", "timestamp"), "a date or time, not a measurement"),
        (
            column.type == "string" and not column.allowed,
            "text without allowed values in the contract",
        ),
    )
    return next((reason for true, reason in reasons if true), None)


def _names_the_row(column: Column, contract: Contract, table: pd.DataFrame | None) -> bool:
    """Whether a column of the key names rows or their group, rather than describing them."""
    if column.key_position is None or column.feature or column.allowed:
        return False
    if len(contract.key) == 1 or column.type not in ("integer", "number"):
        return True
    if table is None or column.name not in table:
        return True
    return NAMES_THINGS.search(column.name) is not None or _runs(
        table[column.name].to_numpy("float64", na_value=float("nan")),
        grouped=column.name == contract.entity,
    )


def _runs(values: NDArray[np.float64], *, grouped: bool) -> bool:
    """Whether whole numbers count on, or differ from row to row as the numbers of things do."""
    import numpy as np

    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) <= FEW_VALUES or (distinct != np.rint(distinct)).any():
        return False
    dense = len(distinct) >= 0.9 * (distinct[-1] - distinct[0] + 1)
    return bool(grouped or dense or len(distinct) >= len(values) / 2)
