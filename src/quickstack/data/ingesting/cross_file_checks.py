"""What only all files together show: repeated keys, missing references, small groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from quickstack.data.ingesting.check import Problem
from quickstack.data.ingesting.outcome import Outcome, pieces
from quickstack.data.privacy import anonymity
from quickstack.facts.contract import Contract
from quickstack.facts.contract.model import Reference

#: So many digests are sorted at a time; more are sorted in parts, so that memory stays bounded.
_SORTED_AT_ONCE = 1 << 24
#: So many rows are compared at a time.
_CHUNK = 1 << 22
_SPREAD = 0x9E3779B97F4A7C15

#: Per file, positions among its clean rows to what is wrong with them.
FileRefusals = list[dict[int, tuple[Problem, ...]]]


def refuse(found: FileRefusals, rows: Iterable[tuple[int, Any]], problem: Problem) -> int:
    """Note a problem of some rows; return how many they are."""
    total = 0
    for file, positions in rows:
        for row in positions.tolist():
            found[file][row] = (*found[file].get(row, ()), problem)
        total += len(positions)
    return total


def repetitions(outcomes: list[Outcome], rule: str) -> Iterator[tuple[int, Any]]:
    """Yield, per file, the positions of rows whose digest occurred before.

    The first of equal rows, in the order of files and rows, is none. Rows without a value are no
    repetitions of each other.
    """
    import numpy as np

    name = f"unique:{rule}"
    again = _repeated_values(outcomes, name)
    if not len(again):
        return
    candidates: list[Any] = []
    for file, digests in pieces(outcomes, name):
        among = np.isin(digests[:, 0], again)
        among[outcomes[file].array(f"absent:{name}")] = False
        rows = np.flatnonzero(among)
        place = np.full((len(rows), 1), file, np.uint64)
        candidates.append(np.hstack([digests[rows], place, rows[:, None].astype(np.uint64)]))
    table = np.concatenate(candidates)
    table = table[np.lexsort(table.T[::-1])]
    same = np.zeros(len(table), bool)
    same[1:] = (table[1:, :2] == table[:-1, :2]).all(axis=1)
    for file in range(len(outcomes)):
        rows = table[same & (table[:, 2] == file), 3].astype(np.int64)
        if len(rows):
            yield file, np.sort(rows)


def _repeated_values(outcomes: list[Outcome], name: str) -> Any:
    """Return the first halves of digests that occur more than once."""
    import numpy as np

    if _apart(outcomes, name):
        return np.empty(0, np.uint64)
    total = sum(len(digests) for _, digests in pieces(outcomes, name))
    parts = max(1, -(-total // _SORTED_AT_ONCE))
    again = []
    for part in range(parts):
        halves = []
        for file, digests in pieces(outcomes, name):
            values = np.delete(digests[:, 0], outcomes[file].array(f"absent:{name}"))
            if parts > 1:
                map_jobs = (values * np.uint64(_SPREAD)) >> np.uint64(32)
                values = values[map_jobs % np.uint64(parts) == part]
            halves.append(values)
        values = np.sort(np.concatenate(halves)) if halves else np.empty(0, np.uint64)
        again.append(np.unique(values[1:][values[1:] == values[:-1]]))
    return np.concatenate(again)


def _apart(outcomes: list[Outcome], name: str) -> bool:
    """Whether values rise in each file, and files hold different ranges: then all are different."""
    if not all(name in outcome.spans for outcome in outcomes):
        return False
    spans = sorted(outcome.spans[name] for outcome in outcomes)
    return all(before[1] < after[0] for before, after in pairwise(spans))


def orphans(
    outcomes: list[Outcome], index: int, parents: list[Outcome], target: str
) -> Iterator[tuple[int, Any]]:
    """Yield, per file, the positions of rows whose reference leads nowhere.

    Parameters
    ----------
    index
        Which of the contract's references.
    parents, target
        The files of the table it points to, and their digests of the columns it points at.
    """
    import numpy as np

    name = f"reference:{index}"
    known = [np.unique(digests[:, 0]) for _, digests in pieces(parents, target)]
    keys = np.unique(np.concatenate(known)) if known else np.empty(0, np.uint64)
    for file, digests in pieces(outcomes, name):
        lost = np.ones(len(digests), bool)
        for begin in range(0, len(digests), _CHUNK):
            part = digests[begin : begin + _CHUNK, 0]
            lost[begin : begin + _CHUNK] = ~np.isin(part, keys)
        lost[outcomes[file].array(f"absent:{name}")] = False
        if lost.any():
            yield file, np.flatnonzero(lost)


def small_groups(
    outcomes: list[Outcome], contract: Contract, refused: FileRefusals
) -> Iterator[tuple[int, Any]]:
    """Yield, per file, the positions of rows that fewer than k rows or persons share.

    Rows that are refused anyway count for no group.
    """
    import numpy as np

    wanted = contract.anonymity
    if wanted is None:
        return
    parts = []
    for file, digests in pieces(outcomes, "classes"):
        kept = np.ones(len(digests), bool)
        kept[list(refused[file])] = False
        persons = outcomes[file].array("subjects")[kept] if wanted.subject else None
        parts.append(anonymity.classes(digests[kept], persons))
    small = anonymity.small_classes(anonymity.merge(parts), wanted.k)
    for file, digests in pieces(outcomes, "classes"):
        rows = np.flatnonzero(anonymity.rows_in(digests, small))
        rows = rows[[row not in refused[file] for row in rows.tolist()]] if len(rows) else rows
        if len(rows):
            yield file, rows


def target_name(reference: Reference) -> str:
    """Return the name of the digests of the columns that a reference points at."""
    return f"target:{','.join(reference.to)}"
