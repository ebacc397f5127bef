"""Read the columns that are put together from others: a time whose parts stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes, place_of
from quickstack.facts.contract.model import Column
from quickstack.facts.contract.standard import closest
from quickstack.facts.contract.time_patterns import compile_pattern
from quickstack.facts.yaml_lines import Path


def read_parts(
    written: dict[str, Any], name: str, kind: str, place: Path, mistakes: Mistakes
) -> tuple[tuple[str, str], ...]:
    """Read `parts: {year: yyyy, month: MMMM, day: d}`."""
    if written and kind not in ("date", "timestamp"):
        mistakes.add(place, f"parts of '{name}' make a date or timestamp; correct its logicalType")
        return ()
    right = True
    for part, pattern in written.items():
        try:
            compile_pattern(str(pattern), part=True)
        except ValueError as error:
            mistakes.add((*place, part), f"the pattern '{pattern}' {error}")
            right = False
    parts = tuple((str(part), str(pattern)) for part, pattern in written.items())
    if parts and right:
        try:
            compile_pattern(" ".join(pattern for _, pattern in parts))
        except ValueError as error:
            mistakes.add(place, f"what the patterns of '{name}' make together {error}")
            right = False
    return parts if right else ()


def check_parts(
    columns: Sequence[Column], table: dict[str, Any], path: Path, mistakes: Mistakes
) -> None:
    """Note parts that are no columns of the table, or whose values cannot be put together."""
    known = {c.name: c for c in columns if not c.parts}
    for index, column in enumerate(columns):
        place = place_of(table["properties"][index], (*path, "properties", index), "parts")
        if column.parts and column.format is not None:
            mistakes.add(place, f"parts of '{column.name}' have patterns of their own; leave "
                         "`format` out")  # fmt: skip
        for name, pattern in column.parts:
            sentence = _wrong_part(column, known.get(name), pattern)
            if sentence:
                hint = "" if name in known else closest(name, list(known))
                mistakes.add((*place, name), f"part '{name}' of '{column.name}' {sentence}{hint}")


def _wrong_part(column: Column, part: Column | None, pattern: str) -> str | None:
    if part is None:
        return "is not a column of the file"
    if part.type not in ("string", "integer", "date"):
        return f"is of type {part.type}; parts are text, whole numbers or dates"
    if part.type == "date" and pattern != "yyyy-MM-dd":
        return "is a date; its pattern here is yyyy-MM-dd"
    if part.personal not in (None, "keep") and column.personal in (None, "keep"):
        return f"is personal, so '{column.name}' is; say what happens to it"
    return None
