"""Dates and times from text: exact, and as fast as the text can be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quickstack.facts.contract.time_patterns import (
    MONTHS,
    WEEKDAYS,
    ZONE_NAMES,
    FixedWidth,
    TimePattern,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SECOND = 1_000_000
DAY = 86_400 * SECOND
#: 1 January of the year 1 and of the year 10000, in microseconds since 1970.
FIRST, END = -719_162 * DAY, 2_932_897 * DAY
#: An offset lies within 18 hours of UTC, as in JDK.
_MOST_OFFSET = 18 * 3600
_NO_OFFSET = -(1 << 31)


@dataclass(frozen=True)
class Times:
    """What texts say.

    Attributes
    ----------
    micros : numpy.ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 on the clock that the text shows.
    right : numpy.ndarray of bool, shape (n,)
        False where the text is missing, or is no time of the pattern.
    fine : numpy.ndarray of bool, shape (n,)
        Where the text has digits below the microsecond.
    offset : numpy.ndarray of int64, shape (n,), or None
        Seconds from UTC, where the text tells them; elsewhere, or for all, it does not.
    """

    micros: np.ndarray
    right: np.ndarray
    fine: np.ndarray
    offset: np.ndarray | None = None

    @property
    def told(self) -> np.ndarray:
        """Where the text tells its offset."""
        import numpy as np

        if self.offset is None:
            return np.zeros(len(self.micros), bool)
        return np.asarray(self.offset != _NO_OFFSET)


def parse_times(text: pa.Array, pattern: TimePattern) -> Times:
    """Read dates or times.

    `2025-02-30`, `2025-2-3` for `yyyy-MM-dd`, the hour 24 and a year 0 are wrong.
    (`pyarrow.compute.strptime` reads 30 February as 2 March.)

    Parameters
    ----------
    text : pyarrow.StringArray
    """
    import numpy as np
    import pyarrow as pa

    if pattern.layout is None:
        return _matched_distinct(text, pattern)
    micros, right = _fixed(text, pattern.layout)
    fine = np.zeros(len(micros), bool)
    if pattern.complete:
        return Times(micros, right, fine)
    rest = np.flatnonzero(~right & np.asarray(text.is_valid()))
    if not len(rest):
        return Times(micros, right, fine)
    found = _matched_distinct(text.take(pa.array(rest)), pattern)
    offset = np.full(len(micros), _NO_OFFSET)
    micros[rest], right[rest], fine[rest] = found.micros, found.right, found.fine
    offset[rest] = found.offset
    return Times(micros, right, fine, offset)


def _fixed(text: pa.Array, layout: FixedWidth) -> tuple[Any, Any]:
    """Read texts of a fixed width; give microseconds, and which texts are right."""
    import numpy as np

    usable = np.asarray(text.is_valid())
    offsets = np.frombuffer(text.buffers()[1] or b"\0" * 4, np.int32)
    offsets = offsets[text.offset : text.offset + len(text) + 1]
    usable &= np.diff(offsets) == layout.width
    rows = np.flatnonzero(usable)
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    if len(rows) == len(text):
        letters = data[offsets[0] : offsets[-1]].reshape(len(text), layout.width).T.copy()
    else:
        letters = data[offsets[:-1][rows] + np.arange(layout.width)[:, None]]
    right = np.ones(len(rows), bool)
    for position, byte in layout.literals:
        right &= letters[position] == byte
    values = {}
    for name, position, width in layout.fields:
        digits = letters[position : position + width] - np.uint8(ord("0"))
        right &= (digits <= 9).all(axis=0)
        # What is wrong for its size was no digit.
        number = digits[0].astype(np.uint8 if width < 3 else np.uint16 if width < 5 else np.int64)
        for digit in digits[1:]:
            number *= 10
            number += digit
        values[name] = number
        if name == "fraction":
            values[name] = number.astype(np.int64) * 10 ** (9 - width) // 1000
            right &= number.astype(np.int64) * 10 ** (9 - width) % 1000 == 0
    days, exists = _days(*(_integers(values.get(name)) for name in ("year", "month", "day")))
    right &= exists
    seconds = days.astype(np.int64) * 86_400
    for name, factor, limit in (("hour", 3600, 24), ("minute", 60, 60), ("second", 1, 60)):
        if name in values:
            right &= values[name] < limit
            seconds += values[name] * np.int64(factor)
    micros = seconds * SECOND
    if "fraction" in values:
        micros += values["fraction"]
    if len(rows) == len(text):
        return micros, right
    result, found = np.zeros(len(text), np.int64), np.zeros(len(text), bool)
    result[rows], found[rows] = micros, right
    return result, found


def _integers(numbers: Any) -> Any:
    import numpy as np

    return None if numbers is None else numbers.astype(np.int32)


def _matched_distinct(text: pa.Array, pattern: TimePattern) -> Times:
    """Read texts by the pattern's regular expression, each distinct one once."""
    import numpy as np

    encoded = text.dictionary_encode()
    found = _matched(encoded.dictionary, pattern)
    indices = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)))

    def spread(values: Any) -> Any:
        return np.append(values, values.dtype.type(0))[indices]

    offset = np.full(1, _NO_OFFSET) if found.offset is None else found.offset
    offset = np.append(np.broadcast_to(offset, len(found.micros)), _NO_OFFSET)[indices]
    return Times(spread(found.micros), spread(found.right), spread(found.fine), offset)


