"""The shape of a cell: enough to see what is wrong with it, and nothing of its value."""

from __future__ import annotations

import re
from functools import lru_cache

#: A shape has at most so many letters; equal ones in a row are shown so often.
_LONGEST, _RUN = 40, 4
_RUNS = re.compile(rf"(a|9)\1{{{_RUN},}}")
_DATE = re.compile(
    r"(\d{4}|\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})"
    r"(?:(T| )(\d{1,2}):\d{2}(:\d{2})?(?:([.,])(\d{1,9}))?( ?[AaPp][Mm])?"
    r"( ?)(Z|[+-]\d{2}:\d{2})?)?"
)


@lru_cache(maxsize=4096)
def shape(text: str) -> str:
    """Return a date as its pattern, as `d/M/yyyy H:mm`; else letters as `a` and digits as `9`.

    Patterns are those of a column's `format`, and fit every date that is written so; of day and
    month it tells only what this date allows. All else, punctuation and blanks, is kept.
    """
    found = _DATE.fullmatch(text.strip())
    if found is not None and (pattern := _pattern(found)):
        return pattern
    if not text.strip():
        return "blanks" if text else "empty"
    letters = "".join(map(_letter, text[: 4 * _LONGEST]))
    short = _RUNS.sub(lambda run: run[1] * _RUN + "…", letters)
    return short if len(short) <= _LONGEST else short[:_LONGEST] + "…"


def _letter(letter: str) -> str:
    if letter.isnumeric():
        return "9"
    if letter.isalpha():
        return "a"
    return letter if letter.isprintable() else f"\\u{ord(letter):04x}"


def _pattern(found: re.Match[str]) -> str | None:
    first, mark, second, third, blank, hour, seconds, point, fraction, half, gap, zone = (
        found.groups()
    )
    if len(first) == 4 and len(third) < 3:
        day = f"yyyy{mark}M{mark}d"
    elif len(first) < 3:
        names = "Md" if int(first) <= 12 < int(second) else "dM"
        day = mark.join((*names, "yyyy" if len(third) == 4 else "yy"))
    else:
        return None
    if hour is None:
        return day
    time = ("h" if half else "H") + ":mm" + (":ss" if seconds else "")
    time += f"{point}{'S' * len(fraction)}" if fraction else ""
    time += ((" " if half[0] == " " else "") + "a") if half else ""
    return day + ("'T'" if blank == "T" else " ") + time + (f"{gap}XXX" if zone else "")
