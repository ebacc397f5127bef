"""Read the properties of a schema object as columns."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, get_args

from quickstack.contract.model import Column, LogicalType, QualityRule
from quickstack.contract.vocabulary import COLUMN, Mistakes, custom_values
from quickstack.yaml_lines import Path

CLASSIFICATIONS = ("public", "internal", "confidential", "personal")
DEFAULT_FORMATS = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%d %H:%M:%S"}
_PATTERN_LETTERS = {
    "yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
}  # fmt: skip
_OPERATORS = {
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
    "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween",
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
    custom = custom_values(entry, path, COLUMN, mistakes)
    kind: Any = entry.get("logicalType")
    if kind not in get_args(LogicalType):
        place = (*path, "logicalType") if kind else path
        choices = ", ".join(get_args(LogicalType))
        mistakes.add(place, f"column '{name}' needs a logicalType that a table can hold: {choices}")
        kind = "string"
    options = entry.get("logicalTypeOptions") or {}
    key_position = None
    if entry.get("primaryKey"):
        key_position = int(entry.get("primaryKeyPosition") or 1)
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
        domain=custom.get("pseudonymDomain", name),
        feature=custom.get("feature", True),
        leaks_target=custom.get("leaksTarget", False),
        quality=read_quality(entry, path, mistakes, column=name),
    )
    _check_privacy(column, path, mistakes)
    _check_limits(column, path, mistakes)
    _check_allowed(column, path, mistakes)
    return column


def _check_privacy(column: Column, path: Path, mistakes: Mistakes) -> None:
    choices = ", ".join(CLASSIFICATIONS)
    if column.classification not in (None, *CLASSIFICATIONS):
        place = (*path, "classification")
        mistakes.add(place, f"classification of '{column.name}' must be one of: {choices}")
    elif column.classification is None and column.type == "string":
        mistakes.add(
            path,
            f"text column '{column.name}' has no classification, and text may be personal; "
            f"write `classification:` with one of: {choices}",
        )
    if column.personal not in (None, "drop", "pseudonym"):
        mistakes.add(path, f"personalData of '{column.name}' must be drop or pseudonym")
    if column.classification == "personal" and column.personal is None:
        mistakes.add(
            path,
            f"column '{column.name}' is personal; add the custom property personalData: "
            "drop, or pseudonym",
        )
    if column.personal is not None and column.classification != "personal":
        mistakes.add(path, f"personalData of '{column.name}' needs `classification: personal`")
    if column.personal == "pseudonym" and column.type not in ("string", "integer"):
        mistakes.add(path, f"only text and whole numbers become pseudonyms; drop '{column.name}'")


def _check_limits(column: Column, path: Path, mistakes: Mistakes) -> None:
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            place = (*path, "logicalTypeOptions", "pattern")
            mistakes.add(place, f"the pattern of '{column.name}' is no regular expression: {error}")
    for option in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"):
        limit = getattr(column, option)
        if limit is None or column.type not in DEFAULT_FORMATS:
            continue
        try:
            parse = date if column.type == "date" else datetime
            parse.fromisoformat(str(limit))
        except ValueError:
            place = (*path, "logicalTypeOptions")
            mistakes.add(place, f"a limit of '{column.name}' is no ISO 8601 {column.type}")
    for low, high in (
        (column.minimum, column.maximum),
        (column.exclusive_minimum, column.exclusive_maximum),
    ):
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            place = (*path, "logicalTypeOptions")
            mistakes.add(place, f"'{column.name}': minimum is above maximum")


def _check_allowed(column: Column, path: Path, mistakes: Mistakes) -> None:
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    for index, value in enumerate(column.allowed):
        wanted = kinds.get(column.type, ())
        if isinstance(value, wanted) and (column.type == "boolean" or not isinstance(value, bool)):
            continue
        # YAML reads an unquoted Yes, No, on or 1 as something else than text.
        hint = "; write it in quotes" if column.type == "string" else ""
        place = (*path, "enum", index)
        mistakes.add(place, f"an allowed value of '{column.name}' is no {column.type}{hint}")


def _time_format(kind: str, pattern: Any, path: Path, mistakes: Mistakes) -> str | None:
    """Translate a JDK pattern such as `dd/MM/yyyy` into Python's `%d/%m/%Y`."""
    if kind not in DEFAULT_FORMATS:
        return None
    if pattern is None:
        return DEFAULT_FORMATS[kind]
    translated = str(pattern).replace("'T'", "T")
    for letters, directive in _PATTERN_LETTERS.items():
        translated = translated.replace(letters, directive)
    if re.search(r"(?<!%)[A-SU-Za-z]", translated):
        known = ", ".join(_PATTERN_LETTERS)
        place = (*path, "logicalTypeOptions", "format")
        mistakes.add(place, f"format '{pattern}' is not understood; use {known} and punctuation")
    return translated


def read_quality(
    owner: dict[str, Any], path: Path, mistakes: Mistakes, *, column: str | None = None
) -> tuple[QualityRule, ...]:
    """Read the quality rules of a column (`nullValues`) or of the table (`rowCount`)."""
    metric = "rowCount" if column is None else "nullValues"
    rules = []
    for index, entry in enumerate(owner.get("quality") or []):
        here = (*path, "quality", index)
        operators = [key for key in entry if key in _OPERATORS]
        if entry.get("metric") != metric:
            mistakes.add(here, f"the metric {metric} is checked here, no other")
        elif entry.get("severity") not in (None, "error", "warning"):
            mistakes.add((*here, "severity"), "severity must be error or warning")
        elif len(operators) == 1:
            limit = entry[operators[0]]
            value = tuple(limit) if isinstance(limit, list) else limit
            stops = entry.get("severity", "error") == "error"
            percent = entry.get("unit") == "percent"
            # The schema of the standard has checked that the limit is a number or two of them.
            rules.append(QualityRule(metric, operators[0], value, percent, stops))  # type: ignore[arg-type]
    return tuple(rules)
