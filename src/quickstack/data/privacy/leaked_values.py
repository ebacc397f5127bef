"""Find values of declared personal columns inside other text columns, across all partitions.

Pass one takes from each partition `personal_values` and, of each other text column, the
`vocabulary`; both are keyed hashes, and merge (`merge`, `hashes.union`). Pass two asks `count` only
where `may_hold` says that a column could hold a value. Nothing depends on how rows are cut into
blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstack.data.privacy.cell_words import distinct_of, mix, secret_of, words_of
from quickstack.data.privacy.personal_values import PersonalValues, merge, personal_values
from quickstack.data.privacy.value_hashes import any_in, is_in, unique

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

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
