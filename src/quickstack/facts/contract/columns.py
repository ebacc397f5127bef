"""Read the properties of a schema object as columns."""

from __future__ import annotations

from typing import Any, get_args

from quickstack.facts.contract.column_parts import check_parts, read_parts
from quickstack.facts.contract.custom_properties import (
    COLUMN_PROPERTIES,
    Mistakes,
    choose,
    custom_values,
    place_of,
    reason_for,
)
from quickstack.facts.contract.model import RULES, Column, LogicalType, Monotone, Severity
from quickstack.facts.contract.privacy import check_privacy, read_findings, read_generalisation
from quickstack.facts.contract.quality import read_column_quality
from quickstack.facts.contract.value_options import check_values, read_clock
from quickstack.facts.yaml_lines import Path


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
    check_parts(columns, table, path, mistakes)
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

    elif entry.get("primaryKeyPosition") not in (None, -1):
        sentence = f"'{name}' has a place in a key that it is not of; write `primaryKey: true` too"
        mistakes.add((*path, "primaryKeyPosition"), sentence)

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
        multiple_of=options.get("multipleOf"),
        format=options.get("format"),
        parts=read_parts(custom.get("parts", {}), name, kind, place("parts"), mistakes),
        **read_clock(options),
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
        monotone=custom.get("monotone"),
        known_before=reason_for(entry, "knownAt") if "knownAt" in custom else "",
        quality=read_column_quality(entry, path, kind, mistakes),
    )
    if column.monotone is not None:
        _check_monotone(column, place("monotone"), mistakes)
    if "knownAt" in custom:
        _check_known(custom["knownAt"], column, place("knownAt"), mistakes)
    if entry.get("logicalType") == kind:
        check_privacy(column, entry, path, mistakes)
    _check_severities(column, place("severity"), mistakes)
    check_values(column, options, path, mistakes)
    return column


def _check_known(written: str, column: Column, place: Path, mistakes: Mistakes) -> None:
    subject = f"knownAt of '{column.name}'"
    if choose(written, ("before",), subject, place, mistakes) and not column.known_before:
        mistakes.add(
            place,
            f"{subject} needs a reason; write `{{property: knownAt, value: before, description: "
            "why it is known before the target}`",
        )
    if column.leaks_target:
        mistakes.add(place, f"'{column.name}' has both knownAt and leaksTarget; keep one")


def _check_monotone(column: Column, place: Path, mistakes: Mistakes) -> None:
    choose(column.monotone, get_args(Monotone), f"monotone of '{column.name}'", place, mistakes)
    if column.type not in ("integer", "number", "boolean"):
        mistakes.add(place, f"'{column.name}' is no number, so it has no direction; leave it out")


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
        "multiple": column.multiple_of is not None,
        "format": column.type not in ("date", "timestamp") and column.format is not None,
        "clock": column.zone is not None,
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
