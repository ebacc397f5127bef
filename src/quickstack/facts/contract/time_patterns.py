"""How dates and times are written: patterns of JDK's DateTimeFormatter, as the standard says.

https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Hours from UTC of the names in RFC 5322, section 4.3, and of Europe's zones.
ZONE_NAMES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7,
    "mdt": -6, "pst": -8, "pdt": -7, "wet": 0, "west": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3,
}  # fmt: skip
_OFFSET = r"[Zz]|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?"


def _names(names: tuple[str, ...], letters: int | None = None) -> str:
    listed = "|".join(name[:letters] for name in names)
    return f"(?i:{listed.replace('|sep|', '|sept?|')})"


#: What each run of letters reads: a field, and how its text looks (RE2).
_PIECES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("yyyy", "uuuu", "y", "u"), ("year", "[0-9]{4}")),
    **dict.fromkeys(("yy", "uu"), ("short_year", "[0-9]{2}")),
    **dict.fromkeys(("MMM", "LLL"), ("month_name", _names(MONTHS, 3))),
    **dict.fromkeys(("MMMM", "LLLL"), ("month_name", _names(MONTHS))),
    **dict.fromkeys(("E", "EE", "EEE"), ("weekday", _names(WEEKDAYS, 3))),
    "EEEE": ("weekday", _names(WEEKDAYS)),
    "D": ("year_day", "[0-9]{1,3}"),
    "DDD": ("year_day", "[0-9]{3}"),
    **{"S" * n: ("fraction", f"[0-9]{{{n}}}") for n in range(1, 10)},
    "a": ("half", "(?i:AM|PM)"),
    **{letter * n: ("offset", _OFFSET) for letter in "XxZ" for n in range(1, 6)},
    **{"z" * n: ("zone_name", f"(?i:{'|'.join(ZONE_NAMES)})") for n in range(1, 4)},
    "VV": ("zone", "[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*"),
}
for _letter, _field in {
    "M": "month", "L": "month", "d": "day", "H": "hour", "k": "hour_to_24", "h": "hour_to_12",
    "K": "hour_to_11", "m": "minute", "s": "second",
}.items():  # fmt: skip
    _PIECES[_letter] = (_field, "[0-9]{1,2}")
    _PIECES[_letter * 2] = (_field, "[0-9]{2}")
_HINTS = {
    "Y": "is the year of the week; write yyyy",
    "DD": "is the day of the year; write dd",
}
_TOKEN = re.compile(r"''|'(?:[^']|'')*'|([A-Za-z])\1*|.", re.DOTALL)
_FIXED = re.compile(r"\[0-9\]\{([0-9])\}")
#: Fields that `FixedWidth` can read.
_PLAIN = {"year", "month", "day", "hour", "minute", "second", "fraction"}


@dataclass(frozen=True)
class FixedWidth:
    """A pattern of a fixed width in bytes: digits and literal bytes only.

    Attributes
    ----------
    fields
        (field, position, digits).
    literals
        (position, byte).
    """

    fields: tuple[tuple[str, int, int], ...]
    literals: tuple[tuple[int, int], ...]
    width: int


@dataclass(frozen=True)
class TimePattern:
    """A compiled pattern.

    Attributes
    ----------
    regex
        Of the whole text, in RE2; a group `field_n` for the n-th field.
    fields
        The field of each group.
    layout
        Reads the same texts faster, or many of them; None where there is none.
    complete
        Whether the layout reads all texts that the regex matches.
    """

    regex: str
    fields: tuple[str, ...]
    layout: FixedWidth | None = None
    complete: bool = False

    @property
    def digits(self) -> int:
        """How many digits the text has where it is digits only, of a fixed width; else 0."""
        layout = self.layout
        return layout.width if layout and self.complete and not layout.literals else 0


@cache
def compile_pattern(pattern: str, *, part: bool = False) -> TimePattern:
    """Compile a pattern.

    Letters that stand for names read English, in any case; a two-digit year is one of 2000 to
    2099, as in Java; all letters for offsets read `Z`, `+01`, `+0130` and `+01:30`.

    Parameters
    ----------
    part
        Whether it reads only a part of a time, so that a year may be missing.

    Raises
    ------
    ValueError
        Where it is wrong or ambiguous; the text says why.
    """
    regex, fields, depth, variable = "", list[str](), 0, 0
    seen: set[str] = set()
    for match in _TOKEN.finditer(pattern):
        run = match[0]
        if run[0].isascii() and run[0].isalpha() and run != "T":
            field, piece = _piece(run)
            if field in seen and not depth:
                raise ValueError(f"names the {field.replace('_', ' ')} twice")
            seen.add(field)
            regex += f"(?P<{field}_{len(fields)}>{piece})"
            fields.append(field)
            # Numbers side by side part where all but one have a fixed width.
            variable = (variable if piece.startswith("[0-9]") else 0) + ("{1," in piece)
            if variable > 1:
                raise ValueError("puts numbers of any width side by side; nothing parts them")
        elif run in "[]":
            depth += 1 if run == "[" else -1
            regex += "(?:" if run == "[" else ")?"
        else:
            regex, variable = regex + _literal(run), 0
        if depth < 0:
            break
    if depth:
        raise ValueError("has a bracket without its other half")
    if not part:
        _require_time(seen)
    layout = _layout(pattern)
    return TimePattern(f"^{regex}$", tuple(fields), layout, layout is not None)


def _piece(run: str) -> tuple[str, str]:
    if run not in _PIECES:
        hint = _HINTS.get(run, _HINTS.get(run[0], ""))
        raise ValueError(
            f"has {run}, which {hint}" if hint else f"has {run}, which is not read here"
        )
    return _PIECES[run]


def _literal(run: str) -> str:
    if run == "'":
        raise ValueError("has an apostrophe without its other half")
    return re.escape("'" if run == "''" else _unquoted(run))


def _unquoted(run: str) -> str:
    return run[1:-1].replace("''", "'") if len(run) > 1 else run


def _require_time(seen: set[str]) -> None:
    """Raise where the fields do not make a time."""
    month = seen & {"month", "month_name"}
    hour = seen & {"hour", "hour_to_24", "hour_to_12", "hour_to_11"}
    if not seen & {"year", "short_year"}:
        raise ValueError("names no year; write yyyy in it")
    if "minute" in seen and not hour:
        raise ValueError("names minutes without hours; months are MM")
    if "day" in seen and not month:
        raise ValueError("names a day without a month; write MM in it")
    if seen & {"hour_to_12", "hour_to_11"} and "half" not in seen:
        raise ValueError("names hours to 12 without `a` for AM and PM; hours to 24 are HH")
    if "half" in seen and not hour:
        raise ValueError("names AM and PM without hours; write h in it")


def _layout(pattern: str) -> FixedWidth | None:
    fields, literals, width = list[tuple[str, int, int]](), list[tuple[int, int]](), 0
    for match in _TOKEN.finditer(pattern):
        run = match[0]
        field, piece = _PIECES.get(run, ("", "")) if run != "T" else ("", "")
        fixed = _FIXED.fullmatch(piece)
        if field in _PLAIN and fixed:
            fields.append((field, width, int(fixed[1])))
            width += int(fixed[1])
        elif field or run in "[]":
            return None
        else:
            for byte in ("'" if run == "''" else _unquoted(run)).encode():
                literals.append((width, byte))
                width += 1
    return FixedWidth(tuple(fields), tuple(literals), width)


_DAY = compile_pattern("yyyy-MM-dd").regex.strip("^$")
_CLOCK = (
    r"(?P<hour_3>[0-9]{2}):(?P<minute_4>[0-9]{2})"
    rf"(?::(?P<second_5>[0-9]{{2}})(?:[.,](?P<fraction_6>[0-9]+))?)?(?: ?(?P<offset_7>{_OFFSET}))?"
)
_ALL = ("year", "month", "day", "hour", "minute", "second", "fraction", "offset")
#: ISO 8601 as programs write it: what a timestamp and a date without a format read, the latter
#: also of cells that are typed in the file itself.
ISO_TIME = TimePattern(f"^{_DAY}[T ]{_CLOCK}$", _ALL, _layout("yyyy-MM-dd HH:mm:ss"))
ISO_CELL = TimePattern(f"^{_DAY}(?:[T ]{_CLOCK})?$", _ALL, _layout("yyyy-MM-dd"))
