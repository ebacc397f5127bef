"""Remember which personal values were looked at, so that one that comes again costs little."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Values that are remembered, as a power of two: 16 MB. A further one takes the place of another,
#: which then is looked at once more.
_BITS = 20


class Known:
    """The codes of the values of one column, and the hashes of those that are a word of letters.

    It may be used from several threads. What it knows must have been kept by them.
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
        new : bool (n,)
        words : uint64 (n,)
            As `note` was given them, 0 for new values.
        """
        import numpy as np

        places = _places(codes)
        with self._lock:
            new = self._codes.take(places) != codes
            words = np.zeros(len(codes), np.uint64)
            if self._some:
                words[~new] = self._words[places[~new]]
        return new, words

    def note(self, codes: np.ndarray, words: np.ndarray) -> None:
        """Remember values and their words."""
        places = _places(codes)
        with self._lock:
            self._codes[places] = codes
            self._some |= bool(words.any())
            if self._some:
                self._words[places] = words


def _places(codes: np.ndarray) -> np.ndarray:
    import numpy as np

    return (codes >> np.uint64(64 - _BITS)).astype(np.int64)
