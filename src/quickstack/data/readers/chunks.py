"""Read text of any encoding as UTF-8, in chunks of whole rows as far as one can tell."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quickstack.data.readers.dialect import MAX_LINES_OF_A_ROW, MAX_ROW_BYTES
from quickstack.data.readers.sniffing import check_type
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FileFormat

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, nothing at the end."""


class Utf8:
    """A stream of any encoding, read as UTF-8.

    Bytes that are no text in the declared encoding come through as they are, and are no UTF-8
    either, so that the row that holds them can be told.

    Parameters
    ----------
    stream
        The uncompressed bytes.
    encoding
        As the contract declares it. A byte order mark decides between the two orders of UTF-16.
    carriage_returns
        Whether lines end with a lone CR: True, False, or None to look at the first bytes.
    expected
        The format whose signature the first bytes may have; None for no look at them.
    delimiter
        What may stand between its cells, though it be a control character.

    Raises
    ------
    SourceError
        Where the file begins with the mark of another encoding, or as another kind of file.
    """

    def __init__(
        self,
        stream: Readable,
        encoding: str,
        where: str,
        carriage_returns: bool | None = None,
        expected: FileFormat | None = None,
        delimiter: str = "",
    ) -> None:
        self._stream = stream
        head = stream.read(1 << 16)
        if expected is not None:
            check_type(head, expected, where, delimiter.encode())
        name = codecs.lookup(encoding).name
        declared = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(
            name, name
        )
        mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
        marked = _MARKS[mark] if mark else declared
        family = declared.removesuffix("-le").removesuffix("-be")
        if mark and not marked.startswith(family):
            raise SourceError(
                f"the file is {marked[:6].upper()} text, and the contract says {encoding}",
                where=where,
                fix=f"write `encoding: {marked[:6]}` at the server 'raw' in the contract",
            )
        if mark and marked.startswith(family):
            declared = marked
        else:
            mark = b""
        self._encoding = None if declared in ("utf-8", "ascii") else declared
        self._errors = _bad_bytes({"16": 2, "32": 4}.get(declared[4:6], 1))
        self._decoder = (
            codecs.getincrementaldecoder(declared)(self._errors) if self._encoding else None
        )
        #: Where the text begins in the file.
        self.start = len(mark)
        self._head = head[len(mark) :]
        sample = self._convert(self._head, final=False)
        if carriage_returns is None:
            carriage_returns = b"\r" in sample and b"\n" not in sample
        self._returns = carriage_returns
        self._ready = self._lines(sample)

    def read(self, size: int) -> bytes:
        """Return about `size` bytes more, nothing at the end."""
        if self._ready:
            ready, self._ready = self._ready, b""
            return ready
        while chunk := self._stream.read(size):
            if text := self._lines(self._convert(chunk, final=False)):
                return text
        return self._lines(self._convert(b"", final=True))

    def lines(self, size: int, back: int) -> bytes:
        """Return the last `back` bytes again with what follows, about `size` up to a line end.

        They are read with one copy. Nothing where that takes more than reading them: the stream is
        no plain file, less is left, or the line is long.
        """
        file = self._stream
        if self._ready or self._decoder is not None or self._returns:
            return b""
        if not (isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO)):
            return b""
        now = file.tell()
        begin = now - back
        file.seek(begin + size)
        end = file.read(_LINE).find(b"\n") + 1
        file.seek(begin if end else now)
        return file.read(size + end) if end else b""

    def length(self, text: bytes, start: int = 0, stop: int | None = None) -> int:
        """Return how many bytes of the file a part of `text` was made from."""
        stop = len(text) if stop is None else stop
        if self._encoding is None:
            return stop - start
        letters = text[start:stop].decode("utf-8", "surrogateescape")
        return len(letters.encode(self._encoding, self._errors))

    def _convert(self, data: bytes, *, final: bool) -> bytes:
        if self._decoder is None:
            return data
        return self._decoder.decode(data, final).encode("utf-8", "surrogateescape")

    def _lines(self, text: bytes) -> bytes:
        return text.replace(b"\r", b"\n") if self._returns else text


