"""The JSON Lines of rows that were refused: where each stands, all that is wrong, its raw text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from quickstack.data.readers.blocks import Place


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a row; no sentence quotes a value."""

    column: str
    rule: str
    reason: str


def quarantine_line(file: str, place: Place, problems: Iterable[Problem]) -> str:
    """Return one row of the quarantine as a line of JSON."""
    row = {
        "file": file,
        "line": place.line,
        "offset": place.offset,
        "problems": [{"column": p.column, "rule": p.rule, "reason": p.reason} for p in problems],
        # Bytes that are no text stay readable as \xff, and the file stays UTF-8.
        "raw": place.raw.decode("utf-8", "backslashreplace"),
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
