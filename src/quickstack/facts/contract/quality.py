"""Read the quality rules of a column or a table, and what they name: values and patterns."""

from __future__ import annotations

import re
import sys
from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes, choose, texts
from quickstack.facts.contract.model import QualityRule
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

COLUMN_METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues")
TABLE_METRICS = ("rowCount", "duplicateValues")
OPERATORS = {
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
    "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween",
}  # fmt: skip
#: Python's types of the values that a logical type allows.
VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def fits(value: Any, kind: str) -> bool:
    """Return whether a value that YAML read is of a logical type."""
    wanted = VALUE_TYPES.get(kind, ())
    return isinstance(value, wanted) and (kind == "boolean" or not isinstance(value, bool))


def read_column_quality(
    column: dict[str, Any], path: Path, kind: str, mistakes: Mistakes
) -> tuple[QualityRule, ...]:
    """Read the quality rules of a column of type `kind`."""
    return _read(column, path, COLUMN_METRICS, mistakes, kind=kind)


def read_table_quality(
    table: dict[str, Any], path: Path, names: tuple[str, ...], mistakes: Mistakes
) -> tuple[QualityRule, ...]:
    """Read the quality rules of a table whose columns have these names."""
    return _read(table, path, TABLE_METRICS, mistakes, names=names)


def _read(
    owner: dict[str, Any],
    path: Path,
    metrics: tuple[str, ...],
    mistakes: Mistakes,
    *,
    kind: str = "",
    names: tuple[str, ...] = (),
) -> tuple[QualityRule, ...]:
    rules = []
    for index, entry in enumerate(owner.get("quality") or []):
        here = (*path, "quality", index)
        # What people are to read and judge themselves is no check.
        if entry.get("type") == "text":
            continue
        if _is_runnable(entry, metrics, here, mistakes):
            arguments = _arguments(entry, here, mistakes, kind=kind, names=names)
            rule = _rule(entry, here, arguments, mistakes)
            rules += [] if rule is None else [rule]
    return tuple(rules)


def _is_runnable(
    entry: dict[str, Any], metrics: tuple[str, ...], here: Path, mistakes: Mistakes
) -> bool:
    place, kind, metric = "column" if "nullValues" in metrics else "table", entry.get("type"), None
    if kind in ("sql", "custom"):
        mistakes.add(
            here,
            f"a quality rule of type {kind} is not run here; write it as a metric of the {place} "
            f"({', '.join(metrics)}), or as type text for people to read",
        )
        return False
    metric = entry.get("metric")
    if metric is None:
        mistakes.add(here, f"a quality rule needs a metric; write one of: {', '.join(metrics)}")
    elif metric not in metrics:
        mistakes.add(
            (*here, "metric"),
            f"the metric {metric} is not checked of a {place}; here: {', '.join(metrics)}",
        )
    return metric in metrics


def _rule(
    entry: dict[str, Any], here: Path, arguments: dict[str, Any], mistakes: Mistakes
) -> QualityRule | None:
    severity, unit = entry.get("severity", "error"), entry.get("unit", "rows")
    choose(severity, ("error", "warning"), "severity", (*here, "severity"), mistakes)
    choose(unit, ("rows", "percent"), "unit", (*here, "unit"), mistakes)
    if unit == "percent" and entry["metric"] == "rowCount":
        mistakes.add((*here, "unit"), "rowCount counts rows; leave `unit: percent` out")
    operators = [key for key in entry if key in OPERATORS]
    if len(operators) != 1:
        return None  # The schema of the standard has said so.
    operator = operators[0]
    limit, numbers = entry[operator], (int, float)
    limits = limit if isinstance(limit, list) else [limit]
    largest = sys.float_info.max
    if not all(
        isinstance(v, numbers) and not isinstance(v, bool) and abs(v) <= largest for v in limits
    ):
        mistakes.add((*here, operator), f"{operator} needs a number")
    elif len(limits) == 2 and limits[0] > limits[1]:
        mistakes.add((*here, operator), f"{operator}: write the smaller number first")
    value: Any = tuple(limits) if isinstance(limit, list) else limit
    return QualityRule(
        entry["metric"], operator, value, unit == "percent", severity == "error", **arguments
    )


def _arguments(
    entry: dict[str, Any], here: Path, mistakes: Mistakes, *, kind: str, names: tuple[str, ...]
) -> dict[str, Any]:
    """Read the `arguments` of a rule into the fields of QualityRule."""
    metric = entry["metric"]
    known = {
        "missingValues": ("missingValues",),
        "invalidValues": ("validValues", "pattern"),
        "duplicateValues": ("properties",) if names else (),
    }.get(metric, ())
    given: dict[str, Any] = entry.get("arguments") or {}
    place = (*here, "arguments")
    for name in given:
        if name not in known:
            hint = closest(name, known) or (f"; known: {', '.join(known)}" if known else "")
            mistakes.add((*place, name), f"'{name}' is not an argument of {metric} here{hint}")
    if known and not any(name in given for name in known):
        wanted = " or ".join(known)
        mistakes.add(here, f"{metric} needs `arguments:` with {wanted}")
    found: dict[str, Any] = {}
    for name in known:
        if name in given and name != "pattern" and not isinstance(given[name], list):
            mistakes.add((*place, name), f"'{name}' must be a list")
        elif name in given and name != "pattern" and not given[name]:
            mistakes.add((*place, name), f"'{name}' is empty; name at least one")
        elif name in given:
            found |= _argument(name, given[name], (*place, name), mistakes, kind, names)
    return found


def _argument(
    name: str, value: Any, place: Path, mistakes: Mistakes, kind: str, names: tuple[str, ...]
) -> dict[str, Any]:
    if name == "missingValues":
        # The standard lists null among them; what is null counts anyway.
        return {"missing": texts(name, [v for v in value if v is not None], place, mistakes)}
    if name == "pattern":
        if kind != "string":
            mistakes.add(place, "only text has a pattern; use validValues")
        check_pattern(value, "this rule", place, mistakes)
        return {"pattern": str(value)}
    if name == "validValues":
        for index, item in enumerate(value):
            if kind in VALUE_TYPES and not fits(item, kind):
                hint = "; write it in quotes" if kind == "string" else ""
                mistakes.add((*place, index), f"a valid value is not of type {kind}{hint}")
        if kind not in VALUE_TYPES:
            mistakes.add(place, f"validValues of a {kind} are not compared; use minimum, maximum")
        return {"valid": tuple(value)}
    for index, item in enumerate(value):
        if item not in names:
            sentence = f"'{item}' is not a column of this table{closest(str(item), names)}"
            mistakes.add((*place, index), sentence)
    return {"columns": tuple(str(item) for item in value)}


def check_pattern(pattern: Any, subject: str, place: Path, mistakes: Mistakes) -> None:
    """Note a mistake where RE2 (https://github.com/google/re2) cannot run a pattern."""
    if not isinstance(pattern, str):
        mistakes.add(place, f"the pattern of {subject} must be text")
        return
    if _is_re2(pattern):
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        mistakes.add(place, f"the pattern of {subject} is not a regular expression: {error}")
    else:
        mistakes.add(
            place,
            f"the pattern of {subject} uses what RE2 does not have; write it without look-around, "
            "back-references, possessive quantifiers and counts above 1000",
        )


def _is_re2(pattern: str) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return False
    return True
