"""Find many byte patterns at once: a window of each pattern by table, then the whole by comparison.

Of each pattern the rarest window of eight bytes is looked up at every position, by numpy. That is
faster than an automaton from Python, and its memory grows by some 60 bytes a pattern, where the
nodes of an automaton take that for each byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from quickstack.data.unpacking.buffers import Buffer

#: What may stand beside a match: anything, no digit or letter, no letter, no hash that it is part
#: of by chance, no letters of the same word in front of it.
ANYTHING, NO_NUMBER, NO_WORD, NO_HASH, NO_BEGINNING = 0, 1, 2, 3, 4
#: A shorter pattern is met by chance.
SHORTEST = 6
#: Positions that are looked at in one go: what numpy makes of them fits the processor's cache.
_STEP = 1 << 16
# Odd 64-bit constants of multiplicative hashing (Knuth's, and that of SplitMix64).
_HASH, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_HEXADECIMAL = frozenset(b"0123456789abcdef"), frozenset(b"0123456789ABCDEF")
#: With so many further hexadecimal digits around it, a match is a part of a hash or a pseudonym.
_HASH_AROUND = 8
#: A letter inside a word, and not behind the escape of a line's end.
_BEGINNING = re.compile(rb"(?:^|[^\\])[a-z][a-z]$")
_WORD = _ALNUM | {ord("_")} | frozenset(range(0x80, 0x100))


@dataclass(frozen=True)
class Pattern:
    """Bytes to look for, and what they stand for.

    Attributes
    ----------
    value
        The number of the value.
    encoding
        The name of its encoding.
    beside
        What may stand beside it: ANYTHING, NO_NUMBER, NO_WORD, NO_HASH or NO_BEGINNING.
    """

    content: bytes
    value: int
    encoding: str
    beside: int = ANYTHING


class Matcher:
    """All patterns, ready to be looked for.

    Parameters
    ----------
    patterns
        Those shorter than SHORTEST bytes are left out.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        import numpy as np

        names: dict[str, int] = {}
        content, starts, labels = bytearray(), [0], []
        for pattern in patterns:
            if len(pattern.content) >= SHORTEST:
                content += pattern.content
                starts.append(len(content))
                encoding = names.setdefault(pattern.encoding, len(names))
                labels.append((pattern.value, encoding, pattern.beside))
        self._content, self._names = bytes(content), list(names)
        self._labels = np.array(labels, dtype=np.int32).reshape(-1, 3)
        begin = np.array(starts, dtype=np.int64)
        lengths = np.diff(begin)
        self._starts, self._lengths = begin[:-1], lengths
        long = np.flatnonzero(lengths >= 8)
        short = np.flatnonzero(lengths < 8)
        self._indexes = [
            _WindowIndex(self._content, self._starts[some], lengths[some], some, width)
            for some, width in ((long, 8), (short, SHORTEST))
            if len(some)
        ]

    def __len__(self) -> int:
        """Return how many patterns there are."""
        return len(self._lengths)

    def find(self, data: Buffer, *, packed: bool = False) -> set[tuple[int, str]]:
        """Return the (value, encoding) pairs in `data`.

        Where columns are `packed` there, what may be part of a hash is left to their own values.
        """
        found: set[int] = set()
        for index in self._indexes:
            for pattern, position in index.candidates(data):
                left = pattern in found or (packed and self._labels[pattern, 2] == NO_HASH)
                if not left and self._is_at(data, pattern, position):
                    found.add(pattern)
        return {(int(self._labels[i, 0]), self._names[self._labels[i, 1]]) for i in found}

    def _is_at(self, data: Buffer, pattern: int, position: int) -> bool:
        start, size = int(self._starts[pattern]), int(self._lengths[pattern])
        end = position + size
        if position < 0 or end > len(data):
            return False
        if data[position:end] != self._content[start : start + size]:
            return False
        beside = int(self._labels[pattern, 2])
        if beside == ANYTHING:
            return True
        if beside == NO_HASH:
            return _around(data, position, end) < _HASH_AROUND
        if beside == NO_BEGINNING:
            return _BEGINNING.search(data[max(position - 2, 0) : position + 1]) is None
        before = data[position - 1] if position else 0
        after = data[end] if end < len(data) else 0
        if beside == NO_NUMBER:
            return before not in _ALNUM and before != ord(".") and after not in _ALNUM
        return before not in _WORD and after not in _WORD


def _around(data: Buffer, begin: int, end: int) -> int:
    """Count the hexadecimal digits, of one case, that stand before and after a match."""
    before = bytes(data[max(begin - _HASH_AROUND, 0) : begin])[::-1]
    after = bytes(data[end : end + _HASH_AROUND])
    return max(
        sum(sum(1 for _ in takewhile(digits.__contains__, side)) for side in (before, after))
        for digits in _HEXADECIMAL
    )


