"""Turn cells into typed columns; what does not fit its type is marked, not guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from quickstack.data.quality.timestamps import DAY, END, FIRST, SKIPPED, TWICE, parse_times, to_utc
from quickstack.facts.contract import Column, Contract, Source
from quickstack.facts.contract.time_patterns import ISO_CELL, compile_pattern

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_LONGEST_WHOLE = r"^[+-]?[0-9]{19}$"
#: 1 January of the year 1, in days since 1970-01-01.
_FIRST_DAY = -719_162
#: Up to here, and down to its negative, a number holds every whole number.
_EXACT = 2.0**53
TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number of 64 bits",
    "number": "a finite number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a date and time",
}
#: What `parse_column` finds wrong with a value, and the rule and the words of each: it is not of
#: its type, or it is, and still cannot be kept as it is.
_NOT_OF_TYPE, _TOO_LONG, _TOO_FINE, _ZONED = 1, 4, 5, 6
PROBLEMS = {
    _NOT_OF_TYPE: ("type", "it is not {type}"),
    TWICE: ("clock", "the clock of its zone shows this time twice, and nothing tells which it is"),
    SKIPPED: ("clock", "the clock of its zone skips this time"),
    _TOO_LONG: ("type", "it has more digits than a number holds exactly"),
    _TOO_FINE: ("type", "it is finer than microseconds"),
    _ZONED: ("type", "it tells an offset, and the contract says `timezone: false`"),
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
        elif column.type == "date" and column.format in (None, "yyyy-MM-dd"):
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

    It takes `inf` and `nan` for numbers, rounds whole numbers of many digits, and takes a year 0
    for a year.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(values.type):
        # Ten times as fast as Arrow where none is missing; NaN is neither above nor below.
        numbers = np.asarray(values if not values.null_count else pc.drop_null(values))
        return not len(numbers) or bool(numbers.min() > -_EXACT and numbers.max() < _EXACT)
    if pa.types.is_date32(values.type):
        least = pc.min(values.cast(pa.int32())).as_py()
        return least is None or least >= _FIRST_DAY
    return True


def parse_column(
    column: Column, cells: pa.Array, source: Source, iso: Sequence[int] = ()
) -> tuple[pa.Array, Any]:
    """Type one column.

    Parameters
    ----------
    column
        Its type and format.
    cells : pyarrow.Array
        Text, plain or as a dictionary; null where there is no value. What has the type already
        is taken as it is.
    source
        How numbers and truth values are written, and which values mean that there is none.
    iso
        Positions of the dates and times that the file itself has typed: their text is ISO 8601,
        whatever the format.

    Returns
    -------
    values : pyarrow.Array
        string (plain or as a dictionary, as the cells are), int64, double, bool, date32 or
        timestamp[us]; null where there is no value or it does not fit. Times with an offset, or
        of a column with a zone, are UTC.
    wrong : numpy.ndarray of uint8, or None
        One of PROBLEMS where a value is present that does not fit: `2025-02-30` is wrong, not 2
        March; 0 elsewhere. None where there is no such row.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "string":
        return cells, None
    if pa.types.is_dictionary(cells.type):
        distinct, wrong = parse_column(column, cells.dictionary, source)
        values = distinct.take(cells.indices)
        if wrong is not None:
            wrong = np.append(wrong, np.uint8(0))[cells.indices.fill_null(len(wrong))]
        return values, wrong if wrong is not None and wrong.any() else None
    values, problems = _typed(column, cells, source, iso)
    wrong = None
    if values.null_count != cells.null_count:
        absent = np.asarray(pc.and_(pc.is_valid(cells), pc.is_null(values)))
        wrong = absent.astype(np.uint8)
        if problems is not None:
            wrong = np.where(absent & (problems > 0), problems, wrong)
    marks = _marks(column, source)
    if marks is not None:
        values = pc.if_else(pc.is_in(values, marks), pa.scalar(None, values.type), values)
    return values, wrong


def parse_parts(column: Column, columns: dict[str, pa.Array]) -> tuple[pa.Array, Any]:
    """Put a date or timestamp together from other columns of its rows.

    Parameters
    ----------
    columns
        Typed columns by name. Whole numbers get the zeros that their pattern wants: 515 is 05:15
        for `HHmm`.

    Returns
    -------
    As `parse_column`; null where one of the parts is.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = []
    for name, pattern in column.parts:
        text = columns[name].cast(pa.string())
        if width := compile_pattern(pattern, part=True).digits:
            text = pc.utf8_lpad(text, width, "0")
        texts.append(text)
    joined = pc.binary_join_element_wise(*texts, " ")
    return parse_column(column, joined, Source(path="", missing=()))


@cache
def _marks(column: Column, source: Source) -> pa.Array | None:
    """Return the marks for missing values that are values of the column: -999 also as -999.0."""
    import pyarrow as pa

    if column.type == "boolean":
        return None
    values = _typed(column, pa.array(source.missing, pa.string()), source, ())[0].drop_null()
    return values if len(values) else None


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


def _typed(
    column: Column, cells: pa.Array, source: Source, iso: Sequence[int]
) -> tuple[pa.Array, Any]:
    """Return values, null where a cell is none; and of PROBLEMS those beyond the first, or None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type in ("date", "timestamp"):
        return _times(column, cells, iso)
    if not pa.types.is_string(cells.type):
        return cells, None
    if column.type == "boolean":
        return _truths(cells, source), None
    text = _plain_numbers(pc.utf8_trim(cells, " \t"), source)
    return _whole_numbers(text, source) if column.type == "integer" else _numbers(text, source)


