"""Turn cells into typed columns; what does not fit its type is marked, not guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from quickstack.data.quality.timestamps import parse_timestamps
from quickstack.facts.contract import Column, Contract, Source

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_LONGEST_WHOLE = r"^[+-]?[0-9]{19}$"
#: 1 January of the year 1, in days since 1970-01-01.
_FIRST_DAY = -719_162
TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a date and time",
}


def cell_types(
    columns: tuple[Column, ...], source: Source, varied: frozenset[str]
) -> dict[str, pa.DataType]:
    """Return how the fast parser may type the cells of each column.

    It reads numbers and ISO dates itself; text that is checked or replaced by its distinct values
    comes as a dictionary; what only `parse_column` gets right comes as text.

    Parameters
    ----------
    varied
        The columns whose values seldom repeat, so that a dictionary costs more than it saves.
    """
    import pyarrow as pa

    types = {}
    for column in columns:
        kind: pa.DataType = pa.string()
        if column.type in ("integer", "number") and not source.thousands:
            kind = pa.int64() if column.type == "integer" else pa.float64()
        elif column.type == "date" and column.format == "%Y-%m-%d":
            kind = pa.date32()
        elif column.type == "boolean" or (repeats(column) and column.name not in varied):
            kind = pa.dictionary(pa.int32(), pa.string())
        types[column.name] = kind
    return types


def repeats(column: Column) -> bool:
    """Whether a text column may hold the same value often."""
    return column.type == "string" and not column.unique and not column.dropped


def regular(values: pa.Array) -> bool:
    """Return whether what the fast parser typed is what `parse_column` would take.

    It takes `inf` and `nan` for numbers, and a year 0 for a year.
    """
    import math

    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(values.type):
        return math.isfinite(pc.sum(values).as_py() or 0.0)
    if pa.types.is_date32(values.type):
        least = pc.min(values.cast(pa.int32())).as_py()
        return least is None or least >= _FIRST_DAY
    return True


def parse_column(column: Column, cells: pa.Array, source: Source) -> tuple[pa.Array, Any]:
    """Type one column.

    Parameters
    ----------
    column
        Its type and format.
    cells : pyarrow.Array
        Text, plain or as a dictionary; null where there is no value. What has the type already
        is taken as it is.
    source
        How numbers and truth values are written.

    Returns
    -------
    values : pyarrow.Array
        string (plain or as a dictionary, as the cells are), int64, double, bool, date32 or
        timestamp[us]; null where there is no value or it does not fit.
    wrong : numpy.ndarray of bool, or None
        True where a value is present that does not fit: `2025-02-30` is wrong, not 2 March. None
        where there is no such row.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "string":
        return cells, None
    if not (pa.types.is_dictionary(cells.type) or pa.types.is_string(cells.type)):
        return cells, None
    if pa.types.is_dictionary(cells.type):
        distinct = _typed(column, cells.dictionary, source)
        values = distinct.take(cells.indices)
    else:
        values = _typed(column, cells, source)
    if values.null_count == cells.null_count:
        return values, None
    wrong = np.asarray(pc.and_(pc.is_valid(cells), pc.is_null(values)))
    return values, wrong


def normalise(cells: pa.Array) -> pa.Array:
    """Bring text to Unicode normal form C, in which equal letters have equal bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(cells.type):
        distinct = pc.utf8_normalize(cells.dictionary, form="NFC")
        if distinct.equals(cells.dictionary):
            return cells
        return pc.dictionary_encode(distinct.take(cells.indices))
    return pc.utf8_normalize(cells, form="NFC") if pa.types.is_string(cells.type) else cells


def _typed(column: Column, text: pa.Array, source: Source) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pa.scalar(None, pa.string())
    if column.type in ("integer", "number"):
        text = _plain_numbers(pc.utf8_trim(text, " \t"), source)
    if column.type == "integer":
        digits = pc.utf8_ltrim(text, "+")
        last = pc.if_else(pc.starts_with(digits, "-"), "9223372036854775808", "9223372036854775807")
        small = pc.match_substring_regex(text, _WHOLE)
        large = pc.and_(
            pc.match_substring_regex(text, _LONGEST_WHOLE),
            pc.less_equal(pc.utf8_ltrim(digits, "-"), last),
        )
        return pc.if_else(pc.or_(small, large), digits, nothing).cast(pa.int64())
    if column.type == "number":
        point = re.escape(source.decimal)
        pattern = rf"^[+-]?([0-9]+{point}?[0-9]*|{point}[0-9]+)([eE][+-]?[0-9]+)?$"
        digits = pc.if_else(pc.match_substring_regex(text, pattern), text, nothing)
        if source.decimal != ".":
            digits = pc.replace_substring(digits, source.decimal, ".")
        values = pc.utf8_ltrim(digits, "+").cast(pa.float64())
        return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    if column.type == "boolean":
        true = pc.is_in(text, value_set=pa.array(source.true_values, pa.string()))
        false = pc.is_in(text, value_set=pa.array(source.false_values, pa.string()))
        return pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))
    timestamps = parse_timestamps(pc.utf8_trim(text, " \t"), column.format or "")
    return timestamps.cast(pa.date32() if column.type == "date" else pa.timestamp("us"))


def _plain_numbers(text: pa.Array, source: Source) -> pa.Array:
    """Take out thousands separators, only where they part groups of three digits."""
    import pyarrow.compute as pc

    if not source.thousands:
        return text
    between, point = re.escape(source.thousands), re.escape(source.decimal)
    grouped = pc.match_substring_regex(
        text, rf"^[+-]?[0-9]{{1,3}}({between}[0-9]{{3}})+({point}[0-9]*)?$"
    )
    return pc.if_else(grouped, pc.replace_substring(text, source.thousands, ""), text)


def record_test(contract: Contract) -> Callable[[list[str]], Callable[[list[str]], bool]]:
    """Return what tells, for a header, whether a line could be a row: its cells fit their types.

    Lines of a quoted text that merely hold the right number of delimiters are told apart where
    the contract has numbers or dates; in a table of texts, three cells or more are a row.
    """
    import pyarrow as pa

    missing = contract.source.missing

    def of_header(header: list[str]) -> Callable[[list[str]], bool]:
        columns = {c.name: c for c in contract.columns}
        typed = [(i, columns[name]) for i, name in enumerate(header) if name in columns]
        typed = [(i, column) for i, column in typed if column.type != "string"]

        def is_record(cells: list[str]) -> bool:
            if not typed:
                return len(cells) > 2
            present = [(cells[i], c) for i, c in typed if cells[i] not in missing]
            # Bytes that are no text become "?", which no number, date or truth value holds.
            texts = [cell.encode("utf-8", "replace").decode() for cell, _ in present]
            wrong = [
                parse_column(column, pa.array([text]), contract.source)[1]
                for text, (_, column) in zip(texts, present, strict=True)
            ]
            return bool(present) and all(w is None for w in wrong)

        return is_record

    return of_header
