"""What a contract says of the values of a column: their format, zone, limits and enumeration."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quickstack.facts.contract.custom_properties import Mistakes
from quickstack.facts.contract.model import Column
from quickstack.facts.contract.quality import check_pattern, fits
from quickstack.facts.yaml_lines import Path

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_HEX = "[0-9A-Fa-f]{1,4}"
_TAIL = f"(?:{_HEX}:{_HEX}|{_IPV4})"
#: The grammar of RFC 3986, section 3.2.2: `::` stands for at least one group.
_IPV6 = "|".join(
    [f"(?:{_HEX}:){{6}}{_TAIL}"]
    + [
        f"(?:(?:{_HEX}:){{0,{n - 1}}}{_HEX})?::(?:{_HEX}:){{{5 - n}}}{_TAIL}" if n else
        f"::(?:{_HEX}:){{5}}{_TAIL}"
        for n in range(6)
    ]
    + [
        f"(?:(?:{_HEX}:){{0,5}}{_HEX})?::{_HEX}",
        f"(?:(?:{_HEX}:){{0,6}}{_HEX})?::",
    ]
)  # fmt: skip
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_WIDE = r"\x{80}-\x{10FFFF}"
_WIDE_LABEL = f"[A-Za-z0-9{_WIDE}](?:[A-Za-z0-9{_WIDE}-]{{0,61}}[A-Za-z0-9{_WIDE}])?"
_ATOM = f"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_WIDE}-]+"
#: The `format` of texts that is checked: what it must match (RE2), and its name in a sentence.
STRING_FORMATS: dict[str, tuple[str, str]] = {
    # RFC 5321 and 6531: a dot-atom at a domain.
    "email": (rf"{_ATOM}(?:\.{_ATOM})*@{_WIDE_LABEL}(?:\.{_WIDE_LABEL})+", "an e-mail address"),
    # RFC 9562.
    "uuid": ("[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}", "a UUID"),
    # RFC 3986: a scheme, and characters that may stand in what follows.
    "uri": (
        r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+",
        "a URI",
    ),
    # RFC 1123.
    "hostname": (rf"{_LABEL}(?:\.{_LABEL})*", "a host name"),
    "ipv4": (_IPV4, "an IPv4 address"),
    "ipv6": (_IPV6, "an IPv6 address"),
    # RFC 4648, section 4.
    "byte": (
        "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        "bytes in base64",
    ),
}
INT64 = (-(1 << 63), (1 << 63) - 1)
#: The `format` of numbers: the least and the greatest.
NUMBER_FORMATS: dict[str, tuple[float, float]] = {
    **{f"i{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"u{bits}": (0, min((1 << bits) - 1, INT64[1])) for bits in (8, 16, 32, 64)},
    "f32": (-(2 - 2**-23) * 2.0**127, (2 - 2**-23) * 2.0**127),
    "f64": (-math.inf, math.inf),
}
_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def read_clock(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a column that `timezone` and `defaultTimezone` decide on."""
    default = options.get("defaultTimezone")
    if options.get("timezone") is False:
        return {"offsets": False, "clock_zone": str(default or "UTC")}
    return {"zone": str(default)} if default is not None and default != "Etc/UTC" else {}


def check_values(column: Column, options: dict[str, Any], path: Path, mistakes: Mistakes) -> None:
    """Note what is wrong with the options of a column, each at its line."""
    there = (*path, "logicalTypeOptions")
    if column.type == "boolean":
        for name in options:
            mistakes.add((*there, name), f"'{name}' means nothing for true and false; leave it out")
    if column.pattern is not None:
        check_pattern(column.pattern, f"'{column.name}'", (*there, "pattern"), mistakes)
    for name in ("minLength", "maxLength"):
        if isinstance(options.get(name), int) and options[name] >= 1 << 31:
            mistakes.add((*there, name), f"{name} of '{column.name}' must be below 2147483648")
    _check_format(column, (*there, "format"), mistakes)
    _check_zone(options, there, mistakes)
    right = [_check_limit(column, name, options, there, mistakes) for name in _LIMITS]
    if all(right):
        _check_order(column, there, mistakes)
    multiple = options.get("multipleOf")
    if isinstance(multiple, (int, float)) and not 0 < multiple < INT64[1]:
        sentence = f"multipleOf of '{column.name}' must be a finite number above 0, of 64 bits"
        mistakes.add((*there, "multipleOf"), sentence)
    _check_allowed(column, path, mistakes)


