"""Cut a stream of text into pieces that begin and, as far as one can tell, end with whole rows."""

from __future__ import annotations

from dataclasses import dataclass

from quickstack.data.readers.dialect import MAX_LINES_OF_A_ROW, MAX_ROW_BYTES
from quickstack.data.readers.utf8 import Utf8

#: What is compared at a time, so that numpy's copies stay in the processor's cache.
IN_CACHE = 1 << 16
#: The first cut holds at least so many bytes, for the header and what stands before it.
_HEADER = 1 << 16


@dataclass(frozen=True)
class Cut:
    """A piece of a file that begins with a row.

    Attributes
    ----------
    offset
        Where it begins in the file, in bytes.
    line
        The physical line (from 1) it begins with.
    final
        Whether nothing follows that could belong to its rows: the file ends, or a line comes that
        is too long for any.
    line_ends
        How many line ends it holds.
    too_long
        Whether it is the beginning of a line longer than MAX_ROW_BYTES, whose rest was skipped.
    """

    data: bytes
    offset: int
    line: int
    final: bool
    line_ends: int = 0
    too_long: bool = False


class Cutter:
    """Cut the text of a file; what was not used of a cut can be given back.

    Parameters
    ----------
    size
        About how many bytes a cut holds.
    quote
        The quote character, empty for none: a cut does not end inside a quoted cell, unless quotes
        are wrong.
    """

    def __init__(self, text: Utf8, size: int, quote: bytes) -> None:
        self.text, self.size, self.quote = text, size, quote
        self._offset, self._line = text.start, 1
        self._rest = b""
        self._ended = False
        self._wanted = max(size, _HEADER)
        self._least = 0
        self._seen: Cut | None = None

    def peek(self) -> Cut | None:
        """Return the next cut, which `next` then returns again; None at the end."""
        self._seen = self.next()
        return self._seen

    def next(self) -> Cut | None:
        """Return the next cut, None at the end."""
        if (seen := self._seen) is not None:
            self._seen = None
            return seen
        if (cut := self._quick()) is not None:
            return cut
        data, final = self._taken(self._wanted)
        least, self._least = self._least, 0
        while not final and data.find(b"\n", least) < 0:
            if len(data) > MAX_ROW_BYTES:
                if not least:
                    return self._too_long()
                # A line of any length follows, which completes nothing.
                return self._made(data[:least], self._rest[least:], final=True)
            data, final = self._taken(min(2 * len(data), MAX_ROW_BYTES))
        if not data:
            return None
        data = data if final else data[: self._end(data, least)]
        return self._made(data, self._rest[len(data) :], final=final)

    def _quick(self) -> Cut | None:
        """Return what was left and what is read next up to its last line end, copied once.

        None where that end is inside a quoted cell, or more must be read.
        """
        if self._least or self._ended or len(self._rest) > self._wanted // 2:
            return None
        if data := self.text.lines(self._wanted, len(self._rest)):
            if self._odd(data):
                self._rest = data
                return None
            return self._made(data, b"", final=False)
        rest, more = self._rest, self.text.read(self._wanted - len(self._rest))
        self._ended = not more
        end = more.rfind(b"\n") + 1
        if not end or self._odd(rest) != self._odd(more, end):
            self._rest += more
            return None
        data = b"".join((rest, memoryview(more)[:end]))
        return self._made(data, more[end:], final=False)

    def _odd(self, data: bytes, end: int | None = None) -> bool:
        """Return whether a quote is open at the end."""
        return bool(self.quote and self.quote in data and count(data, self.quote, end) % 2)

    def _made(self, data: bytes, rest: bytes, *, final: bool) -> Cut:
        cut = Cut(data, self._offset, self._line, final, count(data, b"\n"))
        self._rest = rest
        self._offset += self.text.length(data)
        self._line += cut.line_ends
        self._wanted = self.size
        return cut

    def give_back(
        self, unused: list[Cut], data: bytes, offset: int, line: int, *, grow: bool = True
    ) -> None:
        """Go back to a row in the middle of a cut.

        Parameters
        ----------
        unused
            The cuts made since, in order, none of them `too_long`.
        data, offset, line
            What is left of the cut, and where that begins.
        grow
            Whether the next cut must hold more, since a row needs it.
        """
        self._rest = data + b"".join(cut.data for cut in unused) + self._rest
        self._offset, self._line = offset, line
        if grow:
            self._least = len(data)
            self._wanted = min(max(2 * len(data), self.size), MAX_ROW_BYTES)

    def _taken(self, size: int) -> tuple[bytes, bool]:
        """Return about `size` bytes of what comes next, and whether nothing follows them."""
        # One byte more than asked for tells whether the file ends here.
        parts, length = [self._rest], len(self._rest)
        while not self._ended and length <= size:
            more = self.text.read(size + 1 - length)
            self._ended = not more
            parts.append(more)
            length += len(more)
        self._rest = b"".join(parts) if len(parts) > 1 else self._rest
        if length <= size + 1:  # most often, and then nothing need be copied
            return self._rest, self._ended
        return self._rest[: size + 1], False

    def _end(self, data: bytes, least: int) -> int:
        """Return the end of the last line that ends outside quotes, as far as one can tell.

        It lies behind the first `least` bytes.
        """
        last = end = data.rfind(b"\n") + 1
        if self.quote and data.find(self.quote) >= 0 and count(data, self.quote, end) % 2:
            for _ in range(MAX_LINES_OF_A_ROW):
                previous = data.rfind(b"\n", 0, end - 1) + 1
                if previous <= least:
                    break
                odd = data.count(self.quote, previous, end) % 2
                end = previous
                if odd:
                    return end
        return last

    def _too_long(self) -> Cut:
        """Skip a line of any length without holding it."""
        cut = Cut(self._rest[:1000], self._offset, self._line, final=False, too_long=True)
        while (end := self._rest.find(b"\n")) < 0 and not self._ended:
            self._offset += self.text.length(self._rest)
            self._rest = self.text.read(self.size)
            self._ended = not self._rest
        self._offset += self.text.length(self._rest[: end + 1])
        self._rest = self._rest[end + 1 :] if end >= 0 else b""
        self._line += 1
        return cut


def count(data: bytes, byte: bytes, end: int | None = None) -> int:
    """Count a single byte; several times faster than `bytes.count` where it is frequent."""
    import numpy as np

    bytes_ = np.frombuffer(data, np.uint8, len(data) if end is None else end)
    parts = range(0, len(bytes_), IN_CACHE)
    return sum(int(np.count_nonzero(bytes_[i : i + IN_CACHE] == byte[0])) for i in parts)
