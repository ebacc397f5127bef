"""Digests of rows, by which equal rows are found across all files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quickstack.data.privacy.cmac import codes

if TYPE_CHECKING:
    import pyarrow as pa

# Only equality counts here, so the key is no secret.
_KEY = b"quickstack: equality of rows ..."
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_STEPS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)


def row_digests(columns: list[pa.Array]) -> tuple[Any, Any]:
    """Return 128 bits per row that are equal where all values are.

    Parameters
    ----------
    columns
        Text (plain or as a dictionary), numbers, truth values, dates or timestamps.

    Returns
    -------
    digests : numpy.ndarray of uint64, shape (n, 2)
        For one column of whole numbers, dates or times the first half is the value itself, and
        the second is 0.
    present : numpy.ndarray of bool, shape (n,)
        False where a value is missing.
    """
    import numpy as np

    present = np.ones(len(columns[0]), bool)
    for column in columns:
        if column.null_count:
            present &= np.asarray(column.is_valid())
    halves = [_digest(column) for column in columns]
    if len(halves) == 1:
        return halves[0], present
    result = np.empty_like(halves[0])
    for side in (0, 1):
        state = np.zeros(len(result), np.uint64)
        for digest in halves:
            # What of a value is not in this half still counts for it: of a number all is in one.
            value = digest[:, side] if digest[:, 1].any() else digest[:, 0]
            state = _mixed(state * np.uint64(3) + value + np.uint64(_STEPS[side]))
        result[:, side] = state
    return result, present


def _digest(column: pa.Array) -> Any:
    """Return (n, 2) uint64."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        distinct = _digest(column.dictionary)
        indices = np.asarray(pc.fill_null(column.indices, 0))
        return distinct[indices] if len(distinct) else np.zeros((len(column), 2), np.uint64)
    if pa.types.is_string(column.type):
        return codes(pc.fill_null(column, ""), _KEY, "row").view(np.uint64)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    if pa.types.is_timestamp(column.type) or pa.types.is_date32(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers = np.asarray(pc.fill_null(column, 0))
    if numbers.dtype == np.float64:
        words = (numbers + 0.0).view(np.uint64)  # -0.0 equals 0.0
    else:
        words = numbers.astype(np.int64).view(np.uint64)
    return np.column_stack([words, np.zeros_like(words)])


def _mixed(words: Any) -> Any:
    """Spread every bit over all others: the finaliser of splitmix64 (Steele et al., 2014)."""
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX[0])
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX[1])
    return words ^ (words >> np.uint64(31))
