"""What reading a source came upon that nobody may have meant: said, and never left out silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Counts of what a reader came upon in one file: (kind, details …) to how many.
Noticed = Counter[tuple[str, ...]]


class Notice(NamedTuple):
    """One thing that somebody should look at.

    Attributes
    ----------
    kind
        One word for machines.
    where
        The file or folder.
    sentence
        What is there, and what to do about it. It quotes no value.
    """

    kind: str
    where: str
    sentence: str


#: By kind, what a count of it says.
_SENTENCES = {
    "hidden-sheets": "hidden sheets that hold the contract's columns and are not read: {n}; to "
    "read them, name them as `sheet` in the contract",
    "other-sheets": "sheets of other columns that are not read: {n}",
    "merged": "cells of column {detail} that took the value of the merged cell they lie in: {n}",
    "controls": "rows whose {detail} holds control characters where {more} has letters and signs: "
    "{n}; write `encoding: {more}` in the contract where it says latin-1, else correct it where "
    "the file is made",
    "lost-letters": "rows whose {detail} holds U+FFFD, which programs write for a letter that they "
    "could not read: {n}; correct it where the file is made",
    "encoded-twice": "rows whose {detail} holds UTF-8 that was read as {more}: {n}; write "
    "`encoding: utf-8` in the contract where it says otherwise, else correct it where the file is "
    "made",
}


def said(where: str, noticed: Noticed) -> list[Notice]:
    """Return what the counts of one file say, in a fixed order."""
    found = []
    for (kind, *details), count in sorted(noticed.items()):
        detail, more = (*details, "", "")[:2]
        sentence = _SENTENCES[kind].format(n=f"{count:,}", detail=detail, more=more)
        found.append(Notice(kind, where, sentence))
    return found


def told(report: Mapping[str, Any], most: int) -> list[str]:
    """Return the findings of a report as lines, and how many more there are."""
    found = [f for part in (report, *report.get("tables", {}).values())
             for f in part.get("findings", ())]  # fmt: skip
    lines = [f"{finding['where']}: {finding['sentence']}" for finding in found[:most]]
    more = len(found) - most
    return [*lines, f"{more} more in reports/quality.json"] if more > 0 else lines
