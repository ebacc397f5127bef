"""Read delimited text: every physical row comes back as read, rejected or blank.

The file is split into chunks that are parsed side by side. The fast parser, pyarrow, takes a chunk
that is provably well-formed; around a line that is not, the row parser reads rows one by one. Both
give the same rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from quickstack.data.readers import fast_parser, row_parser
from quickstack.data.readers.blocks import Block, ReadOptions, Rejected, RowLocation
from quickstack.data.readers.chunks import Chunk, Chunker, Utf8, count
from quickstack.data.readers.dialect import MAX_ROW_BYTES, Dialect
from quickstack.data.readers.header import check_header, require_no_header
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.rewrite import without_lines
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS

#: What the fast parser refuses is read anew in pieces of this size, so that one broken line
#: costs no more than that.
_SMALL = 1 << 16
#: The first rows, by which types are chosen, take so many bytes at most.
_HEAD = 1 << 20
#: A first chunk smaller than this share of a block is most likely the whole file.
_WHOLE = 0.9


@dataclass(frozen=True)
class Header:
    """What stands before the first row: the line that names the columns, and their names.

    Attributes
    ----------
    line
        As it stands; empty where the contract says `header: false`.
    trailing
        Whether lines end with a delimiter that separates nothing.
    """

    line: bytes
    names: list[str]
    trailing: bool


def read_header(chunker: Chunker, dialect: Dialect, names: list[str], where: str) -> Header:
    """Take what stands before the first row: lines to skip, comments, and the names.

    Parameters
    ----------
    names
        The columns where no line names them.

    Raises
    ------
    SourceError
        Where there is no header, or it cannot be read; or one where none should be.
    """
    source = dialect.source
    while True:
        chunk = chunker.next()
        if chunk is None or not chunk.data.strip():
            raise SourceError(
                "the file is empty",
                where=where,
                fix="deliver it again" + ("; a line names the columns" if source.header else ""),
            )
        data = chunk.data
        position = row_parser.skip_lines(data, source.skip_lines, dialect)
        row = row_parser.header_row(data[position:], dialect)
        if row is not None or chunk.final or len(data) >= MAX_ROW_BYTES:
            break
        chunker.give_back([], data, chunk.offset, chunk.line)
    if row is None and source.header:
        raise _no_header(data[position:], source.encoding, where, source.skip_lines)
    length, cells = row or (0, [])
    end = position + length * source.header
    lines = data.count(b"\n", 0, end)
    chunker.give_back(
        [], data[end:], chunk.offset + chunker.text.length(data[:end]), 1 + lines, grow=False
    )
    if not source.header:
        require_no_header(cells, names, where)
        return Header(b"", names, len(cells) == len(names) + 1 and cells[-1] == "")
    trailing = len(cells) > 1 and cells[-1] == "" and not source.widths
    return Header(data[position:end], cells[:-1] if trailing else cells, trailing)


def _no_header(data: bytes, encoding: str, where: str, skip: int) -> SourceError:
    empty = data.startswith((b"\n", b"\r"))
    if not empty and not _is_utf8(data.partition(b"\n")[0]):
        return SourceError(
            f"the file is not {encoding} text",
            where=where,
            fix="correct `encoding` of the server 'raw' in the contract",
        )
    return SourceError(
        "the first line is empty"
        if empty
        else "the header cannot be read: its quotes or its text are wrong",
        where=f"{where}:{skip + 1}",
        fix="correct `quote`, `encoding` or `skipLines` in the contract, or the file",
    )


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
            size = _size(self.text, data, start, len(raw))
            locations.append(RowLocation(self.chunk.line + self.lines[row], offset, raw, size))
        return locations


def _size(text: Utf8, data: bytes, start: int, length: int) -> int:
    """Return the bytes of the file that a row of so many bytes takes with its line end."""
    end = start + length
    end += 2 if data.startswith(b"\r\n", end) else data[end : end + 1] in (b"\r", b"\n")
    return text.length(data, start, end)


@dataclass(frozen=True)
class Parsed:
    """The rows of a chunk, and what is left of it.

    Attributes
    ----------
    used
        How many bytes of the chunk its rows take; a row that goes on behind it begins there.
    lines
        How many physical lines that are.
    """

    block: Block
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

    def parse(
        self,
        chunk: Chunk,
        types: dict[str, pa.DataType] | None = None,
        fits: Callable[[pa.Array], bool] | None = None,
    ) -> Parsed:
        """Parse one chunk; safe to call from several threads.

        Parameters
        ----------
        types, fits
            As in `ReadOptions`: the Arrow type of each column (None: text), and whether values
            that have it may stay.
        """
        if chunk.too_long:
            location = RowLocation(chunk.line, chunk.offset, chunk.data, chunk.size)
            rejected = [Rejected(location, row_parser.TOO_LONG)]
            block = Block(self._empty(), lambda rows: [], rejected, cells=self.dialect.cells)  # noqa: ARG005 - no row, no place
            return Parsed(block, len(chunk.data), 0)
        lines = fast_parser.well_formed(chunk.data, self.dialect, chunk.line_ends)
        if lines is not None:
            plain = chunk.data.isascii()
            parse = partial(
                fast_parser.parse, chunk.data, self.dialect, lines=lines, ascii_only=plain
            )
            found = parse(types) if types and _may_fit(chunk.data, types) else None
            if found and fits and not all(fits(column.chunk(0)) for column in found[0].columns):
                found = None
            found = found or parse(self._text())
            if found is not None:
                table, blank = found
                locations = _LazyLocations(self.dialect, self.chunker.text, chunk).of
                block = Block(table, locations, [], blank, plain, len(chunk.data))
                return Parsed(block, len(chunk.data), lines.count)
        return self._piecewise(chunk)

    def _piecewise(self, chunk: Chunk) -> Parsed:
        """Parse a chunk that is not wholly well-formed: row by row where it is not."""
        data, position, line = chunk.data, 0, 0
        found = _ChunkRows()
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
                    size = _size(self.chunker.text, data, start, len(raw))
                    location = RowLocation(chunk.line + line + at, offset, raw, size)
                    found.rejected.append(Rejected(location, reason))
                found.blank += rows.blank
                end = rows.used
            line += data.count(b"\n", position, end)
            if end == position:
                break
            position = end
        table = pa.concat_tables(found.tables) if found.tables else self._empty()
        locations = _Locations(self.chunker.text, chunk, found.starts, found.ends, found.lines)
        block = Block(table, locations.of, found.rejected, found.blank, data.isascii(), position)
        block.cells = self.dialect.cells
        return Parsed(block, position, line)

    def head(self) -> tuple[pa.Table, bool]:
        """Return the first rows as text, and whether the file is most likely one chunk."""
        chunk = self.chunker.peek()
        if chunk is None:
            return self._empty(), True
        end = chunk.data.rfind(b"\n", 0, _HEAD) + 1
        data = chunk.data[:end] if end and len(chunk.data) > _HEAD else chunk.data
        first = replace(chunk, data=data, line_ends=count(data, b"\n"))
        return self.parse(first).block.table, len(chunk.data) < self.chunker.size * _WHOLE

    def rest(self, chunk: Chunk, parsed: Parsed, following: deque[Chunk]) -> Chunk | None:
        """Return what is left of a chunk that ends inside a row, to be parsed again.

        Parameters
        ----------
        following
            The chunks made since, in order; those that the chunk that is returned, or the next
            ones, will hold are taken out.

        Returns
        -------
        Chunk or None
            None where the next chunks of `chunker` begin with it.
        """
        rest = Chunk(
            chunk.data[parsed.used :],
            chunk.offset + self.chunker.text.length(chunk.data[: parsed.used]),
            chunk.line + parsed.lines,
            chunk.final,
            chunk.line_ends - parsed.lines,
        )
        if not any(later.too_long for later in following):
            self.chunker.give_back(list(following), rest.data, rest.offset, rest.line)
            following.clear()
            return None
        if following[0].too_long:
            # It is no part of any row, so nothing can complete this one.
            return replace(rest, final=True)
        after = following.popleft()
        return replace(
            rest,
            data=rest.data + after.data,
            final=after.final,
            line_ends=rest.line_ends + after.line_ends,
        )

    def _text(self) -> dict[str, pa.DataType]:
        return dict.fromkeys(self.dialect.header, pa.string())

    def _empty(self) -> pa.Table:
        return self._table([])

    def _table(self, cells: list[list[str]]) -> pa.Table:
        columns = zip(*cells, strict=True) if cells else [()] * len(self.dialect.header)
        missing = frozenset(self.dialect.source.missing)
        return pa.table(
            [
                pa.array([None if cell in missing else cell for cell in column], pa.string())
                for column in columns
            ],
            names=list(self.dialect.header),
        )


def _may_fit(data: bytes, types: dict[str, pa.DataType]) -> bool:
    whole = any(str(kind) == "int64" for kind in types.values())
    return not (whole and fast_parser.holds_hexadecimal(data))


@dataclass
class _ChunkRows:
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
    *,
    any_names: bool = False,
) -> Iterator[DelimitedFile]:
    """Open a delimited file, and read and check its header.

    Parameters
    ----------
    size
        About how many bytes are read at a time.
    record_test
        Given the header, returns what tells whether cells could be a row; see `Dialect`.
    any_names
        As in `check_header`.

    Raises
    ------
    SourceError
        Where the file is missing, empty, something else than text, or its header is not the
        contract's.
    """
    source, where = contract.source, partition.shown
    with open_partition(partition, contract.source.max_unpacked) as stream:
        returns = source.line_end == "cr" or None
        text = Utf8(stream, source.encoding, where, returns, FORMATS["csv"], source.delimiter)
        dialect = Dialect(source)
        file = DelimitedFile(text, dialect, size)
        at = f"{where}:{source.skip_lines + 1}"
        header = read_header(file.chunker, dialect, [c.name for c in contract.columns], where)
        if source.widths and len(source.widths) != len(header.names):
            raise SourceError(
                f"there are {len(header.names)} columns, and columnWidths lists "
                f"{len(source.widths)}",
                where=at,
                fix="correct columnWidths in the contract",
            )
        check_header(
            header.names,
            contract,
            at,
            None if source.widths else source.delimiter,
            any_names=any_names,
            folders=partition.values,
        )
        dialect = replace(
            dialect,
            header=tuple(header.names),
            header_line=header.line.rstrip(b"\r\n"),
            trailing=header.trailing,
        )
        if record_test is not None:
            dialect = replace(dialect, is_record=record_test(header.names))
        file.dialect = dialect
        yield file


def blocks(partition: Partition, contract: Contract, options: ReadOptions) -> Iterator[Block]:
    """Yield a delimited file in blocks, parsed side by side as if each ended with a row.

    Where one does not, reading starts over at the row that goes on behind it.

    Raises
    ------
    SourceError
        As `open_delimited`.
    """
    with open_delimited(
        partition, contract, options.size, options.record_test, any_names=options.any_names
    ) as file:
        types = options.types(*file.head()) if options.types else None
        chunks: deque[Chunk] = deque()
        parsing: deque[Future[Parsed]] = deque()

        def submit(chunk: Chunk) -> Future[Parsed]:
            return options.executor.submit(file.parse, chunk, types, options.fits)

        while True:
            while len(chunks) < options.ahead and (chunk := file.chunker.next()) is not None:
                chunks.append(chunk)
                parsing.append(submit(chunk))
            if not chunks:
                return
            chunk, parsed = chunks.popleft(), parsing.popleft().result()
            if parsed.used or not chunk.data:
                yield parsed.block
            if parsed.used < len(chunk.data):
                rest = file.rest(chunk, parsed, chunks)
                while len(parsing) > len(chunks):
                    parsing.popleft().cancel()
                if rest is not None:
                    chunks.appendleft(rest)
                    parsing.appendleft(submit(rest))


#: Rows are lines of text.
without_rows = without_lines
