"""Find values of declared personal columns inside other text columns, across all partitions.

Pass one takes from each partition `personal_values` and, of each other text column, the
`vocabulary`; both are keyed hashes, and merge (`merge`, `hashes.union`). Pass two asks `count` only
where `may_hold` says that a column could hold a value. Nothing depends on how rows are cut into
blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from quickstack.data.privacy.hashing import (
    Words,
    any_in,
    distinct_of,
    is_in,
    is_text,
    mix,
    secret_of,
    union,
    unique,
    words_of,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: Values that are remembered, as a power of two: 16 MB. A further one takes the place of another,
#: which then is looked at once more.
_SLOT_BITS = 20
#: By how many bits a code is shifted for each of its places.
_SIDES = (64 - _SLOT_BITS, 64 - 2 * _SLOT_BITS)


class Known:
    """The codes of the values of one column, and the hashes of those that are a word of letters.

    A code may stand in two places, so that few values push each other out. It may be used from
    several threads. What it knows must have been kept by them.
    """

    def __init__(self) -> None:
        import numpy as np

        self._lock = Lock()
        self._codes = np.zeros(1 << _SLOT_BITS, np.uint64)
        self._words = np.zeros(1 << _SLOT_BITS, np.uint64)
        self._some = False

    def look(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Say which values are new, and return the words of the others.

        Parameters
        ----------
        codes : uint64 (n,)
            Different for different values, and evenly spread.

        Returns
        -------
        new : int64
            The positions of the new ones.
        words : uint64 (n,)
            As `note` was given them, 0 for new values.
        """
        import numpy as np

        words = np.zeros(len(codes), np.uint64)
        upper, middle = _SIDES
        with self._lock:
            places = _places(codes, upper)
            new = np.flatnonzero(self._codes.take(places) != codes)
            if self._some:
                words = self._words.take(places)
                words[new] = 0
            places = _places(codes[new], middle)
            known = self._codes[places] == codes[new]
            words[new[known]] = self._words[places[known]]
        return new[~known], words

    def note(self, codes: np.ndarray, words: np.ndarray) -> None:
        """Remember values and their words."""
        import numpy as np

        places, other = (_places(codes, side) for side in _SIDES)
        with self._lock:
            places = np.where(self._codes[places] == 0, places, other)
            self._codes[places] = codes
            self._some |= bool(words.any())
            if self._some:
                self._words[places] = words


def _places(codes: np.ndarray, side: int) -> np.ndarray:
    """Return where the codes may stand: by their upper bits, or by those in the middle."""
    import numpy as np

    return ((codes >> np.uint64(side)) & np.uint64((1 << _SLOT_BITS) - 1)).astype(np.int64)


#: A value of more words is looked for by its first ones.
LONGEST = 6
_LEAST_MIXED, _LEAST_DIGITS = 6, 9
#: Words around a name that a text leaves out or writes in another way.
_TITLES = "mr mrs ms miss mx dr prof sir dame herr frau mme mlle señor señora sr sra dott ing"
_SUFFIXES = "jr sr md phd dds dvm msc bsc mba esq ii iii iv"
#: Values that are worked on together, so that they stay in the processor's cache.
_VALUES = 16384


@dataclass(frozen=True)
class PersonalValues:
    """What is looked for; keyed hashes, sorted, without repetitions.

    Attributes
    ----------
    single : uint64
        Values of one word.
    several : uint64
        Values of several words.
    ends : uint64
        The upper halves of the hashes of a value's first and last word.
    longest
        Words of the longest value.
    """

    single: np.ndarray
    several: np.ndarray
    ends: np.ndarray
    longest: int


