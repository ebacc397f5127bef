"""What stands before the first row of a delimited file."""

from __future__ import annotations

import io

from quickstack.data.readers import row_parser
from quickstack.data.readers.chunks import Cutter
from quickstack.data.readers.dialect import MAX_ROW_BYTES, Layout
from quickstack.data.readers.sniffing import foreign
from quickstack.data.readers.utf8 import Readable
from quickstack.facts.errors import SourceError

#: Where a block ends with a line, the line is not longer.
_LINE = 1 << 14


class Watched:
    """A stream whose first bytes are looked at: a page or a workbook is no delimited text."""

    def __init__(self, stream: Readable, where: str) -> None:
        self._stream, self._where, self._first = stream, where, True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; SourceError where the first ones are no delimited text."""
        data = self._stream.read(size)
        if self._first:
            self._first = False
            if what := foreign(data):
                raise SourceError(
                    f"this is no delimited text but {what}",
                    where=self._where,
                    fix="deliver the table itself, or correct `format` in the contract",
                )
        return data

    def lines(self, size: int, back: int) -> bytes:
        """Go back so many bytes, and read about `size` up to a line end, which copies them once.

        Nothing is read where the stream is no plain file, where less is left, or where the line is
        long.
        """
        file = self._stream
        if not (isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO)):
            return b""
        now = file.tell()
        begin = now - back
        file.seek(begin + size)
        end = file.read(_LINE).find(b"\n") + 1
        file.seek(begin if end else now)
        return file.read(size + end) if end else b""


def read_header(
    cutter: Cutter, layout: Layout, where: str, skip: int
) -> tuple[bytes, list[str], bool]:
    """Take the lines before the first row: those to skip, and the one that names the columns.

    Returns
    -------
    The header as it stands, its names, and whether its lines end with a delimiter.

    Raises
    ------
    SourceError
        Where there is none, or it cannot be read.
    """
    while True:
        cut = cutter.next()
        if cut is None or not cut.data.strip():
            raise SourceError(
                "the file is empty", where=where, fix="deliver it again; a line names the columns"
            )
        data, position = cut.data, 0
        for _ in range(skip):
            position = data.find(b"\n", position) + 1 or len(data)
        rows = row_parser.header_row(data[position:], layout)
        if rows is not None or cut.final or len(data) >= MAX_ROW_BYTES:
            break
        cutter.give_back([], data, cut.offset, cut.line)
    if rows is None:
        empty = data[position:].startswith((b"\n", b"\r"))
        if not empty and not _is_utf8(data[position:].partition(b"\n")[0]):
            encoding = layout.source.encoding
            raise SourceError(
                f"the file is not {encoding} text",
                where=where,
                fix="correct `encoding` of the server 'raw' in the contract",
            )
        raise SourceError(
            "the first line is empty"
            if empty
            else "the header cannot be read: its quotes or its text are wrong",
            where=f"{where}:{skip + 1}",
            fix="correct `quote`, `encoding` or `skipLines` in the contract, or the file",
        )
    length, header = rows
    end = position + length
    lines = data.count(b"\n", 0, end)
    cutter.give_back(
        [], data[end:], cut.offset + cutter.text.length(data[:end]), 1 + lines, grow=False
    )
    trailing = len(header) > 1 and header[-1] == ""
    return data[position:end], header[:-1] if trailing else header, trailing


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
