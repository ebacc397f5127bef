"""Which columns may tell the rows of a table apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from quickstack.data.onboarding.describing import ColumnDraft

#: Kinds of personal data that tell persons apart.
_NAMES_OF_PERSONS = ("account", "email", "national_id", "username")
#: Columns that are combined, besides the time; a longer text tells no rows apart on purpose.
_COLUMNS, _TOGETHER, _LONGEST = 7, 3, 64


def single_key(columns: Sequence[ColumnDraft], target: str) -> str | None:
    """Return the column whose values all differ: by its name first, then the first one."""
    unique = [
        c
        for c in columns
        if c.name != target
        and c.type in ("string", "integer")
        and c.evidence is not None
        and c.evidence.longest <= _LONGEST
        and (c.personal is None or c.names_things or c.personal in _NAMES_OF_PERSONS)
        and c.evidence.is_unique
    ]
    named = [c for c in unique if c.names_things]
    texts = [c for c in unique if c.type == "string" or c is columns[0]]
    return next((c.name for c in (*named, *texts)), None)


def combined_keys(
    columns: Sequence[ColumnDraft], target: str, time: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """Return combinations that may be a key, the likeliest first.

    Parameters
    ----------
    time
        The time column; nothing where there is none.
    """
    usable = [
        c
        for c in columns
        if c.name not in (target, *time)
        and c.type in ("string", "integer")
        and c.evidence is not None
        and c.evidence.present == c.evidence.rows
        and c.evidence.longest <= _LONGEST
        and len(c.evidence.counts or (0, 0)) > 1
        and (c.personal is None or c.names_things)
        and (c.names_things or c.type == "string" or c.evidence.counts is None or time)
    ]
    ranked = sorted(
        usable,
        key=lambda c: (
            not c.names_things,
            c.type != "string",
            c.evidence is not None and c.evidence.counts is not None,
        ),
    )
    ranked = ranked[:_COLUMNS]
    names = [c.name for c in ranked]
    things = {c.name for c in ranked if c.names_things}
    found = [(*time, *some) for n in range(0 if time else 2, _TOGETHER + 1)
             for some in combinations(names, n) if time or things & set(some)]  # fmt: skip
    return [key for key in found if key]
