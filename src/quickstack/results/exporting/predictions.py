"""The table of predictions: every row, named by its key, without any personal value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from quickstack.data.interim.interim_tables import interim_texts
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.prediction_columns import outcome_columns, outcome_fields
from quickstack.results.exporting.reason_columns import reason_fields

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract, LogicalType
    from quickstack.models.modeling.split_partitions import Labels

#: What the table of metrics says where there is no segment: no column may be called so.
RESERVED = ("all",)


def predictions_layout(
    contract: Contract, predicted: Iterable[str], explained: str | None = None
) -> Layout:
    """Describe the table of predictions.

    Parameters
    ----------
    contract
        Names, types, units and descriptions come from it. Rows are named by the primary key
        where it leaves ingest whole, else by their position.
    predicted
        The columns that `modeling.predict.predict` returns: `prediction`, `probability`,
        `probability_<class>`, `unseen`.
    explained
        What the parts of a score are of; None where the model gives none.

    Returns
    -------
    Layout
        In this order: key, time and group; period, split and truth; predictions; segments; what
        follows from them (`outcomes`); reasons; the model's version. One file per period. Names are
        unique lower snake case ASCII; `Field.source` keeps the original.
    """
    key = [contract.column(name) for name in contract.key]
    whole = bool(key) and not any(c.dropped or c.generalisation for c in key)
    named = [c.name for c in key if not c.dropped]
    if contract.time_column and contract.time_column not in named:
        named.append(contract.time_column)
    if contract.entity is not None and contract.entity not in named:
        named.append(contract.entity)
    of_contract = [
        Field(c.name, c.interim_type, c.description, c.unit, c.name)
        for c in map(contract.column, named)
    ]
    segments = [
        Field(c.name, "string", c.description or "What the results are grouped by.", None, c.name)
        for c in map(contract.column, contract.segments)
        if c.name not in named
    ]
    fields = [*_row_fields(contract, numbered=not whole), *_predicted_fields(contract, predicted)]
    outcomes = [
        *outcome_fields(contract),
        *reason_fields(contract, explained),
        Field("model_version", "string", "The first 12 hexadecimal digits of the model's SHA-256."),
    ]
    # The pipeline's own names are given first, so that a column of the contract cannot take one.
    ordered = [*fields, *outcomes, *of_contract, *segments]
    names = safe_names([*RESERVED, *(field.name for field in ordered)])[len(RESERVED) :]
    named_fields = iter(replace(f, name=name) for f, name in zip(ordered, names, strict=True))
    own, last, first, groups = (
        tuple(islice(named_fields, len(part))) for part in (fields, outcomes, of_contract, segments)
    )
    return Layout(
        "predictions",
        f"{contract.grain or 'One row per clean row.'} What the model predicts for each, also "
        "where the truth is not known.",
        (*first, *own, *groups, *last),
        key=tuple(field.name for field in first[: len(key)]) if whole else ("row",),
        partition="period",
    )


def prediction_rows(
    table: pd.DataFrame,
    labels: Labels,
    predicted: pd.DataFrame,
    layout: Layout,
    contract: Contract,
    *,
    model_version: str,
    half_width: float | None = None,
    reasons: Mapping[str, Any] | None = None,
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
        As `predictions_layout` gives it for `contract`.
    model_version
        The first digits of the model's hash.
    half_width
        Of the interval around a regression's predictions; None where it is not known.
    reasons
        As `reason_columns` gives them, where the layout has such columns.
    decimals
        Predictions are rounded to it; keys and the truth are left as they are.

    Returns
    -------
    pandas.DataFrame
        One column per field, index 0 to rows - 1.
    """
    import numpy as np
    import pandas as pd

    rows = len(table)
    columns: dict[str, Any] = {
        "row": np.arange(labels.first_row, labels.first_row + rows),
        "period": _periods(labels.periods, rows),
        "split": labels.split,
        "model_version": pd.Categorical.from_codes(np.zeros(rows, "int8"), [model_version]),
    }
    own = iter(predicted.columns)
    for field in layout.fields:
        if field.source is not None:
            values = table[field.source]
            if field.type == "string" and field.name != "actual":
                values = interim_texts(values, contract.column(field.source).interim_type)
        elif field.name.startswith(("prediction", "probability", "unseen")):
            values = predicted[next(own)]
            values = values.round(decimals) if field.type == "number" else values
        else:
            continue
        if field.type == "string" and values.dtype != "str":
            values = values.astype("string")
        columns[field.name] = values.array  # without its index, which may be any
    columns |= reasons or {}
    columns |= outcome_columns(contract, columns, half_width=half_width, decimals=decimals)
    return pd.DataFrame({field.name: columns[field.name] for field in layout.fields}, copy=False)


def segment_names(layout: Layout) -> dict[str, str]:
    """Return what the columns of the contract are called in an exported table."""
    return {field.source: field.name for field in layout.fields if field.source is not None}


def _row_fields(contract: Contract, *, numbered: bool) -> list[Field]:
    target = contract.column(contract.target)
    number = contract.task == "regression"
    position = Field("row", "integer", "Position in the clean data, from 1.")
    return [
        *([position] if numbered else []),
        Field("period", "string", "The period that the row belongs to; empty without one."),
        Field("split", "string", "train, test, or unlabelled where the truth is not known yet."),
        Field(
            "actual",
            target.interim_type if number else "string",
            f"The truth: {target.description}" if target.description else "The truth.",
            target.unit if number else None,
            target.name,
        ),
    ]


def _predicted_fields(contract: Contract, predicted: Iterable[str]) -> list[Field]:
    number = contract.task == "regression"
    unit = contract.column(contract.target).unit if number else None
    fields = []
    for name in predicted:
        if name == "prediction":
            kind: LogicalType = "number" if number else "string"
            fields.append(Field(name, kind, "What the model predicts.", unit))
        elif name == "unseen":
            fields.append(
                Field(
                    name,
                    "string",
                    "The columns whose value in this row training never saw: the row is scored by "
                    "what is else known of it. Empty for all other rows.",
                )
            )
        else:
            whose = _whose(name, contract)
            fields.append(
                Field(
                    name,
                    "number",
                    f"Predicted probability of {whose}, 0 to 1, as the model gives it, without a "
                    "calibration of its own.",
                )
            )
    return fields


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


def _periods(periods: pd.Categorical | None, rows: int) -> pd.Categorical:
    """Return the periods with null instead of "", which stands for a row without a time."""
    import pandas as pd

    if periods is None:
        return pd.Categorical([None] * rows)
    # "" is the first category, and what stands for null is code -1.
    return pd.Categorical.from_codes(periods.codes - 1, periods.categories[1:])


def _whose(name: str, contract: Contract) -> str:
    """Say which class the probability in a column of `predict` is of."""
    if name != "probability":
        return f"class {name.removeprefix('probability_')}"
    if contract.task == "binary":
        return f"{contract.target} = {contract.positive}"
    return "the predicted class"
