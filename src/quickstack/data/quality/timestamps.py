"""Dates and times from text of a fixed width: exact, and as fast as the text can be read."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_DAY = 86_400


def parse_timestamps(text: pa.Array, format_: str) -> pa.Array:
    """Read dates or times; null where the text is none.

    The text must have the format's exact width: `2025-02-30`, `2025-2-3` and a year 0 are no
    dates. (`pyarrow.compute.strptime` reads 30 February as 2 March.)

    Parameters
    ----------
    text : pyarrow.StringArray
    format_
        Of `%Y %m %d %H %M %S` and literal characters.

    Returns
    -------
    pyarrow.TimestampArray
        Seconds.
    """
    import numpy as np
    import pyarrow as pa

    fields, literals, width = _layout(format_)
    usable = np.asarray(text.is_valid())
    offsets = np.frombuffer(text.buffers()[1] or b"\0" * 4, np.int32)
    offsets = offsets[text.offset : text.offset + len(text) + 1]
    usable &= np.diff(offsets) == width
    rows = np.flatnonzero(usable)
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    if len(rows) == len(text):
        letters = data[offsets[0] : offsets[-1]].reshape(len(text), width).T.copy()
    else:
        letters = data[offsets[:-1][rows] + np.arange(width)[:, None]]
    right = np.ones(len(rows), bool)
    for position, byte in literals:
        right &= letters[position] == byte
    values = {}
    for name, position in fields.items():
        digits = letters[position : position + _WIDTHS[name]] - np.uint8(ord("0"))
        right &= (digits <= 9).all(axis=0)
        # What is wrong for its size was no digit.
        number = digits[0].astype(np.uint16 if len(digits) > 2 else np.uint8)
        for digit in digits[1:]:
            number *= 10
            number += digit
        values[name] = number
    days, exists = _days(*(_integers(values.get(name)) for name in "Ymd"))
    right &= exists
    seconds = days.astype(np.int64) * _DAY
    for name, factor, limit in (("H", 3600, 24), ("M", 60, 60), ("S", 1, 60)):
        if name in values:
            right &= values[name] < limit
            seconds += values[name] * np.int64(factor)
    result = np.zeros(len(text), np.int64)
    result[rows] = seconds
    absent = np.ones(len(text), bool)
    absent[rows] = ~right
    return pa.array(result, pa.int64(), mask=absent).cast(pa.timestamp("s"))


def _integers(numbers: Any) -> Any:
    import numpy as np

    return None if numbers is None else numbers.astype(np.int32)


def _layout(format_: str) -> tuple[dict[str, int], list[tuple[int, int]], int]:
    """Return where each field begins, the literal bytes, and the whole width."""
    fields: dict[str, int] = {}
    literals = []
    position, index = 0, 0
    while index < len(format_):
        if format_[index] == "%":
            fields[format_[index + 1]] = position
            position += _WIDTHS[format_[index + 1]]
            index += 2
        else:
            for byte in format_[index].encode():
                literals.append((position, byte))
                position += 1
            index += 1
    return fields, literals, position


def _days(year: Any, month: Any, day: Any) -> tuple[Any, Any]:
    """Return days since 1970-01-01 of the proleptic Gregorian calendar, and whether they exist.

    What stands in place of digits makes other numbers than those of a calendar; they do not exist.
    """
    import numpy as np

    first, lengths = _months()
    month = np.ones_like(year) if month is None else month
    day = np.ones_like(year) if day is None else day
    inside = (month >= 1) & (month <= 12) & (year >= 1) & (year <= 9999) & (day >= 1)
    place = np.where(inside, year * 12 + month - 1, 12)
    return first[place] + day - 1, inside & (day <= lengths[place])


@cache
def _months() -> tuple[Any, Any]:
    """Return the first day and the length of each month of the years 0 to 9999."""
    import numpy as np

    first = np.arange("0000-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]")
    days = first.astype(np.int64).astype(np.int32)
    return days[:-1], np.diff(days)