def _check_format(column: Column, place: Path, mistakes: Mistakes) -> None:
    written = column.format
    if written is None or column.parts or column.type == "boolean":
        return
    if column.type in ("date", "timestamp"):
        try:
            pattern = column.time_pattern
        except ValueError as error:
            mistakes.add(place, f"format '{written}' {error}")
            return
        offset = {"offset", "zone", "zone_name"} & set(pattern.fields)
        if offset and (column.type == "date" or not column.offsets):
            why = "a date" if column.type == "date" else "`timezone: false`"
            mistakes.add(place, f"format '{written}' reads an offset, and {why} has none")
        return
    known = tuple(STRING_FORMATS if column.type == "string" else NUMBER_FORMATS)
    if written not in known:
        what = (
            "holds more than 64 bits; declare it as string" if written in ("i128", "u128")
            else f"is not checked here; known: {', '.join(known)}; else use `pattern`, or leave it "
            "out"
        )  # fmt: skip
        mistakes.add(place, f"format '{written}' of '{column.name}' {what}")


def _check_zone(options: dict[str, Any], there: Path, mistakes: Mistakes) -> None:
    zone = options.get("defaultTimezone")
    if zone is None:
        return
    try:
        ZoneInfo(str(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        mistakes.add(
            (*there, "defaultTimezone"),
            f"'{zone}' is not a time zone; write one such as Europe/Berlin or Etc/UTC",
        )


def _check_limit(
    column: Column, name: str, options: dict[str, Any], there: Path, mistakes: Mistakes
) -> bool:
    """Return whether a limit is none or a right one."""
    limit, place = options.get(name), (*there, name)
    if limit is None:
        return True
    sentence = None
    if column.type in ("date", "timestamp"):
        parse = date if column.type == "date" else datetime
        try:
            parse.fromisoformat(str(limit))
        except ValueError:
            sentence = f"is not an ISO 8601 {column.type}"
    elif column.type in ("integer", "number"):
        sentence = _wrong_number(limit, column.type)
    if sentence:
        mistakes.add(place, f"{name} of '{column.name}' {sentence}")
    return sentence is None


def _wrong_number(value: Any, kind: str) -> str | None:
    """Say what is wrong with a number that a column's values are compared with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "must be a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if kind == "integer" and not INT64[0] <= value <= INT64[1]:
        return "lies beyond whole numbers of 64 bits"
    if kind == "number" and abs(value) > sys.float_info.max:
        return "lies beyond numbers of 64 bits"
    return None


def _check_order(column: Column, there: Path, mistakes: Mistakes) -> None:
    """Note limits that no value can keep."""
    lows = [v for v in (column.minimum, column.exclusive_minimum) if v is not None]
    highs = [v for v in (column.maximum, column.exclusive_maximum) if v is not None]
    texts = column.type in ("date", "timestamp")
    for low in lows:
        for high in highs:
            one, other = (str(v)[:10] if texts else v for v in (low, high))
            if one > other:  # type: ignore[operator]  # both are texts, or both are numbers
                mistakes.add(there, f"'{column.name}': minimum is above maximum")
                return
    if column.max_length is not None and (column.min_length or 0) > column.max_length:
        mistakes.add(there, f"'{column.name}': minLength is above maxLength")


def _check_allowed(column: Column, path: Path, mistakes: Mistakes) -> None:
    for index, value in enumerate(column.allowed):
        sentence = None
        if not fits(value, column.type):
            # YAML reads an unquoted Yes, No, on or 1 as something else than text.
            hint = "; write it in quotes" if column.type == "string" else ""
            sentence = f"is not of type {column.type}{hint}"
        elif column.type in ("integer", "number"):
            sentence = _wrong_number(value, column.type)
            if sentence is None and column.type == "number" and int(float(value)) != int(value):
                sentence = "has more digits than a number can hold exactly"
        if sentence:
            mistakes.add((*path, "enum", index), f"an allowed value of '{column.name}' {sentence}")
