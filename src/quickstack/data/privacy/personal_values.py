"""Take from declared personal columns what other columns are searched for.

What counts as a value (see `_qualifies`): two words or more; or one word of six characters or more
that holds a letter and a digit; digits alone from nine on, because shorter ones (dates, years,
amounts, running numbers) stand everywhere. One-word values of one row, such as a first and a last
name, count as a pair in either order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from quickstack.data.privacy.cell_words import Words, distinct_of, is_text, mix, secret_of, words_of
from quickstack.data.privacy.known_values import Known
from quickstack.data.privacy.value_hashes import is_in, union, unique

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

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
