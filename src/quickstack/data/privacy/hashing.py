"""Sets of hashes, as sorted arrays of uint64 without repetitions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def union(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Put sets, or any hashes, together."""
    import numpy as np

    return unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


def unique(hashes: np.ndarray) -> np.ndarray:
    """Sort hashes and leave out repetitions."""
    import numpy as np

    ordered = np.sort(hashes)
    keep = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def is_in(hashes: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Whether each hash is one of some that are sorted."""
    import numpy as np

    if not len(ordered):
        return np.zeros(len(hashes), bool)
    place = np.searchsorted(ordered, hashes)
    return ordered[np.minimum(place, len(ordered) - 1)] == hashes


def any_in(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sorted arrays have a hash in common."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return bool(is_in(small, large).any())


#: Bytes of text that are hashed together: what numpy works on then stays in the cache.
PART_BYTES = 1 << 16
_SHIFT = 32


@dataclass(frozen=True)
class Words:
    """The words of some values, in order.

    Attributes
    ----------
    hashes : uint64 (words,)
    owner : int64 (words,)
        The value each word stands in, ascending.
    lengths : int64 (words,)
        Bytes.
    digits : int64 (words,)
        How many of the bytes are ASCII digits.
    """

    hashes: np.ndarray
    owner: np.ndarray
    lengths: np.ndarray
    digits: np.ndarray


@dataclass(frozen=True)
class Secret:
    """Two odd multipliers and a seed, derived from a key."""

    first: np.uint64
    second: np.uint64
    seed: np.uint64


@cache
def secret_of(key: bytes) -> Secret:
    """Derive the numbers that hashes are keyed with."""
    import numpy as np

    digest = hashlib.blake2b(b"echo", key=key[:64], digest_size=24).digest()
    first, second, seed = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8, 16))
    return Secret(np.uint64(first | 1), np.uint64(second | 1), np.uint64(seed))


def mix(state: np.ndarray, value: np.ndarray, secret: Secret) -> np.ndarray:
    """Take 64 more bits into a hash, so that their order counts: multiply, fold, twice."""
    mixed = ((state * secret.second) ^ value) * secret.first
    mixed ^= mixed >> _SHIFT
    mixed *= secret.second
    mixed ^= mixed >> _SHIFT
    return mixed


def words_of(values: pa.Array, key: bytes) -> Words:
    """Split and hash the words of texts; a null has none.

    Parameters
    ----------
    values : pyarrow.StringArray or LargeStringArray
    key
        Equal words have equal hashes under one key.
    """
    import numpy as np

    offsets, data = _bytes(_normalised(values))
    secret = secret_of(key)
    parts, start = [], 0
    while start < len(values):
        limit = np.searchsorted(offsets, offsets[start] + PART_BYTES, side="right")
        stop = min(max(int(limit) - 1, start + 1), start + PART_BYTES, len(values))
        part = offsets[start : stop + 1]
        parts.append(_part(part, data, start, secret))
        start = stop
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Words(nothing.astype(np.uint64), nothing, nothing, nothing)
    if len(parts) == 1:
        return parts[0]
    return Words(
        np.concatenate([p.hashes for p in parts]),
        np.concatenate([p.owner for p in parts]),
        np.concatenate([p.lengths for p in parts]),
        np.concatenate([p.digits for p in parts]),
    )


def _normalised(values: pa.Array) -> pa.Array:
    """Bring values that are not ASCII to one form; a null becomes the empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.fill_null(values.cast(pa.large_string()), "")
    plain = pc.string_is_ascii(values)
    if pc.all(plain, min_count=0).as_py():
        return values
    other = pc.invert(plain)
    texts = pc.utf8_lower(pc.utf8_normalize(values.filter(other), form="NFC"))
    for letter, folded in (
        ("ß", "ss"),
        ("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}"),
        ("İ", "i"),
    ):
        texts = pc.replace_substring(texts, letter, folded)
    texts = pc.replace_substring_regex(texts, r"[^\p{L}\p{M}\p{N}]+", " ")
    return pc.replace_with_mask(values, other, texts)


def _bytes(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets (values + 1,) and the bytes of large strings, without a copy."""
    import numpy as np

    _, offsets, data = values.buffers()
    position = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    return position, np.frombuffer(data or b"", np.uint8)


@cache
def _letters() -> np.ndarray:
    """Return each byte as it counts in a word; 0 is no part of one."""
    import numpy as np

    table = np.zeros(256, np.uint8)
    for byte in (*b"0123456789abcdefghijklmnopqrstuvwxyz", *range(0x80, 0x100)):
        table[byte] = byte
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        table[byte] = byte + 32
    return table


def _part(offsets: np.ndarray, data: np.ndarray, first: int, secret: Secret) -> Words:
    import numpy as np

    begin, end = int(offsets[0]), int(offsets[-1])
    bounds = offsets - begin
    size = end - begin
    # Eight bytes behind the last word, so that each word can be read by eight bytes.
    text = np.zeros(size + 8, np.uint8)
    np.take(_letters(), data[begin:end], out=text[:size])
    letter = text[: size + 1] != 0
    edge = letter[1:] != letter[:-1]
    starting, ending = letter[1:] & edge, letter[:-1] & edge
    # A word ends with its value, even where the next one begins with a letter.
    inner = bounds[(bounds > 0) & (bounds < size)]
    starting[inner - 1] = letter[inner]
    ending[inner - 1] = letter[inner - 1]
    starts, ends = np.flatnonzero(starting) + 1, np.flatnonzero(ending) + 1
    if letter[0]:
        starts = np.concatenate([[0], starts])
    lengths = ends - starts
    eight = np.ndarray(len(text) - 7, "<u8", text, strides=(1,))
    masks = ~np.uint64(0) >> (np.uint64(64) - np.arange(9, dtype=np.uint64) * np.uint64(8))
    masks[0] = 0
    block = eight[starts] & masks[np.minimum(lengths, 8)]
    hashes = mix(lengths.astype(np.uint64) ^ secret.seed, block, secret)
    digits = _digits(block)
    left = np.flatnonzero(lengths > 8)
    done = 8
    while len(left):
        rest = lengths[left] - done
        block = eight[starts[left] + done] & masks[np.minimum(rest, 8)]
        hashes[left] = mix(hashes[left], block, secret)
        digits[left] += _digits(block)
        left = left[rest > 8]
        done += 8
    owner = np.repeat(
        np.arange(first, first + len(offsets) - 1), np.diff(np.searchsorted(starts, bounds))
    )
    return Words(hashes, owner, lengths, digits)


def _digits(blocks: np.ndarray) -> np.ndarray:
    """Count the ASCII digits among eight bytes: those with bits 4 and 5, and neither 6 nor 7."""
    import numpy as np

    one, *places = (np.uint64(n) for n in (0x0101010101010101, 4, 5, 6, 7))
    four, five, six, seven = (blocks >> place for place in places)
    return np.bitwise_count(four & five & ~(six | seven) & one).astype(np.int64)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, as a dictionary or not."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def distinct_of(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the values as text, once each where many repeat, and each row's position in them.

    The position of a null is -1.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(values.type):
        if not _repeats(values):
            return values.cast(pa.string()), np.arange(len(values))
        values = pc.dictionary_encode(values)
    indices = pc.fill_null(values.indices.cast(pa.int64()), -1).to_numpy()
    return values.dictionary.cast(pa.string()), indices


def _repeats(values: pa.Array) -> bool:
    """Whether so many values repeat that hashing them once each is worth the sorting out."""
    import pyarrow.compute as pc

    head = values.slice(0, 4096)
    return len(head) > 0 and pc.count_distinct(head, mode="all").as_py() < 0.7 * len(head)
