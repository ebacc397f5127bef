"""Read the properties of a schema object as columns."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, get_args

from quickstack.facts.contract.custom_properties import (
    COLUMN_PROPERTIES,
    Mistakes,
    choose,
    custom_values,
    place_of,
    reason_for,
)
from quickstack.facts.contract.model import RULES, Column, LogicalType, Severity
from quickstack.facts.contract.privacy import check_privacy, read_findings, read_generalisation
from quickstack.facts.contract.quality import check_pattern, fits, read_column_quality
from quickstack.facts.yaml_lines import Path

DEFAULT_FORMATS = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%d %H:%M:%S"}
_PATTERN_LETTERS = {
    "yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
}  # fmt: skip


def read_columns(table: dict[str, Any], path: Path, mistakes: Mistakes) -> tuple[Column, ...]:
    """Turn `properties` into columns, noting every mistake with its place."""
    columns: list[Column] = []
    seen: dict[str, str] = {}
    for index, entry in enumerate(table.get("properties") or []):
        here = (*path, "properties", index)
        column = _read_column(entry, here, mistakes)
        folded = column.name.casefold()
        if folded in seen:
            mistakes.add(here, f"'{column.name}' stands here twice (names differ at most in case)")
        seen[folded] = column.name
        columns.append(column)
    if not columns:
        mistakes.add(path, "no columns; write each one under `properties`")
    return tuple(columns)


def _read_column(entry: dict[str, Any], path: Path, mistakes: Mistakes) -> Column:
    name = str(entry.get("name"))
    custom = custom_values(entry, path, COLUMN_PROPERTIES, mistakes)
    kind: Any = entry.get("logicalType")
    if kind not in get_args(LogicalType):
        written = (*path, "logicalType") if kind else path
        choices = ", ".join(get_args(LogicalType))
        mistakes.add(
            written, f"column '{name}' needs a logicalType that a table can hold: {choices}"
        )
        kind = "string"
    options = entry.get("logicalTypeOptions") or {}
    key_position = None
    if entry.get("primaryKey"):
        key_position = int(entry.get("primaryKeyPosition") or 1)

    def place(name: str) -> Path:
        return place_of(entry, path, name)

    column = Column(
        name=name,
        type=kind,
        required=bool(entry.get("required")) or key_position is not None,
        unique=bool(entry.get("unique")),
        key_position=key_position,
        allowed=tuple(item["value"] for item in entry.get("enum") or ()),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        exclusive_minimum=options.get("exclusiveMinimum"),
        exclusive_maximum=options.get("exclusiveMaximum"),
        min_length=options.get("minLength"),
        max_length=options.get("maxLength"),
        pattern=options.get("pattern"),
        format=_time_format(kind, options.get("format"), path, mistakes),
        unit=custom.get("unit"),
        description=str(entry.get("description") or ""),
        classification=entry.get("classification"),
        personal=custom.get("personalData"),
        generalisation=read_generalisation(
            custom.get("generalisation"), name, kind, place("generalisation"), mistakes
        ),
        allowed_findings=read_findings(
            custom.get("allowedFindings", []), name, place("allowedFindings"), mistakes
        ),
        severities=_read_severities(custom.get("severity", {}), name, place("severity"), mistakes),
        domain=custom.get("pseudonymDomain", name),
        feature=custom.get("feature"),
        leaks_target=custom.get("leaksTarget", False),
        known_before=reason_for(entry, "knownAt") if "knownAt" in custom else "",
        quality=read_column_quality(entry, path, kind, mistakes),
    )
    if "knownAt" in custom:
        _check_known(custom["knownAt"], column, place("knownAt"), mistakes)
    check_privacy(column, entry, path, mistakes)
    _check_severities(column, place("severity"), mistakes)
    _check_limits(column, path, mistakes)
    _check_allowed(column, path, mistakes)
    return column


def _check_known(written: str, column: Column, place: Path, mistakes: Mistakes) -> None:
    subject = f"knownAt of '{column.name}'"
    if choose(written, ("before",), subject, place, mistakes) and not column.known_before:
        mistakes.add(
            place,
            f"{subject} needs a reason; write `{{property: knownAt, value: before, description: "
            "why it is known before the target}}`",
        )
    if column.leaks_target:
        mistakes.add(place, f"'{column.name}' has both knownAt and leaksTarget; keep one")


def _read_severities(
    written: dict[str, Any], name: str, place: Path, mistakes: Mistakes
) -> tuple[tuple[str, Severity], ...]:
    """Read which rules count their rows or end the run, instead of quarantining."""
    severities = []
    for rule, severity in written.items():
        here = (*place, str(rule))
        known = choose(rule, RULES, f"a rule in severity of '{name}'", here, mistakes)
        subject = f"severity of '{name}', {rule},"
        if known and choose(severity, get_args(Severity), subject, here, mistakes):
            severities.append((rule, severity))
    return tuple(severities)


def _check_severities(column: Column, place: Path, mistakes: Mistakes) -> None:
    """Note a severity of a rule that the column does not have."""
    present = {
        "type": column.type != "string",
        "required": column.required,
        "allowed": bool(column.allowed),
        "minimum": (column.minimum, column.exclusive_minimum) != (None, None),
        "maximum": (column.maximum, column.exclusive_maximum) != (None, None),
        "length": (column.min_length, column.max_length) != (None, None),
        "pattern": column.pattern is not None,
        "unique": column.unique or column.key_position is not None,
    }
    for rule, _ in column.severities:
        if not present[rule]:
            mistakes.add(
                (*place, rule),
                f"'{column.name}' has no rule '{rule}' whose severity could be set; leave it out",
            )


def _check_limits(column: Column, path: Path, mistakes: Mistakes) -> None:
    if column.pattern is not None:
        place = (*path, "logicalTypeOptions", "pattern")
        check_pattern(column.pattern, f"'{column.name}'", place, mistakes)
    for option in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"):
        limit = getattr(column, option)
        if limit is None or column.type not in DEFAULT_FORMATS:
            continue
        try:
            parse = date if column.type == "date" else datetime
            parse.fromisoformat(str(limit))
        except ValueError:
            place = (*path, "logicalTypeOptions")
            mistakes.add(place, f"a limit of '{column.name}' is not an ISO 8601 {column.type}")
    for low, high in (
        (column.minimum, column.maximum),
        (column.exclusive_minimum, column.exclusive_maximum),
    ):
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            place = (*path, "logicalTypeOptions")
            mistakes.add(place, f"'{column.name}': minimum is above maximum")


def _check_allowed(column: Column, path: Path, mistakes: Mistakes) -> None:
    for index, value in enumerate(column.allowed):
        if fits(value, column.type):
            continue
        # YAML reads an unquoted Yes, No, on or 1 as something else than text.
        hint = "; write it in quotes" if column.type == "string" else ""
        sentence = f"an allowed value of '{column.name}' is not of type {column.type}{hint}"
        mistakes.add((*path, "enum", index), sentence)


def _time_format(kind: str, pattern: Any, path: Path, mistakes: Mistakes) -> str | None:
    """Translate a JDK pattern such as `dd/MM/yyyy` into Python's `%d/%m/%Y`."""
    if kind not in DEFAULT_FORMATS:
        return None
    if pattern is None:
        return DEFAULT_FORMATS[kind]
    # JDK patterns put literal letters between apostrophes: yyyy-MM-dd'T'HH:mm:ss'Z'.
    parts = re.split(r"'([^']*)'", str(pattern))
    for index in range(0, len(parts), 2):
        for letters, directive in _PATTERN_LETTERS.items():
            parts[index] = parts[index].replace(letters, directive)
    translated = "".join(parts)
    place = (*path, "logicalTypeOptions", "format")
    left = re.sub(r"%[YmdHMS]", "", "".join(parts[::2]))
    if re.search(r"[A-SU-Za-z%]", left) or "%" in str(pattern):
        known = ", ".join(_PATTERN_LETTERS)
        mistakes.add(place, f"format '{pattern}' is not understood; use {known} and punctuation")
    elif "%Y" not in translated:
        mistakes.add(place, f"format '{pattern}' names no year; write yyyy in it")
    return translated
