"""Read delimited text: every physical row comes back as read, rejected or blank.

The file is split into chunks that are parsed side by side. The fast parser, pyarrow, takes a chunk
that is provably well-formed; around a line that is not, the row parser reads rows one by one. Both
give the same rows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from quickstack.data.readers import fast_parser, row_parser
from quickstack.data.readers.blocks import Block, Rejected, RowLocation
from quickstack.data.readers.chunks import Chunk, Chunker, Readable, Utf8, count
from quickstack.data.readers.dialect import MAX_ROW_BYTES, Dialect
from quickstack.data.readers.header import check_header
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.sniffing import sniffed_type
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

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
            if what := sniffed_type(data):
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
    chunker: Chunker, dialect: Dialect, where: str, skip: int
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
        chunk = chunker.next()
        if chunk is None or not chunk.data.strip():
            raise SourceError(
                "the file is empty", where=where, fix="deliver it again; a line names the columns"
            )
        data, position = chunk.data, 0
        for _ in range(skip):
            position = data.find(b"\n", position) + 1 or len(data)
        rows = row_parser.header_row(data[position:], dialect)
        if rows is not None or chunk.final or len(data) >= MAX_ROW_BYTES:
            break
        chunker.give_back([], data, chunk.offset, chunk.line)
    if rows is None:
        empty = data[position:].startswith((b"\n", b"\r"))
        if not empty and not _is_utf8(data[position:].partition(b"\n")[0]):
            encoding = dialect.source.encoding
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
    chunker.give_back(
        [], data[end:], chunk.offset + chunker.text.length(data[:end]), 1 + lines, grow=False
    )
    trailing = len(header) > 1 and header[-1] == ""
    return data[position:end], header[:-1] if trailing else header, trailing


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class _LazyLocations:
    """Finds the rows of a well-formed chunk when they are asked for."""

    dialect: Dialect
    text: Utf8
    chunk: Chunk

    def of(self, rows: Sequence[int]) -> list[RowLocation]:
        """Return the locations of some rows, by ascending position."""
        starts, lines = fast_parser.row_starts(self.chunk.data, self.dialect)
        ends = [*starts[1:].tolist(), len(self.chunk.data)]
        return _Locations(self.text, self.chunk, starts.tolist(), ends, lines.tolist()).of(rows)


@dataclass(frozen=True)
class _Locations:
    """The locations of rows whose beginnings and ends, in bytes of the chunk, are known."""

    text: Utf8
    chunk: Chunk
    starts: list[int]
    ends: list[int]
    lines: list[int]

    def of(self, rows: Sequence[int]) -> list[RowLocation]:
        """Return the locations of some rows, by ascending position."""
        data = self.chunk.data
        locations, before, offset = [], 0, self.chunk.offset
        for row in rows:
            start = self.starts[row]
            offset += self.text.length(data, before, start)
            before = start
            raw = data[start : self.ends[row]].rstrip(b"\r\n")
            locations.append(RowLocation(self.chunk.line + self.lines[row], offset, raw))
        return locations


#: What the fast parser refuses is read anew in pieces of this size, so that one broken line
#: costs no more than that.
_SMALL = 1 << 16


@dataclass(frozen=True)
class Parsed:
    """The rows of a chunk, and what is left of it.

    Attributes
    ----------
    typed
        Whether the columns have the types that were asked for; all of them are text otherwise.
    used
        How many bytes of the chunk its rows take; a row that goes on behind it begins there.
    lines
        How many physical lines that are.
    """

    block: Block
    typed: bool
    used: int
    lines: int


class DelimitedFile:
    """One delimited file, opened, with its header read.

    Attributes
    ----------
    chunker
        Gives its chunks.
    """

    def __init__(self, text: Utf8, dialect: Dialect, size: int) -> None:
        self.dialect = dialect
        self.chunker = Chunker(text, size, dialect.quote if dialect.plain else b"")

    def parse(self, chunk: Chunk, types: dict[str, pa.DataType]) -> Parsed:
        """Parse one chunk; safe to call from several threads.

        Parameters
        ----------
        types
            The Arrow type of each column. They are kept where all of the chunk's cells fit them.
        """
        if chunk.too_long:
            location = RowLocation(chunk.line, chunk.offset, chunk.data)
            block = Block(self._empty(), lambda rows: [], [Rejected(location, row_parser.TOO_LONG)])  # noqa: ARG005
            return Parsed(block, False, len(chunk.data), 0)
        lines = fast_parser.well_formed(chunk.data, self.dialect, chunk.line_ends)
        if lines is not None:
            whole = any(str(kind) == "int64" for kind in types.values())
            fitting = not (whole and fast_parser.holds_hexadecimal(chunk.data))
            plain = chunk.data.isascii()
            parse = partial(
                fast_parser.parse, chunk.data, self.dialect, lines=lines, ascii_only=plain
            )
            found = parse(types) if fitting else None
            typed = found is not None
            found = found or parse(self._text())
            if found is not None:
                table, blank = found
                block = Block(
                    table,
                    _LazyLocations(self.dialect, self.chunker.text, chunk).of,
                    [],
                    blank,
                    plain,
                )
                return Parsed(block, typed, len(chunk.data), lines.count)
        return self._piecewise(chunk)

    def _piecewise(self, chunk: Chunk) -> Parsed:
        """Parse a chunk that is not wholly well-formed: row by row where it is not."""
        import pyarrow as pa

        data, position, line = chunk.data, 0, 0
        found = _Found()
        offset, before = chunk.offset, 0
        while position < len(data):
            end = data.rfind(b"\n", position, position + _SMALL) + 1
            end = len(data) if end <= position or position + _SMALL >= len(data) else end
            piece = data[position:end]
            lines = fast_parser.well_formed(piece, self.dialect, count(piece, b"\n"))
            parsed = fast_parser.parse(piece, self.dialect, self._text(), lines) if lines else None
            if parsed is not None:
                begin, number = fast_parser.row_starts(piece, self.dialect)
                starts = (begin + position).tolist()
                found.add(parsed[0], starts, [*starts[1:], end], (number + line).tolist())
                found.blank += parsed[1]
            else:
                rows = row_parser.read_rows(
                    data, self.dialect, start=position, stop=end, final=chunk.final
                )
                numbers = [number + line for number in rows.lines]
                found.add(self._table(rows.cells), rows.starts, rows.ends, numbers)
                for start, stop, at, reason in rows.rejected:
                    raw = data[start:stop].rstrip(b"\r\n")
                    offset += self.chunker.text.length(data, before, start)
                    before = start
                    location = RowLocation(chunk.line + line + at, offset, raw)
                    found.rejected.append(Rejected(location, reason))
                found.blank += rows.blank
                end = rows.used
            line += data.count(b"\n", position, end)
            if end == position:
                break
            position = end
        table = pa.concat_tables(found.tables) if found.tables else self._empty()
        locations = _Locations(self.chunker.text, chunk, found.starts, found.ends, found.lines)
        block = Block(table, locations.of, found.rejected, found.blank, data.isascii())
        return Parsed(block, False, position, line)

    def _text(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        return dict.fromkeys(self.dialect.header, pa.string())

    def _empty(self) -> pa.Table:
        return self._table([])

    def _table(self, cells: list[list[str]]) -> pa.Table:
        import pyarrow as pa

        columns = zip(*cells, strict=True) if cells else [()] * len(self.dialect.header)
        missing = frozenset(self.dialect.source.missing)
        return pa.table(
            [
                pa.array([None if cell in missing else cell for cell in column], pa.string())
                for column in columns
            ],
            names=list(self.dialect.header),
        )


@dataclass
class _Found:
    """The rows of the pieces of a chunk."""

    tables: list[pa.Table] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0

    def add(self, table: pa.Table, starts: list[int], ends: list[int], lines: list[int]) -> None:
        self.tables.append(table)
        self.starts += starts
        self.ends += ends
        self.lines += lines


@contextmanager
def open_delimited(
    partition: Partition,
    contract: Contract,
    size: int,
    record_test: Callable[[list[str]], Callable[[list[str]], bool]] | None = None,
) -> Iterator[DelimitedFile]:
    """Open a delimited file, and read and check its header.

    Parameters
    ----------
    size
        About how many bytes are read at a time.
    record_test
        Given the header, returns what tells whether cells could be a row; see `Dialect`.

    Raises
    ------
    SourceError
        Where the file is missing, empty, something else than text, or its header is not the
        contract's.
    """
    source, where = contract.source, partition.shown
    with open_partition(partition) as stream:
        text = Utf8(Watched(stream, where), source.encoding, where, source.line_end == "cr" or None)
        dialect = Dialect(source)
        file = DelimitedFile(text, dialect, size)
        line, header, trailing = read_header(file.chunker, file.dialect, where, source.skip_lines)
        check_header(header, contract, f"{where}:{source.skip_lines + 1}", source.delimiter)
        dialect = replace(
            dialect, header=tuple(header), header_line=line.rstrip(b"\r\n"), trailing=trailing
        )
        if record_test is not None:
            dialect = replace(dialect, is_record=record_test(header))
        file.dialect = dialect
        yield file
