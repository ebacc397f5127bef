"""The columns of an exported table as people read them: names, formats, folders, units."""

from __future__ import annotations

from quickstack.facts.contract.model import Contract
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.powerbi.object_names import (
    dax_column,
    dax_text,
    format_unit,
    one_line,
    readable,
    unique,
)
from quickstack.results.exporting.powerbi.semantic_model import ModelColumn

#: Columns that the pipeline adds to the predictions; all others are the contract's.
_OWN = {
    "row", "period", "split", "actual", "prediction", "probability", "acted", "value", "low",
    "high", "model_version",
}  # fmt: skip
#: Columns that measures need and nobody reads.
HELPERS = ("Measured", "Case", "Score", "Probability band")


def model_columns(layout: Layout, contract: Contract) -> tuple[ModelColumn, ...]:
    """Return the columns of a table, in the order of the layout.

    Parameters
    ----------
    layout
        The exported table.
    contract
        Names its columns, its task and its positive class.
    """
    predictions = layout.name == "predictions"
    names = dict(zip((f.name for f in layout.fields), _names(layout), strict=True))
    columns = [
        ModelColumn(
            names[field.name],
            field.type,
            _description(field),
            source=field.name,
            format=_format(field, key=field.name in layout.key),
            folder=_folder(field, layout, contract) if predictions else "",
            hidden=field.name == "model_version",
        )
        for field in layout.fields
    ]
    return (*columns, *(_helpers(names, contract) if predictions else ()))


def key_columns(layout: Layout) -> list[str]:
    """Return what people read for the columns of the key."""
    names = dict(zip((f.name for f in layout.fields), _names(layout), strict=True))
    return [names[name] for name in layout.key]


def _names(layout: Layout) -> list[str]:
    """Name the pipeline's own columns first, so that a contract's cannot take their names."""
    if layout.name != "predictions":
        return unique(readable(field.name) for field in layout.fields)
    own = [field for field in layout.fields if _is_own(field)]
    others = [field for field in layout.fields if not _is_own(field)]
    names = unique(
        [
            *(readable(field.name) for field in own),
            *(readable(field.source or field.name) for field in others),
        ],
        HELPERS,
    )
    by_field = dict(zip((f.name for f in (*own, *others)), names, strict=True))
    return [by_field[field.name] for field in layout.fields]


def _is_own(field: Field) -> bool:
    return field.name in _OWN or field.source is None


def _description(field: Field) -> str:
    unit = f" Unit: {one_line(field.unit)}." if field.unit else ""
    return one_line(field.description) + unit


def _format(field: Field, *, key: bool) -> str:
    if field.type == "date":
        return "yyyy-mm-dd"
    if field.type == "timestamp":
        return "yyyy-mm-dd hh:nn"
    if field.type == "integer":
        return "0" if key or field.name == "row" else "#,0" + format_unit(field.unit)
    if field.type == "number":
        if field.name.startswith("probability") and field.source is None:
            return "0.0%"
        return "#,0.###" if field.unit is None else "#,0.00" + format_unit(field.unit)
    return ""


def _folder(field: Field, layout: Layout, contract: Contract) -> str:
    if field.name in layout.key or field.name == "row":
        return "Key"
    if field.source in contract.segments and field.name != "actual":
        return "Segments"
    return "Result"


def _helpers(names: dict[str, str], contract: Contract) -> list[ModelColumn]:
    """Compute what measures need: which rows count for quality, cases as 1 and 0, coarse scores."""
    table = readable("predictions")
    split, actual = (dax_column(table, names[n]) for n in ("split", "actual"))
    helpers = [
        ModelColumn(
            "Measured",
            "boolean",
            "Whether the model had not seen the row and its truth is known.",
            expression=f'{split} = "test" && NOT ISBLANK({actual})',
            hidden=True,
        )
    ]
    if contract.task != "binary":
        return helpers
    probability = dax_column(table, names["probability"])
    case = f"IF({actual} = {dax_text(str(contract.positive))}, 1, 0)"
    return [
        *helpers,
        ModelColumn(
            "Case",
            "integer",
            "1 where the truth is the positive class, 0 where it is not, empty where unknown.",
            expression=f"IF(NOT ISBLANK({actual}), {case})",
            hidden=True,
        ),
        ModelColumn(
            "Score",
            "number",
            "The probability, rounded to 3 decimals.",
            expression=f"ROUND({probability}, 3)",
            hidden=True,
        ),
        ModelColumn(
            "Probability band",
            "number",
            "The probability, rounded down to a tenth.",
            expression=f"ROUNDDOWN({probability}, 1)",
            format="0.0",
            folder="Result",
        ),
    ]