def personal_values(
    table: pa.Table,
    key: bytes,
    *,
    emails: bool = True,
    seen: Mapping[str, tuple[Known, np.ndarray]] | None = None,
) -> PersonalValues:
    """Return what to look for, from the personal columns of a block.

    Parameters
    ----------
    table
        The personal columns alone. Text and whole numbers count, other types do not.
    key
        Of the run; hashes of one key are comparable.
    emails
        Whether values that hold an @ count. Detection finds every e-mail address in a text, so
        they can be left out unless a column is allowed to hold some.
    seen
        Of plain text columns: what is known of earlier blocks, and the code of each row's value.
        Values of earlier blocks are not returned again.
    """
    import numpy as np
    import pyarrow as pa

    found, pairable = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not (pa.types.is_integer(column.type) or is_text(column.type)):
            continue
        if seen and name in seen:
            known, codes = seen[name]
            distinct, indices = column.combine_chunks(), np.arange(len(column))
            new, lone = known.look(codes)
            lone[new], of_new = _looked_at(distinct.take(pa.array(new)), key, emails=emails)
            known.note(codes[new], lone[new])
        else:
            distinct, indices = distinct_of(column)
            lone, of_new = _looked_at(distinct, key, emails=emails)
        found += of_new
        # A null has the position -1: the word appended last, which is none.
        pairable.append((indices, np.append(lone, np.uint64(0))))
    for position, one in enumerate(pairable):
        found += [_pairs(one, other, key) for other in pairable[position + 1 :]]
    return merge(found)


def merge(parts: Sequence[PersonalValues]) -> PersonalValues:
    """Put the values of partitions together."""
    return PersonalValues(
        union([p.single for p in parts]),
        union([p.several for p in parts]),
        union([p.ends for p in parts]),
        max((p.longest for p in parts), default=1),
    )


def _looked_at(
    distinct: pa.Array, key: bytes, *, emails: bool
) -> tuple[np.ndarray, list[PersonalValues]]:
    """Return the hash of each value that is one word of letters, and what is looked for."""
    import numpy as np

    if not emails:
        distinct = _without_emails(distinct)
    found, lone = [], [np.zeros(0, np.uint64)]
    for start in range(0, len(distinct), _VALUES):
        part = distinct.slice(start, _VALUES)
        words = words_of(part, key)
        found.append(_values(words, len(part), key))
        lone.append(_lone_words(words, len(part)))
    return np.concatenate(lone), found


def _values(words: Words, size: int, key: bytes) -> PersonalValues:
    """Hash the values of a column that qualify, given the words of its distinct values."""
    import numpy as np

    counts = np.bincount(words.owner, minlength=size)
    first = np.cumsum(counts) - counts
    some = counts > 0
    first, counts = first[some], counts[some]
    if counts.max(initial=0) > 2:
        titled = (counts > 2) & is_in(words.hashes[first], _listed(_TITLES, key))
        first, counts = first + titled, counts - titled
        ended = (counts > 2) & is_in(words.hashes[first + counts - 1], _listed(_SUFFIXES, key))
        counts = np.minimum(counts - ended, LONGEST)
    before = np.concatenate([[0], np.cumsum(words.lengths)])
    digits_before = np.concatenate([[0], np.cumsum(words.digits)])
    length = before[first + counts] - before[first]
    digits = digits_before[first + counts] - digits_before[first]
    good = _qualifies(counts, length, digits)
    first, counts = first[good], counts[good]

    sequence, secret = words.hashes[first], secret_of(key)
    for position in range(1, int(counts.max(initial=1))):
        more = counts > position
        sequence[more] = mix(sequence[more], words.hashes[first[more] + position], secret)
    many = counts > 1
    ends = _ends(words.hashes[first[many]], words.hashes[(first + counts - 1)[many]])
    longest = int(counts.max(initial=1))
    return PersonalValues(sequence[~many], sequence[many], ends, longest)


