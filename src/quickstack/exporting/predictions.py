"""The table of predictions: every row, named by its key, without any personal value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quickstack.exporting.tables import Field, Layout

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.contract.model import Contract, LogicalType
    from quickstack.monitoring.batches import Labels


def predictions_layout(contract: Contract, predicted: Iterable[str]) -> Layout:
    """Describe the table of predictions.

    Parameters
    ----------
    contract
        Names, types, units and descriptions come from it. A row without a primary key is named by
        its position.
    predicted
        The columns that `modeling.predict.predict` returns: `prediction`, `probability`,
        `probability_<class>`.

    Returns
    -------
    Layout
        Names are unique lower snake case ASCII; `Field.source` keeps the original.
    """
    target = contract.column(contract.target)
    number = contract.task == "regression"
    unit = target.unit if number else None
    key = [name for name in contract.key if not contract.column(name).dropped]
    named = list(key)
    if contract.time_column and contract.time_column not in named:
        named.append(contract.time_column)
    of_contract = [
        Field(c.name, c.interim_type, c.description, c.unit, c.name)
        for c in map(contract.column, named)
    ]
    fields = [
        Field("period", "string", "The period that the row belongs to; empty without one."),
        Field("split", "string", "train, test, or unlabelled where the truth is not known yet."),
        Field(
            "actual",
            target.interim_type if number else "string",
            f"The truth: {target.description}",
            unit,
            target.name,
        ),
    ]
    if not key or len(key) < len(contract.key):
        fields.insert(0, Field("row", "integer", "Position in the clean data, from 1."))
    for name in predicted:
        if name == "prediction":
            kind: LogicalType = "number" if number else "string"
            fields.append(Field(name, kind, "What the model predicts.", unit))
        else:
            whose = _whose(name, contract)
            fields.append(Field(name, "number", f"Predicted probability of {whose}, 0 to 1."))
    # The pipeline's own names are given first, so that a column of the contract cannot take one.
    ordered = [*fields, *of_contract]
    names = safe_names([field.name for field in ordered])
    renamed = [replace(field, name=name) for field, name in zip(ordered, names, strict=True)]
    return Layout(
        "predictions",
        f"{contract.grain} What the model predicts for each, also where the truth is not known.",
        (*renamed[len(fields) :], *renamed[: len(fields)]),
    )


def prediction_rows(
    table: pd.DataFrame,
    labels: Labels,
    predicted: pd.DataFrame,
    layout: Layout,
    *,
    decimals: int,
) -> pd.DataFrame:
    """Fill the table of predictions for one partition.

    Parameters
    ----------
    table, predicted
        The partition and its predictions, the same rows in the same order.
    labels
        Position, split and period of its rows.
    layout
        As `predictions_layout` gives it.
    decimals
        Predictions are rounded to it; keys and the truth are left as they are.

    Returns
    -------
    pandas.DataFrame
        One column per field, index 0 to rows - 1.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    own = iter(predicted.columns)
    for field in layout.fields:
        if field.source is not None:
            values = table[field.source].reset_index(drop=True)
            columns[field.name] = values.astype("string") if field.type == "string" else values
        elif field.name == "row":
            columns[field.name] = pd.RangeIndex(labels.first_row, labels.first_row + len(table))
        elif field.name == "period":
            columns[field.name] = _periods(labels)
        elif field.name == "split":
            columns[field.name] = labels.split
        else:
            values = predicted[next(own)].reset_index(drop=True)
            number = field.type == "number"
            columns[field.name] = values.round(decimals) if number else values.astype("string")
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def safe_names(names: Iterable[str]) -> list[str]:
    """Return lower snake case ASCII names, unique also where case is ignored, in the same order.

    Letters lose their accents; a name without any ASCII letter or digit becomes `column`, and one
    that stands twice gets a number.
    """
    result: list[str] = []
    for name in names:
        plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "column"
        base = f"column_{base}" if base[0].isdigit() else base
        unique, number = base, 2
        while unique in result:
            unique, number = f"{base}_{number}", number + 1
        result.append(unique)
    return result


def _periods(labels: Labels) -> list[str | None]:
    """Return the periods; None instead of "", which stands for a row without a time."""
    if labels.periods is None:
        return [None] * len(labels.split)
    return [str(period) or None for period in labels.periods]


def _whose(name: str, contract: Contract) -> str:
    """Say which class the probability in a column of `predict` is of."""
    if name != "probability":
        return f"class {name.removeprefix('probability_')}"
    if contract.task == "binary":
        return f"{contract.target} = {contract.positive}"
    return "the predicted class"