def _truths(text: pa.Array, source: Source) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    # Where some are missing, programs write 1 and 0 as 1.0 and 0.0.
    zeros = rf"^([0-9]+){re.escape(source.decimal)}0+$"
    words = pa.array([*source.true_values, *source.false_values], pa.string())
    whole = pc.replace_substring_regex(text, zeros, r"\1")
    text = pc.if_else(pc.is_in(text, words), text, whole)
    true = pc.is_in(text, pa.array(source.true_values, pa.string()))
    return pc.if_else(pc.is_in(text, words), true, pa.scalar(None, pa.bool_()))


def _whole_numbers(text: pa.Array, source: Source) -> tuple[pa.Array, Any]:
    """Read whole numbers; 5.0, 5. and 1e+05 are some, as programs write them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = _digits(text)
    if values.null_count == text.null_count:
        return values, None
    rest = np.flatnonzero(np.asarray(pc.and_(pc.is_valid(text), pc.is_null(values))))
    point = re.escape(source.decimal)
    others = text.take(pa.array(rest))
    found = _digits(pc.replace_substring_regex(others, rf"^([+-]?[0-9]+){point}0*$", r"\1"))
    problems = np.zeros(len(text), np.uint8)
    if found.null_count:
        encoded = others.dictionary_encode()
        read = [_exponent(v.replace(source.decimal, ".")) for v in encoded.dictionary.to_pylist()]
        numbers = pa.array([number for number, _ in read], pa.int64())
        found = pc.coalesce(found, numbers.take(encoded.indices))
        problems[rest] = np.array([p for _, p in read], np.uint8)[np.asarray(encoded.indices)]
    everything = pa.concat_arrays([values, found])
    places = np.arange(len(text))
    places[rest] = len(text) + np.arange(len(rest))
    return everything.take(pa.array(places)), problems


def _digits(text: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_ltrim(text, "+")
    last = pc.if_else(pc.starts_with(digits, "-"), "9223372036854775808", "9223372036854775807")
    small = pc.match_substring_regex(text, _WHOLE)
    large = pc.and_(
        pc.match_substring_regex(text, _LONGEST_WHOLE),
        pc.less_equal(pc.utf8_ltrim(digits, "-"), last),
    )
    return pc.if_else(pc.or_(small, large), digits, pa.scalar(None, pa.string())).cast(pa.int64())


def _exponent(text: str) -> tuple[int | None, int]:
    """Return the whole number that a text with an exponent is, and what is wrong with it.

    So programs write floating-point numbers, which hold no whole number above 2^53 for certain.
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,9}", text):
        return None, 0
    number = Decimal(text)
    if number and not -1 < number.adjusted() < 19:
        return None, 0
    whole = int(number)
    if whole != number:
        return None, 0
    return (whole, 0) if abs(whole) < _EXACT else (None, _TOO_LONG)


def _numbers(text: pa.Array, source: Source) -> tuple[pa.Array, Any]:
    """Read numbers; a fraction becomes the nearest one, a whole number that has none is wrong."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pa.scalar(None, pa.float64())
    point = re.escape(source.decimal)
    pattern = rf"^[+-]?([0-9]+{point}?[0-9]*|{point}[0-9]+)([eE][+-]?[0-9]+)?$"
    digits = pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, pa.string()))
    if source.decimal != ".":
        digits = pc.replace_substring(digits, source.decimal, ".")
    values = pc.utf8_ltrim(digits, "+").cast(pa.float64())
    values = pc.if_else(pc.is_finite(values), values, nothing)
    large = np.flatnonzero(np.abs(np.asarray(pc.fill_null(values, 0.0))) >= _EXACT)
    if not len(large):
        return values, None
    problems = np.zeros(len(text), np.uint8)
    written = digits.take(pa.array(large)).to_pylist()
    problems[large] = [0 if _exact(cell) else _TOO_LONG for cell in written]
    return pc.if_else(pa.array(problems > 0), nothing, values), problems


def _exact(digits: str) -> bool:
    """Return whether a number keeps the digits before the point; an exponent promises none."""
    return "e" in digits.lower() or int(float(digits)) == int(digits.partition(".")[0])


def _times(column: Column, cells: pa.Array, iso: Sequence[int]) -> tuple[pa.Array, Any]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(cells.type) and column.type == "date":
        return cells, None
    fine, told = np.zeros(len(cells), bool), np.zeros(len(cells), bool)
    if pa.types.is_string(cells.type):
        text = pc.utf8_trim(cells, " \t")
        times = parse_times(text, column.time_pattern)
        micros, right, fine, told = times.micros, times.right, times.fine, times.told
        if times.offset is not None:
            micros = np.where(told, micros - times.offset * 1_000_000, micros)
        if len(iso):
            typed = parse_times(text.take(pa.array(iso, pa.int64())), ISO_CELL)
            micros[iso], right[iso], fine[iso] = typed.micros, typed.right, typed.fine
            told[iso] = False
    else:
        if column.zone is None and cells.type.tz is None:
            return cells, None
        right, told = np.asarray(cells.is_valid()), np.full(len(cells), cells.type.tz is not None)
        micros = np.asarray(cells.cast(pa.int64()).fill_null(0)).copy()
    problems = np.where(fine, _TOO_FINE, 0).astype(np.uint8)
    if column.zone is not None:
        own = right & ~told
        micros[own], problems[own] = to_utc(micros[own], column.zone)
    if not column.offsets:
        problems[told & right] = _ZONED
    right &= (problems == 0) & (micros >= FIRST) & (micros < END)
    if column.type == "date":
        # A date has no time of day, and no offset.
        right &= (micros % DAY == 0) & ~told
    values = pa.array(micros, pa.int64(), mask=~right)
    if column.type == "date":
        days = pa.array(micros // DAY, pa.int64(), mask=~right)
        return days.cast(pa.int32()).cast(pa.date32()), problems
    return values.cast(pa.timestamp("us")), problems


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