def _matched(text: pa.Array, pattern: TimePattern) -> Times:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    groups = pc.extract_regex(text, pattern.regex)
    right = np.asarray(groups.is_valid())
    fields: dict[str, pa.Array] = {}
    for index, name in enumerate(pattern.fields):
        column = groups.field(index)
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        # A field of several optional sections stands in one of them.
        fields[name] = pc.coalesce(fields[name], column) if name in fields else column
    read = _Fields(fields, len(text))
    days, exists = _days(read.year(), read.month(), read.number("day", 1))
    year_day = read.number("year_day", 0)
    if "year_day" in fields:
        days = np.where(read.given("year_day"), days + year_day - 1, days)
        exists &= ~read.given("year_day") | (
            (year_day >= 1) & (year_day <= _year_lengths(read.year()))
        )
    right &= exists
    if "weekday" in fields:
        # 1970-01-01 was a Thursday.
        right &= ~read.given("weekday") | ((days + 3) % 7 == read.name("weekday", WEEKDAYS))
    hour, fits = read.hour()
    minute, second = read.number("minute", 0), read.number("second", 0)
    right &= fits & (minute < 60) & (second < 60)
    nanos, fine = read.fraction()
    micros = days.astype(np.int64) * DAY + (hour * 3600 + minute * 60 + second) * SECOND
    offset, known = read.offset(micros + nanos // 1000)
    return Times(micros + nanos // 1000, right & known & ~fine, right & fine, offset)


@dataclass(frozen=True)
class _Fields:
    """Texts by field, null where the text has none; each as numbers."""

    texts: dict[str, Any]
    count: int

    def given(self, name: str) -> Any:
        import numpy as np

        if name not in self.texts:
            return np.zeros(self.count, bool)
        return np.asarray(self.texts[name].is_valid())

    def number(self, name: str, default: int) -> Any:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if name not in self.texts:
            return np.full(self.count, default, np.int64)
        return np.asarray(pc.fill_null(self.texts[name].cast(pa.int64()), default))

    def name(self, name: str, known: tuple[str, ...]) -> Any:
        """Return positions among known names, which three letters tell apart."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        letters = pc.utf8_slice_codeunits(pc.utf8_lower(self.texts[name]), 0, 3)
        found = pc.index_in(letters, value_set=pa.array([n[:3] for n in known]))
        return np.asarray(pc.fill_null(found, -1)).astype(np.int64)

    def year(self) -> Any:
        import numpy as np

        year = self.number("year", 0)
        if "short_year" in self.texts:
            year = np.where(self.given("short_year"), 2000 + self.number("short_year", 0), year)
        return year

    def month(self) -> Any:
        import numpy as np

        month = self.number("month", 1)
        if "month_name" in self.texts:
            named = self.name("month_name", MONTHS) + 1
            month = np.where(self.given("month_name"), named, month)
        return month

    def hour(self) -> tuple[Any, Any]:
        """Return hours from 0 to 23, and which texts have one."""
        import numpy as np

        hour, fits = self.number("hour", 0), self.number("hour", 0) < 24
        for name, least, most in (("hour_to_24", 1, 24), ("hour_to_12", 1, 12)):
            if name in self.texts:
                value = self.number(name, most)
                hour = np.where(self.given(name), value % most, hour)
                fits &= (value >= least) & (value <= most)
        if "hour_to_11" in self.texts:
            value = self.number("hour_to_11", 0)
            hour, fits = np.where(self.given("hour_to_11"), value, hour), fits & (value < 12)
        if "half" in self.texts:
            after, given = self._after(), self.given("half")
            twelve = self.given("hour_to_12") | self.given("hour_to_11")
            fits &= ~given | twelve | ((hour >= 12) == after)
            hour = np.where(given & twelve & after, hour + 12, hour)
        return hour, fits

    def _after(self) -> Any:
        import numpy as np
        import pyarrow.compute as pc

        return np.asarray(pc.fill_null(pc.equal(pc.utf8_lower(self.texts["half"]), "pm"), False))

    def fraction(self) -> tuple[Any, Any]:
        """Return nanoseconds of the second, and which texts have digits below a microsecond."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if "fraction" not in self.texts:
            return np.zeros(self.count, np.int64), np.zeros(self.count, bool)
        text = pc.fill_null(self.texts["fraction"], "0")
        digits = pc.utf8_slice_codeunits(pc.utf8_rpad(text, 9, "0"), 0, 9)
        below = pc.match_substring_regex(text, "^[0-9]{6}[0-9]*[1-9]")
        return np.asarray(digits.cast(pa.int64())), np.asarray(below)

    def offset(self, micros: Any) -> tuple[Any, Any]:
        """Return seconds from UTC, and which texts name a place on the clock that exists once."""
        import numpy as np

        seconds, known = np.full(self.count, _NO_OFFSET), np.ones(self.count, bool)
        if "zone" in self.texts:
            texts = np.asarray(self.texts["zone"].to_pylist(), object)
            for name in sorted({t for t in texts if t is not None}):
                rows = np.flatnonzero(texts == name)
                if is_zone(name):
                    utc, problem = to_utc(micros[rows], name)
                    seconds[rows] = (micros[rows] - utc) // SECOND
                    known[rows] = problem == 0
                else:
                    known[rows] = False
        for name, read in (("zone_name", _named_offset), ("offset", _offset)):
            if name in self.texts:
                encoded = self.texts[name].dictionary_encode()
                distinct = [read(text) for text in encoded.dictionary.to_pylist()]
                values = np.array([*distinct, _NO_OFFSET])
                found = values[np.asarray(encoded.indices.fill_null(len(distinct)))]
                given = self.given(name)
                seconds = np.where(given, found, seconds)
                known = np.where(given, np.abs(found) <= _MOST_OFFSET, known)
        return seconds, known


def _named_offset(name: str) -> int:
    return ZONE_NAMES[name.lower()] * 3600


def _offset(text: str) -> int:
    """Return the seconds of `Z`, `+01`, `+0130` or `+01:30`; too many where it is no offset."""
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if minutes > 59 or seconds > 59:
        return _MOST_OFFSET + 1
    total = hours * 3600 + minutes * 60 + seconds
    return -total if text[0] == "-" else total


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


def _year_lengths(year: Any) -> Any:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return 365 + leap


@cache
def _months() -> tuple[Any, Any]:
    """Return the first day and the length of each month of the years 0 to 9999."""
    import numpy as np

    first = np.arange("0000-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]")
    days = first.astype(np.int64).astype(np.int32)
    return days[:-1], np.diff(days)


def is_zone(name: str) -> bool:
    """Return whether this is a time zone of the IANA database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


#: What a clock change does to a time: shows it twice, or never.
TWICE, SKIPPED = 2, 3


def to_utc(micros: Any, zone: str) -> tuple[Any, Any]:
    """Turn times of a zone's clock into UTC.

    Parameters
    ----------
    micros : numpy.ndarray of int64, shape (n,)
        Microseconds since 1970-01-01 on the clock.

    Returns
    -------
    utc : numpy.ndarray of int64, shape (n,)
        The earlier of two times that the clock shows the same.
    problem : numpy.ndarray of uint8, shape (n,)
        0, TWICE or SKIPPED.
    """
    import numpy as np
    import pyarrow as pa

    encoded = pa.array(micros // DAY).dictionary_encode()
    rules = np.array([_day_rule(day, zone) for day in encoded.dictionary.to_pylist()], np.int64)
    before, after, change = rules.reshape(-1, 3)[np.asarray(encoded.indices)].T
    early, late = micros - before * SECOND, micros - after * SECOND
    is_early, is_late = early < change, late >= change
    problem = np.where(is_early & is_late, TWICE, np.where(is_early | is_late, 0, SKIPPED))
    problem[before == after] = 0
    return np.where(is_early, early, late), problem.astype(np.uint8)


@lru_cache(1 << 16)
def _day_rule(day: int, zone: str) -> tuple[int, int, int]:
    """Return the offset before and after the change of a day's clock, and when it is in UTC.

    Where the clock does not change within a day of it, both offsets are equal.
    """
    info = ZoneInfo(zone)
    # At both ends of the calendar, the rules of two days further in.
    middle = min(max(day, FIRST // DAY + 2), END // DAY - 4) * 86_400

    def offset(second: int) -> int:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        span = moment.astimezone(info).utcoffset()
        return int(span.total_seconds()) if span is not None else 0

    low, high = middle - 86_400, middle + 2 * 86_400
    before, after = offset(low), offset(high)
    while before != after and high - low > 1:
        half = (low + high) // 2
        low, high = (half, high) if offset(half) == before else (low, half)
    return before, after, high * SECOND
