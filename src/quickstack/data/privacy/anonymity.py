"""k-anonymity: find the combinations of values that too few persons share.

Partitions know a combination by its digest alone: what they hand over is small, merges, and says
nothing without the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstack.data.privacy.hashing import is_in, mix, secret_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Classes:
    """How often each combination occurs: arrays of one length, sorted by digest.

    Attributes
    ----------
    digests : uint64 (classes,)
        The combinations; with subjects, one entry for each combination of class and subject.
    subjects : uint64 (classes,) or None
        Digests of the subjects, where persons are told apart.
    rows : int64 (classes,)
        Rows of the entry.
    """

    digests: np.ndarray
    subjects: np.ndarray | None
    rows: np.ndarray


def class_digests(table: pa.Table, key: bytes) -> np.ndarray:
    """Return one 64-bit digest per row over all columns of a table.

    Two rows have equal digests where they agree in every column; a null is a value of its own.
    The digests of ten million different combinations collide with a chance of 3 in a million.

    Parameters
    ----------
    table
        The quasi-identifiers as ingest leaves them, in the order of the contract.
    key
        Of the run; digests of one key are comparable.

    Returns
    -------
    numpy.ndarray of uint64, shape (rows,)
    """
    import numpy as np

    secret = secret_of(key)
    digests = np.full(table.num_rows, secret.seed)
    for column in table.columns:
        digests = mix(digests, _cell_digests(column, key), secret)
    return digests


def classes(digests: np.ndarray, subjects: np.ndarray | None = None) -> Classes:
    """Count the rows of each class, or of each class and subject.

    Parameters
    ----------
    digests : uint64 (rows,)
        What `class_digests` gives for the quasi-identifiers.
    subjects : uint64 (rows,)
        What `class_digests` gives for the subject's column alone.
    """
    import numpy as np

    return _sum(digests, subjects, np.ones(len(digests), np.int64))


def merge(parts: Sequence[Classes]) -> Classes:
    """Put the classes of partitions together; all of them have subjects, or none has."""
    import numpy as np

    if not parts:
        nothing = np.zeros(0, np.uint64)
        return Classes(nothing, None, np.zeros(0, np.int64))
    digests = np.concatenate([p.digests for p in parts])
    rows = np.concatenate([p.rows for p in parts])
    subjects = [p.subjects for p in parts if p.subjects is not None]
    return _sum(digests, np.concatenate(subjects) if subjects else None, rows)


def small_classes(merged: Classes, k: int) -> np.ndarray:
    """Return the digests of classes that fewer than k rows or subjects share: uint64, sorted."""
    import numpy as np

    starts = _starts(merged.digests)
    if merged.subjects is None:
        return merged.digests[merged.rows < k]
    sizes = np.diff(np.append(starts, len(merged.digests)))
    return merged.digests[starts[sizes < k]]


def rows_in(digests: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return which rows belong to one of some classes: bool (rows,)."""
    return is_in(digests, small)


def _cell_digests(column: pa.ChunkedArray, key: bytes) -> np.ndarray:
    """Return a digest for each cell, computed once for each distinct value."""
    import hashlib

    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    encoded = column.unify_dictionaries().combine_chunks()
    base = hashlib.blake2b(key=key[:64], digest_size=8)
    digests = bytearray()
    for value in encoded.dictionary.cast(pa.string()).to_pylist():
        state = base.copy()
        state.update(b"null" if value is None else b"=" + value.encode())
        digests += state.digest()
    state = base.copy()
    state.update(b"null")
    digests += state.digest()
    indices = pc.fill_null(encoded.indices.cast(pa.int64()), -1)
    return np.frombuffer(bytes(digests), "<u8")[indices.to_numpy()]


def _sum(digests: np.ndarray, subjects: np.ndarray | None, rows: np.ndarray) -> Classes:
    import numpy as np

    order = np.argsort(digests) if subjects is None else np.lexsort((subjects, digests))
    digests = digests[order]
    subjects = None if subjects is None else subjects[order]
    starts = _starts(digests, subjects)
    sums = np.add.reduceat(rows[order], starts) if len(starts) else rows[:0]
    return Classes(digests[starts], None if subjects is None else subjects[starts], sums)


def _starts(digests: np.ndarray, subjects: np.ndarray | None = None) -> np.ndarray:
    """Return where a run of equal entries begins."""
    import numpy as np

    if not len(digests):
        return np.zeros(0, np.int64)
    new = np.ones(len(digests), bool)
    new[1:] = digests[1:] != digests[:-1]
    if subjects is not None:
        new[1:] |= subjects[1:] != subjects[:-1]
    return np.flatnonzero(new)
