"""Turn Arrow columns of any type into those that a contract's columns are checked as.

How a value is turned depends on the types alone, never on other values, so that the verdict on a
row does not depend on the block it came with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quickstack.facts.contract import Column, Contract
from quickstack.facts.errors import SourceError

#: 1 January of the year 1 and 31 December 9999, in days since 1970-01-01.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_DAY = 86_400_000_000
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}


def plain(values: pa.Array) -> pa.Array:
    """Take values out of dictionaries, and text out of its large and viewing variants."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    return values


def dates(wanted: str) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Return what brings dates to a type of the contract, and marks those it cannot hold."""

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        days = plain(values).cast(pa.date32())
        wrong = outside(days.cast(pa.int32()).fill_null(0), _FIRST_DAY, _LAST_DAY)
        if wrong is not None:
            days = blanked(days, wrong)
        return days if wanted == "date" else days.cast(pa.timestamp("us")), wrong

    return convert


def times(wanted: str) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Return what brings times to a type of the contract, and marks those it cannot hold."""

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        times = plain(values)
        factor = _UNITS[times.type.unit]
        ticks = np.asarray(times.cast(pa.int64()).fill_null(0))
        least, most = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1
        if factor > 0:
            wrong = (ticks < -(-least // factor)) | (ticks > most // factor)
            micros = np.where(wrong, 0, ticks) * factor
        else:
            micros, wrong = ticks // -factor, ticks % -factor != 0
        if wanted == "date":
            wrong |= micros % _DAY != 0
        found = pa.array(micros, pa.int64(), mask=np.asarray(times.is_null()) | wrong)
        # With its zone it is the same moment, and the contract's own zone is not for it.
        found = found.cast(pa.timestamp("us", "UTC" if times.type.tz else None))
        return found.cast(pa.date32()) if wanted == "date" else found, wrong

    return convert


def outside(values: pa.Array, least: int, most: int) -> Any:
    """Return which values lie outside two limits; None where none does."""
    numbers = np.asarray(values)
    wrong = (numbers < least) | (numbers > most)
    return wrong if wrong.any() else None


def blanked(values: pa.Array, wrong: Any) -> pa.Array:
    """Return the values without those that are wrong."""
    return pc.if_else(pa.array(wrong), pa.scalar(None, values.type), values)


@dataclass(frozen=True)
class ColumnReader:
    """How the values of a column become a column of a block.

    Attributes
    ----------
    convert
        Gives the values, and which rows hold something that cannot be said in the wanted type
        (None: no row).
    reason
        What is wrong with those.
    """

    name: str
    convert: Callable[[pa.Array], tuple[pa.Array, Any]]
    reason: str = ""


def json_values(column: pa.Array) -> list[Any]:
    """Return values as JSON can hold them: numbers, truth values, text and None."""
    kind = plain(column).type
    values = plain(column)
    if pa.types.is_string(kind):
        return [
            None if v is None else v.decode("utf-8", "backslashreplace")
            for v in values.cast(pa.binary()).to_pylist()
        ]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return list(values.to_pylist())
    if pa.types.is_floating(kind):
        found = values.to_pylist()
        return [v if v is None or math.isfinite(v) else str(v) for v in found]
    return list(values.cast(pa.string()).to_pylist())


def column_reader(
    column: Column, kind: pa.DataType, contract: Contract, where: str
) -> ColumnReader:
    """Return how a column of an Arrow type is read.

    Raises
    ------
    SourceError
        Where the type is nested, binary, a duration, or a time of a zone that the contract denies.
    """
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    _require_plain(column, kind, where)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return ColumnReader(column.name, _texts(contract), "holds bytes that are no text, or NUL")
    wanted = column.type
    if wanted == "boolean" and types.is_boolean(kind):
        return ColumnReader(column.name, lambda values: (plain(values), None))
    whole = types.is_integer(kind) and kind != pa.uint64()
    if wanted == "integer" and whole:
        return ColumnReader(column.name, lambda values: (plain(values).cast(pa.int64()), None))
    if wanted == "number" and (types.is_integer(kind) or types.is_floating(kind)):
        return ColumnReader(column.name, _numbers(contract))
    if wanted in ("date", "timestamp") and types.is_date(kind):
        reason = "holds no date of the years 1 to 9999"
        return ColumnReader(column.name, dates(wanted), reason)
    if wanted in ("date", "timestamp") and types.is_timestamp(kind):
        reason = (
            "holds a time of day, where the contract wants a date"
            if wanted == "date"
            else "holds a time that is finer than microseconds or not of the years 1 to 9999"
        )
        return ColumnReader(column.name, times(wanted), reason)
    return ColumnReader(column.name, _as_text(contract, wanted))


def _require_plain(column: Column, kind: pa.DataType, where: str) -> None:
    types = pa.types
    fix = f"deliver column {column.name} as text, numbers or times"
    if types.is_nested(kind):
        raise SourceError(f"column {column.name} is nested ({_kind(kind)})", where=where, fix=fix)
    odd = (
        types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view,
        types.is_duration, types.is_interval,
    )  # fmt: skip
    if any(test(kind) for test in odd):
        raise SourceError(f"column {column.name} is {_kind(kind)}", where=where, fix=fix)
    if types.is_timestamp(kind) and kind.tz is not None and not column.offsets:
        raise SourceError(
            f"column {column.name} holds times of a zone, and the contract says `timezone: false`",
            where=where,
            fix="write them without a zone, or correct the contract",
        )


def _kind(kind: pa.DataType) -> str:
    """Name a type without the names of its fields."""
    return str(kind).partition("<")[0].partition("[")[0].replace("_", " ")


def _texts(contract: Contract) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    missing = contract.source.missing

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        wrong = None
        text = plain(values)
        try:
            text.validate(full=True)
        except pa.ArrowInvalid:
            found = text.cast(pa.binary()).to_pylist()
            wrong = np.array([not _is_text(value) for value in found])
            kept = [None if w else v for v, w in zip(found, wrong.tolist(), strict=True)]
            text = pa.array(kept, pa.binary()).cast(pa.string())
        if pc.any(nul := pc.fill_null(pc.match_substring(text, "\0"), False)).as_py():
            text = blanked(text, nul)
            wrong = np.asarray(nul) | (False if wrong is None else wrong)
        return _without(text, missing), wrong

    return convert


def _is_text(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _iso_texts(text: pa.Array, zone: str | None) -> pa.Array:
    """Write times as ISO 8601, as short as it is the same: 2024-02-29, 2024-02-29T12:00:00."""
    if zone is None:
        text = pc.replace_substring_regex(text, r"^(\S+) 00:00:00(\.0+)?$", r"\1")
    return pc.replace_substring(pc.replace_substring_regex(text, r"\.0+(Z?)$", r"\1"), " ", "T")


def _without(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Make null of the texts that mean no value."""
    absent = pc.is_in(text, value_set=pa.array(missing, pa.string()), skip_nulls=True)
    return (
        pc.if_else(absent, pa.scalar(None, pa.string()), text) if pc.any(absent).as_py() else text
    )


def _numbers(contract: Contract) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Numbers as they are, unless one is not finite or a whole one of many digits: then as text."""
    as_text = _as_text(contract, "number")

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        found = plain(values)
        numbers = found.cast(pa.float64(), safe=False)
        whole = pa.types.is_integer(found.type)
        fits = pc.less(pc.abs(numbers), 2.0**53) if whole else pc.is_finite(numbers)
        if pc.all(fits).as_py() in (True, None):
            return numbers, None
        return as_text(found if whole else numbers)

    return convert


def _as_text(contract: Contract, wanted: str) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Write values as text, each for itself, so that their verdict depends on no other value."""
    source = contract.source

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        cells = plain(values)
        text = cells.cast(pa.string())
        if pa.types.is_floating(cells.type):
            # A whole number without its exponent; pandas stores those with gaps as floats. Where
            # floats no longer hold all whole numbers, an exponent says that it was one.
            small = pc.less(pc.abs(cells), 1e16 if wanted == "integer" else 2.0**63)
            whole = pc.fill_null(pc.and_(small, pc.equal(cells, pc.floor(cells))), False)
            nothing = pa.scalar(None, cells.type)
            numbers = pc.if_else(whole, cells, nothing).cast(pa.int64())
            text = pc.if_else(whole, numbers.cast(pa.string()), text)
            if any(absent.lower() == "nan" for absent in source.missing):
                text = pc.if_else(pc.fill_null(pc.is_nan(cells), False), None, text)
        if pa.types.is_timestamp(cells.type):
            text = _iso_texts(text, cells.type.tz)
        if wanted in ("integer", "number", "boolean") and source.decimal != ".":
            text = pc.replace_substring(text, ".", source.decimal)
        return _without(text, source.missing), None

    return convert
