"""The values that are looked for, and those that cannot be because they say too little."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from quickstack.facts.errors import SourceError

#: Shorter values occur everywhere by chance.
SHORTEST, SHORTEST_NUMBER = 6, 7
_DATE = re.compile(
    r"((19|20)\d\d[-/.]?\d{1,2}[-/.]?\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"([T ]\d{1,2}:\d{2}(:\d{2})?\S*)?"
)


@dataclass(frozen=True)
class Value:
    """One value to look for.

    Attributes
    ----------
    text
        The value; it is never shown.
    shown
        What findings show instead: `column email of people`, `line 7`.
    word
        Whether it is one word without digits, which counts as a whole word only.
    """

    text: str = field(repr=False)
    shown: str
    word: bool = False


@dataclass(frozen=True)
class Searchable:
    """The values that can be looked for, and how many cannot, by reason."""

    values: list[Value]
    left_out: dict[str, int]


def read_values(path: Path) -> list[tuple[str, str]]:
    """Return the lines of a file of values, each with how findings name it.

    Raises
    ------
    SourceError
        Where the file is not there, or is not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(
            "the file is not UTF-8", where=str(path), fix="save it as UTF-8, one value a line"
        ) from None
    except OSError as error:
        raise SourceError(
            f"it cannot be read: {error.strerror}",
            where=str(path),
            fix="name a file of one value a line",
        ) from None
    lines = enumerate(text.splitlines(), 1)
    return [(line.strip(), f"line {number}") for number, line in lines if line.strip()]


def searchable(values: Iterable[tuple[str, str]], public: frozenset[str]) -> Searchable:
    """Leave out what would be found everywhere.

    Parameters
    ----------
    values
        Pairs of a value and what findings show.
    public
        Lower-case words and values that are public: the contract declares them.
    """
    kept: dict[str, Value] = {}
    left_out: Counter[str] = Counter()
    for text, shown in values:
        bare = text.strip()
        if bare in kept:
            continue
        word = bare.isalpha()
        if len(bare) < SHORTEST or (bare.isdecimal() and len(bare) < SHORTEST_NUMBER):
            left_out["too short"] += 1
        elif _DATE.fullmatch(bare):
            left_out["a date"] += 1
        elif bare.lower() in public:
            left_out["declared in the contract"] += 1
        elif word and bare.islower():
            left_out["a common word"] += 1
        elif len(set(bare)) < 3:
            left_out["a repeated character"] += 1
        else:
            kept[bare] = Value(bare, shown, word)
    return Searchable(list(kept.values()), dict(sorted(left_out.items())))