class _WindowIndex:
    """One window of each pattern, in a table by hash and in a sorted list."""

    def __init__(self, content: bytes, starts: Any, lengths: Any, numbers: Any, width: int) -> None:
        import numpy as np

        self._mask = None if width == 8 else np.uint64((1 << 8 * width) - 1)
        offsets, windows = self._rarest(content + bytes(8), starts, lengths, width)
        order = np.argsort(windows, kind="stable")
        self._numbers, self._offsets = numbers[order], offsets[order]
        self._windows, self._first = np.unique(windows[order], return_index=True)
        self._end = np.append(self._first[1:], len(order))
        # At most one entry in sixteen of the first table is taken, while that fits 16 MB.
        bits = min(24, max(16, len(self._windows).bit_length() + 4))
        self._tables = [
            self._table(factor, size) for factor, size in ((_HASH, bits), (_SECOND, 24))
        ]

    def _table(self, factor: int, bits: int) -> tuple[Any, Any, Any]:
        import numpy as np

        table = np.zeros(1 << bits, dtype=bool)
        multiply, shift = np.uint64(factor), np.uint64(64 - bits)
        table[self._windows * multiply >> shift] = True
        return table, multiply, shift

    def _view(self, data: Buffer, begin: int, end: int) -> np.ndarray[Any, Any]:
        """Return the windows that begin at positions `begin` to `end`, which overlap."""
        import numpy as np

        windows = np.ndarray((end - begin,), "<u8", data, begin, (1,))
        return windows if self._mask is None else windows & self._mask

    def _rarest(self, content: bytes, starts: Any, lengths: Any, width: int) -> tuple[Any, Any]:
        """Return where each pattern's rarest window begins, and that window."""
        import numpy as np

        counts = np.zeros(1 << 22, dtype=np.int32)
        shift = np.uint64(64 - 22)
        for part in _parts(lengths):
            _, hashed, _ = self._all_windows(content, starts[part], lengths[part], width, shift)
            counts += np.bincount(hashed, minlength=len(counts)).astype(np.int32)
        offsets, windows = [], []
        for part in _parts(lengths):
            positions, hashed, first = self._all_windows(
                content, starts[part], lengths[part], width, shift
            )
            sizes = np.diff(np.append(first, len(positions)))
            within = np.arange(len(positions)) - np.repeat(first, sizes)
            score = counts[hashed].astype(np.int64) << 16 | within
            best = np.minimum.reduceat(score, first) & 0xFFFF
            offsets.append(best)
            windows.append(self._take(content, starts[part] + best))
        return np.concatenate(offsets), np.concatenate(windows)

    def _all_windows(
        self, content: bytes, starts: Any, lengths: Any, width: int, shift: Any
    ) -> tuple[Any, Any, Any]:
        import numpy as np

        many = lengths - width + 1
        first = np.cumsum(many) - many
        positions = np.arange(int(many.sum())) + np.repeat(starts - first, many)
        hashed = self._take(content, positions) * np.uint64(_HASH) >> shift
        return positions, hashed.astype(np.int64), first

    def _take(self, content: bytes, positions: Any) -> Any:
        return self._view(content, 0, len(content) - 7)[positions]

    def candidates(self, data: Buffer) -> Iterable[tuple[int, int]]:
        """Yield (pattern, position) where the pattern's window stands in `data`."""
        size = len(data)
        last = size - 8 + 1
        for begin in range(0, max(last, 0), _STEP):
            yield from self._looked_up(data, begin, min(begin + _STEP, last), 0)
        if self._mask is not None and size >= SHORTEST:  # windows of six reach into the last bytes
            begin = max(last, 0)
            tail = bytes(data[begin:]) + bytes(8)
            yield from self._looked_up(tail, 0, size - begin, begin)

    def _looked_up(
        self, data: Buffer, begin: int, end: int, shown: int
    ) -> Iterable[tuple[int, int]]:
        import numpy as np

        windows = self._view(data, begin, end)
        table, factor, shift = self._tables[0]
        positions = np.flatnonzero(table.take((windows * factor >> shift).view(np.int64)))
        if not len(positions):
            return
        table, factor, shift = self._tables[1]
        windows = windows[positions]
        kept = table.take((windows * factor >> shift).view(np.int64))
        positions, windows = positions[kept], windows[kept]
        index = np.searchsorted(self._windows, windows)
        index[index == len(self._windows)] = 0
        same = self._windows[index] == windows
        for position, at in zip(positions[same].tolist(), index[same].tolist(), strict=True):
            for number in range(int(self._first[at]), int(self._end[at])):
                yield (
                    int(self._numbers[number]),
                    position + begin + shown - int(self._offsets[number]),
                )


def _parts(lengths: Any, size: int = 1 << 22) -> list[slice]:
    """Split patterns so that the windows of a part fit memory."""
    import numpy as np

    total = np.cumsum(lengths)
    if not len(total):
        return []
    bounds = np.searchsorted(total, np.arange(size, int(total[-1]) + size, size))
    edges = np.unique(np.concatenate([[0], bounds, [len(lengths)]]))
    edges = edges[edges <= len(lengths)]
    return [slice(a, b) for a, b in pairwise(edges.tolist())]
