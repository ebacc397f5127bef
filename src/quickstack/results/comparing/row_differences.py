"""Which rows of a table were added, removed or changed, by hash and in bounded memory.

Each row becomes the hash of its key and the hash of each further column, 64 bits each, written to
one of several temporary files by the hash of its key. Then one file at a time is compared. Neither
keys nor values are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Hashes = NDArray[np.uint64]

#: Hashes that are compared at a time: 64 MB a side.
CELLS = 8_000_000
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0x94D049BB133111EB)


@dataclass
class RowChanges:
    """How many rows differ.

    Attributes
    ----------
    columns
        How many of the changed rows differ in each column.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: Counter[str] = field(default_factory=Counter)


class Spill:
    """The hashes of one side's rows, in files by the hash of the key.

    Parameters
    ----------
    folder
        An empty temporary folder.
    key, columns
        Names of the columns that identify a row, and of those that are compared. Without a key,
        all columns identify it.
    parts
        How many files.
    """

    def __init__(
        self, folder: Path, key: Sequence[str], columns: Sequence[str], parts: int
    ) -> None:
        folder.mkdir()
        self._files = [(folder / str(part)).open("wb") for part in range(parts)]
        self._key, self._columns = list(key), list(columns)

    def add(self, batch: pa.RecordBatch) -> None:
        """Hash the rows of a batch."""
        hashes = {name: column_hash(batch.column(name)) for name in (*self._key, *self._columns)}
        key = combined([hashes[name] for name in self._key or self._columns])
        cells = np.column_stack([key, *(hashes[name] for name in self._columns)])
        bucket = key % np.uint64(len(self._files))
        for part, file in enumerate(self._files):
            np.ascontiguousarray(cells[bucket == part]).tofile(file)

    def read(self, part: int) -> Hashes:
        """Return the rows of one file, shape (rows, 1 + columns)."""
        self._files[part].flush()
        width = 1 + len(self._columns)
        return np.fromfile(self._files[part].name, dtype=np.uint64).reshape(-1, width)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def parts_for(rows: int, columns: int) -> int:
    """Return how many files keep `CELLS` hashes each, about."""
    return max(1, -(-rows * (1 + columns) // CELLS))


def compare_rows(before: Spill, after: Spill, columns: Sequence[str], parts: int) -> RowChanges:
    """Count the rows that differ; the two sides were spilled with the same columns."""
    changes = RowChanges()
    for part in range(parts):
        one, other = _numbered(before.read(part)), _numbered(after.read(part))
        _, left, right = np.intersect1d(
            one[:, 0], other[:, 0], assume_unique=True, return_indices=True
        )
        differs = one[left, 1:] != other[right, 1:]
        changes.removed += len(one) - len(left)
        changes.added += len(other) - len(right)
        changes.changed += int(differs.any(axis=1).sum())
        for name, times in zip(columns, differs.sum(axis=0), strict=True):
            if times:
                changes.columns[name] += int(times)
    return changes


def column_hash(column: pa.Array) -> Hashes:
    """Hash each value of a column, shape (rows,), uint64: the same value, the same hash."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    nulls = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type) or _is_whole(column.type):
        kind = pa.float64() if pa.types.is_floating(column.type) else pa.int64()
        whole = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
        numbers = pc.fill_null(whole.cast(kind), 0).to_numpy(zero_copy_only=False)
        hashes = pd.util.hash_array(numbers)
    else:
        coded = column.cast(pa.string()).dictionary_encode()
        values = coded.dictionary.to_numpy(zero_copy_only=False).astype(object)
        known = np.append(pd.util.hash_array(values, categorize=False), _NULL)
        codes = pc.fill_null(coded.indices, len(values)).to_numpy(zero_copy_only=False)
        hashes = known[codes]
    hashes = hashes.astype(np.uint64)
    hashes[nulls] = _NULL
    return hashes


def combined(hashes: Iterable[Hashes]) -> Hashes:
    """Return one hash of several columns, shape (rows,), that depends on their order."""
    result: Any = np.uint64(0)
    for each in hashes:
        result = (result ^ each) * _MULTIPLIER
        result ^= result >> np.uint64(29)
    return result


def _is_whole(kind: pa.DataType) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_date32, pa.types.is_timestamp)
    return any(test(kind) for test in tests)


def _numbered(cells: Hashes) -> Hashes:
    """Make keys that stand several times unique: the n-th of one side meets that of the other."""
    order = np.lexsort((combined(cells[:, i] for i in range(cells.shape[1])), cells[:, 0]))
    cells = cells[order]
    begins = np.append(True, cells[1:, 0] != cells[:-1, 0])[: len(cells)]
    position = np.arange(len(cells))
    number = position - np.maximum.accumulate(np.where(begins, position, 0))
    cells[:, 0] += number.astype(np.uint64) * _MULTIPLIER
    return cells
