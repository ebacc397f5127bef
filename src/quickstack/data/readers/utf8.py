"""Read text of any encoding as UTF-8, and tell how many bytes of the file it took."""

from __future__ import annotations

import codecs
from typing import Protocol

from quickstack.facts.errors import SourceError

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

    Raises
    ------
    SourceError
        Where the file begins with the mark of another encoding.
    """

    def __init__(
        self, stream: Readable, encoding: str, where: str, carriage_returns: bool | None = None
    ) -> None:
        self._stream = stream
        head = stream.read(1 << 16)
        name = codecs.lookup(encoding).name
        declared = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(
            name, name
        )
        mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
        marked = _MARKS[mark] if mark else declared
        family = declared.removesuffix("-le").removesuffix("-be")
        if mark and not marked.startswith(family) and declared.startswith("utf"):
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

        Nothing where that takes more than reading them.
        """
        if self._ready or self._decoder is not None or self._returns:
            return b""
        read = getattr(self._stream, "lines", None)
        return read(size, back) if read is not None else b""

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