def _qualifies(counts: np.ndarray, length: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Whether values of so many words, bytes and digits say something about a person."""
    mixed = (digits > 0) & (digits < length) & (length >= _LEAST_MIXED)
    written = (digits < length) & (counts > 1)
    return mixed | written | ((digits == length) & (digits >= _LEAST_DIGITS))


def _lone_words(words: Words, size: int) -> np.ndarray:
    """Return the hash of each value that is one word of letters, 0 for the others: uint64."""
    import numpy as np

    counts = np.bincount(words.owner, minlength=size)
    alone = (counts[words.owner] == 1) & (words.digits == 0) & (words.lengths > 1)
    hashes = np.zeros(size, np.uint64)
    hashes[words.owner[alone]] = words.hashes[alone]
    return hashes


def _pairs(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], key: bytes
) -> PersonalValues:
    """Hash the one-word values of two columns of one row as two words, in either order.

    Each column is given as the positions of its rows and the words at these positions.
    """
    import numpy as np

    (left_at, left_words), (right_at, right_words) = one, other
    nothing = np.zeros(0, np.uint64)
    if not (left_words.any() and right_words.any()):
        return PersonalValues(nothing, nothing, nothing, 1)
    both = (left_words[left_at] != 0) & (right_words[right_at] != 0)
    width = len(right_words)
    codes = unique(left_at[both] * width + right_at[both])
    left, right, secret = left_words[codes // width], right_words[codes % width], secret_of(key)
    several = np.concatenate([mix(left, right, secret), mix(right, left, secret)])
    ends = np.concatenate([_ends(left, right), _ends(right, left)])
    return PersonalValues(nothing, unique(several), unique(ends), 2 if len(codes) else 1)


def _ends(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    import numpy as np

    upper = np.uint64(32)
    return ((first >> upper) << upper) | (last >> upper)


@cache
def _listed(text: str, key: bytes) -> np.ndarray:
    import pyarrow as pa

    return unique(words_of(pa.array(text.split()), key).hashes)


def _without_emails(distinct: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.match_substring(distinct, "@"), pa.scalar(None, distinct.type), distinct)


__all__ = [
    "PersonalValues",
    "count",
    "holding",
    "may_hold",
    "merge",
    "personal_values",
    "vocabulary",
]

#: Bits by which a word is looked up before it is compared in full.
_BITS = 22


def vocabulary(values: pa.Array, key: bytes) -> np.ndarray:
    """Return the hashes of a text column's words: uint64, sorted, without repetitions."""
    return unique(words_of(distinct_of(values)[0], key).hashes)


def may_hold(words: np.ndarray, personal: PersonalValues) -> bool:
    """Whether the words could make up a value: both its first and its last word are there."""
    import numpy as np

    if not len(words):
        return False
    if any_in(personal.single, words):
        return True
    if not len(personal.ends):
        return False
    halves = unique(words >> np.uint64(32))
    bits = np.zeros(1 << _BITS, bool)
    bits[halves >> np.uint64(32 - _BITS)] = True
    first = personal.ends >> np.uint64(32)
    last = personal.ends & np.uint64(0xFFFFFFFF)
    some = bits[first >> np.uint64(32 - _BITS)] & bits[last >> np.uint64(32 - _BITS)]
    return bool((is_in(first[some], halves) & is_in(last[some], halves)).any())


def holding(values: pa.Array, personal: PersonalValues, key: bytes) -> np.ndarray:
    """Return which rows hold a personal value: bool, one per row; a null holds none."""
    import numpy as np

    distinct, indices = distinct_of(values)
    return np.append(_holding(distinct, personal, key), False)[indices]


def count(values: pa.Array, personal: PersonalValues, key: bytes) -> int:
    """Return how many rows hold a personal value."""
    return int(holding(values, personal, key).sum())


def _holding(distinct: pa.Array, personal: PersonalValues, key: bytes) -> np.ndarray:
    import numpy as np

    words = words_of(distinct, key)
    hashes, owner = words.hashes, words.owner
    result = np.zeros(len(distinct), bool)
    result[owner[is_in(hashes, personal.single)]] = True
    bits = np.zeros(1 << _BITS, bool)
    bits[personal.ends >> np.uint64(64 - _BITS)] = True
    starts = np.flatnonzero(bits[hashes >> np.uint64(64 - _BITS)])
    sequence, secret = hashes[starts], secret_of(key)
    for length in range(2, personal.longest + 1):
        last = starts + length - 1
        fits = last < len(hashes)
        starts, last, sequence = starts[fits], last[fits], sequence[fits]
        fits = owner[starts] == owner[last]
        starts, last = starts[fits], last[fits]
        sequence = mix(sequence[fits], hashes[last], secret)
        result[owner[starts[is_in(sequence, personal.several)]]] = True
    return result
