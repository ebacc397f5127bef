"""Turn text cells into typed columns; what does not fit its type is marked, not guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstack.contract import Column

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_TRUTH = r"^(?i:true|false|1|0)$"
TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a date and time",
}


def parse_column(
    column: Column, cells: list[str], missing: tuple[str, ...]
) -> tuple[pa.Array, pa.Array]:
    """Type one column.

    Parameters
    ----------
    column
        Its type and format.
    cells
        Text, one per row.
    missing
        The texts that mean "no value".

    Returns
    -------
    values : pyarrow.Array
        string, int64, double, bool, date32 or timestamp[us]; null where there is no value or it
        does not fit.
    wrong : pyarrow.BooleanArray
        True where a value is present that does not fit: `2025-02-30` is wrong, not 2 March.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(cells, pa.string())
    absent = pc.is_in(text, value_set=pa.array(missing, pa.string()))
    text = pc.if_else(absent, pa.scalar(None, pa.string()), text)
    if column.type == "string":
        return text, pa.array([False] * len(cells), pa.bool_())
    values = _typed(column, text)
    wrong = pc.and_(pc.is_valid(text), pc.is_null(values))
    return values, wrong


def _typed(column: Column, text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pa.scalar(None, pa.string())
    if column.type == "integer":
        digits = pc.if_else(pc.match_substring_regex(text, _WHOLE), text, nothing)
        return pc.utf8_ltrim(digits, "+").cast(pa.int64())
    if column.type == "number":
        digits = pc.if_else(pc.match_substring_regex(text, _NUMBER), text, nothing)
        values = pc.utf8_ltrim(digits, "+").cast(pa.float64())
        return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    if column.type == "boolean":
        return pc.if_else(pc.match_substring_regex(text, _TRUTH), text, nothing).cast(pa.bool_())
    moments = pc.strptime(text, format=column.format, unit="s", error_is_null=True)
    # strptime reads 30 February as 2 March; only what is written the same way back is a date.
    same = pc.equal(pc.strftime(moments, format=column.format), text)
    moments = pc.if_else(same, moments, pa.scalar(None, pa.timestamp("s")))
    return moments.cast(pa.date32() if column.type == "date" else pa.timestamp("us"))
