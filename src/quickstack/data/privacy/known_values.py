"""Remember which personal values were looked at, so that one that comes again costs little."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Values that are remembered, as a power of two: 16 MB. A further one takes the place of another,
#: which then is looked at once more.
_BITS = 20
#: By how many bits a code is shifted for each of its places.
_SIDES = (64 - _BITS, 64 - 2 * _BITS)


class Known:
    """The codes of the values of one column, and the hashes of those that are a word of letters.

    A code may stand in two places, so that few values push each other out. It may be used from
    several threads. What it knows must have been kept by them.
    """

    def __init__(self) -> None:
        import numpy as np

        self._lock = Lock()
        self._codes = np.zeros(1 << _BITS, np.uint64)
        self._words = np.zeros(1 << _BITS, np.uint64)
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

    return ((codes >> np.uint64(side)) & np.uint64((1 << _BITS) - 1)).astype(np.int64)
