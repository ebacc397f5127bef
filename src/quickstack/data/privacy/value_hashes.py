"""Sets of hashes, as sorted arrays of uint64 without repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


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