def _bad_bytes(width: int) -> str:
    """Return the name of an error handler: what is no text becomes lone surrogates, and back.

    Python's `surrogateescape` gives up on units of two bytes.

    Parameters
    ----------
    width
        Bytes of a unit of the encoding.
    """

    def handle(error: UnicodeError) -> tuple[str | bytes, int]:
        if isinstance(error, UnicodeDecodeError):
            bad = error.object[error.start : error.end]
            if width == 1:
                return "".join(chr(0xDC00 + max(byte, 0x80)) for byte in bad), error.end
            return "\udcff" * -(-len(bad) // width), error.end
        assert isinstance(error, UnicodeEncodeError)
        letters = error.object[error.start : error.end]
        return b"".join(bytes([ord(x) & 0xFF]) * width for x in letters), error.end

    name = f"quickstack-{width}"
    codecs.register_error(name, handle)
    return name


#: What ended files of CP/M and DOS.
_DOS_END = b"\x1a"
#: Where a chunk ends with a line, the line is not longer.
_LINE = 1 << 14
#: What is compared at a time, so that numpy's copies stay in the processor's cache.
IN_CACHE = 1 << 16
#: The first chunk holds at least so many bytes, for the header and what stands before it.
_HEADER = 1 << 16


@dataclass(frozen=True)
class Chunk:
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
    size
        Bytes of the file that such a line takes, its line end included.
    """

    data: bytes
    offset: int
    line: int
    final: bool
    line_ends: int = 0
    too_long: bool = False
    size: int = 0


class Chunker:
    """Split the text of a file into chunks; what was not used of one can be given back.

    Parameters
    ----------
    size
        About how many bytes a chunk holds.
    quote
        The quote character, empty for none: a chunk does not end inside a quoted cell, unless
        quotes are wrong.
    """

    def __init__(self, text: Utf8, size: int, quote: bytes) -> None:
        self.text, self.size, self.quote = text, size, quote
        self._offset, self._line = text.start, 1
        self._rest = b""
        self._ended = False
        self._wanted = max(size, _HEADER)
        self._least = 0
        self._seen: Chunk | None = None

    def peek(self) -> Chunk | None:
        """Return the next chunk, which `next` then returns again; None at the end."""
        self._seen = self.next()
        return self._seen

    def next(self) -> Chunk | None:
        """Return the next chunk, None at the end."""
        if (seen := self._seen) is not None:
            self._seen = None
            return seen
        if (chunk := self._quick()) is not None:
            return chunk
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
        rest = self._rest[len(data) :]
        if final and not data.strip(_DOS_END):
            self._rest = b""
            return None
        return self._made(data, rest, final=final)

    def _quick(self) -> Chunk | None:
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

    def _made(self, data: bytes, rest: bytes, *, final: bool) -> Chunk:
        if final and self._ended and not rest:
            data = data.rstrip(_DOS_END)
        chunk = Chunk(data, self._offset, self._line, final, count(data, b"\n"))
        self._rest = rest
        self._offset += self.text.length(data)
        self._line += chunk.line_ends
        self._wanted = self.size
        return chunk

    def give_back(
        self, unused: list[Chunk], data: bytes, offset: int, line: int, *, grow: bool = True
    ) -> None:
        """Go back to a row in the middle of a chunk.

        Parameters
        ----------
        unused
            The chunks made since, in order, none of them `too_long`.
        data, offset, line
            What is left of the chunk, and where that begins.
        grow
            Whether the next chunk must hold more, since a row needs it.
        """
        self._rest = data + b"".join(chunk.data for chunk in unused) + self._rest
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

    def _too_long(self) -> Chunk:
        """Skip a line of any length without holding it."""
        data, offset, line = self._rest[:1000], self._offset, self._line
        while (end := self._rest.find(b"\n")) < 0 and not self._ended:
            self._offset += self.text.length(self._rest)
            self._rest = self.text.read(self.size)
            self._ended = not self._rest
        self._offset += self.text.length(self._rest[: end + 1])
        self._rest = self._rest[end + 1 :] if end >= 0 else b""
        self._line += 1
        return Chunk(data, offset, line, False, too_long=True, size=self._offset - offset)


def count(data: bytes, byte: bytes, end: int | None = None) -> int:
    """Count a single byte; several times faster than `bytes.count` where it is frequent."""
    bytes_ = np.frombuffer(data, np.uint8, len(data) if end is None else end)
    parts = range(0, len(bytes_), IN_CACHE)
    return sum(int(np.count_nonzero(bytes_[i : i + IN_CACHE] == byte[0])) for i in parts)
