"""Which columns the model may learn from, and the table it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quickstack.facts.contract.model import Column, Contract
from quickstack.facts.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Feature:
    """One column that the model learns from.

    Attributes
    ----------
    categories
        The values that the contract allows, in its order; empty for numeric features.
    """

    name: str
    kind: Literal["numeric", "category"]
    categories: tuple[str, ...] = ()


def features(contract: Contract) -> tuple[Feature, ...]:
    """Return the model's features, in contract order.

    Numbers, whole numbers and truth values are numeric; text with allowed values is a category.
    Text without them never enters an encoder: it may be personal, and new values would come
    unannounced.

    Raises
    ------
    DataError
        Where no column is left to learn from.
    """
    found = tuple(
        Feature(c.name, "category", tuple(str(value) for value in c.allowed))
        if c.type == "string"
        else Feature(c.name, "numeric")
        for c in contract.columns
        if c.name != contract.target and _reason_against(c, contract) is None
    )
    if not found:
        raise DataError(
            "no column is left for the model to learn from",
            where=f"contract {contract.id}",
            fix="give text columns their allowed values as `enum`, or add numeric columns",
        )
    return found


def unused_columns(contract: Contract) -> dict[str, str]:
    """Return why each column that is neither a feature nor the target is not used."""
    reasons = {c.name: _reason_against(c, contract) for c in contract.columns}
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


def _reason_against(column: Column, contract: Contract) -> str | None:
    if column.personal == "drop":
        return "personal: dropped at ingest"
    if column.personal is not None:
        return "personal: only a pseudonym is kept"
    if column.leaks_target:
        return "leaks the target: it is known only afterwards"
    if column.name == contract.time_column:
        return "the time column orders the rows"
    if column.key_position is not None:
        return "part of the primary key: it names the row"
    if not column.feature:
        return "the contract says that it is no feature"
    if column.type in ("date", "timestamp"):
        return "a date or time, not a measurement"
    if column.type == "string" and not column.allowed:
        return "text without allowed values in the contract"
    return None
