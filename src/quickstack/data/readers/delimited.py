"""Read delimited text: every physical row comes back as read, rejected or blank.

The file is cut into pieces that are parsed side by side. A piece that is provably well-formed goes
to pyarrow; around a place that is not, rows are read one by one. Both give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from quickstack.data.readers import fast_parser, row_parser
from quickstack.data.readers.blocks import Block, Place, Rejected
from quickstack.data.readers.chunks import Cut, Cutter, count
from quickstack.data.readers.dialect import Layout
from quickstack.data.readers.file_header import Watched, read_header
from quickstack.data.readers.header import check_header
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.row_locations import KnownPlaces, Places
from quickstack.data.readers.streams import open_partition
from quickstack.data.readers.utf8 import Utf8
from quickstack.facts.contract import Contract

if TYPE_CHECKING:
    import pyarrow as pa

#: What the strict reader refuses is read anew in pieces of this size, so that one broken line
#: costs no more than that.
_SMALL = 1 << 16


@dataclass(frozen=True)
class Parsed:
    """The rows of a cut, and what is left of it.

    Attributes
    ----------
    typed
        Whether the columns have the types that were asked for; all of them are text otherwise.
    used
        How many bytes of the cut its rows take; a row that goes on behind it begins there.
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
    cutter
        Gives its cuts.
    """

    def __init__(self, text: Utf8, layout: Layout, size: int) -> None:
        self.layout = layout
        self.cutter = Cutter(text, size, layout.quote if layout.plain else b"")

    def parse(self, cut: Cut, types: dict[str, pa.DataType]) -> Parsed:
        """Parse one cut; safe to call from several threads.

        Parameters
        ----------
        types
            The Arrow type of each column. They are kept where all of the cut's cells fit them.
        """
        if cut.too_long:
            place = Place(cut.line, cut.offset, cut.data)
            block = Block(self._empty(), lambda rows: [], [Rejected(place, row_parser.TOO_LONG)])  # noqa: ARG005
            return Parsed(block, False, len(cut.data), 0)
        lines = fast_parser.well_formed(cut.data, self.layout, cut.line_ends)
        if lines is not None:
            whole = any(str(kind) == "int64" for kind in types.values())
            fitting = not (whole and fast_parser.holds_hexadecimal(cut.data))
            plain = cut.data.isascii()
            parse = partial(fast_parser.parse, cut.data, self.layout, lines=lines, ascii_only=plain)
            found = parse(types) if fitting else None
            typed = found is not None
            found = found or parse(self._text())
            if found is not None:
                table, blank = found
                block = Block(
                    table,
                    Places(self.layout, self.cutter.text, cut).of,
                    [],
                    blank,
                    plain,
                )
                return Parsed(block, typed, len(cut.data), lines.count)
        return self._piecewise(cut)

    def _piecewise(self, cut: Cut) -> Parsed:
        """Parse a cut that is not wholly well-formed: strictly where it is, carefully elsewhere."""
        import pyarrow as pa

        data, position, line = cut.data, 0, 0
        found = _Found()
        offset, before = cut.offset, 0
        while position < len(data):
            end = data.rfind(b"\n", position, position + _SMALL) + 1
            end = len(data) if end <= position or position + _SMALL >= len(data) else end
            piece = data[position:end]
            lines = fast_parser.well_formed(piece, self.layout, count(piece, b"\n"))
            parsed = fast_parser.parse(piece, self.layout, self._text(), lines) if lines else None
            if parsed is not None:
                begin, number = fast_parser.row_starts(piece, self.layout)
                starts = (begin + position).tolist()
                found.add(parsed[0], starts, [*starts[1:], end], (number + line).tolist())
                found.blank += parsed[1]
            else:
                rows = row_parser.read_rows(
                    data, self.layout, start=position, stop=end, final=cut.final
                )
                numbers = [number + line for number in rows.lines]
                found.add(self._table(rows.cells), rows.starts, rows.ends, numbers)
                for start, stop, at, reason in rows.rejected:
                    raw = data[start:stop].rstrip(b"\r\n")
                    offset += self.cutter.text.length(data, before, start)
                    before = start
                    place = Place(cut.line + line + at, offset, raw)
                    found.rejected.append(Rejected(place, reason))
                found.blank += rows.blank
                end = rows.used
            line += data.count(b"\n", position, end)
            if end == position:
                break
            position = end
        table = pa.concat_tables(found.tables) if found.tables else self._empty()
        places = KnownPlaces(self.cutter.text, cut, found.starts, found.ends, found.lines)
        block = Block(table, places.of, found.rejected, found.blank, data.isascii())
        return Parsed(block, False, position, line)

    def _text(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        return dict.fromkeys(self.layout.header, pa.string())

    def _empty(self) -> pa.Table:
        return self._table([])

    def _table(self, cells: list[list[str]]) -> pa.Table:
        import pyarrow as pa

        columns = zip(*cells, strict=True) if cells else [()] * len(self.layout.header)
        missing = frozenset(self.layout.source.missing)
        return pa.table(
            [
                pa.array([None if cell in missing else cell for cell in column], pa.string())
                for column in columns
            ],
            names=list(self.layout.header),
        )


@dataclass
class _Found:
    """The rows of the pieces of a cut."""

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
        Given the header, returns what tells whether cells could be a row; see `Layout`.

    Raises
    ------
    SourceError
        Where the file is missing, empty, something else than text, or its header is not the
        contract's.
    """
    source, where = contract.source, partition.shown
    with open_partition(partition) as stream:
        text = Utf8(Watched(stream, where), source.encoding, where, source.line_end == "cr" or None)
        layout = Layout(source)
        file = DelimitedFile(text, layout, size)
        line, header, trailing = read_header(file.cutter, file.layout, where, source.skip_lines)
        check_header(header, contract, f"{where}:{source.skip_lines + 1}", source.delimiter)
        layout = replace(
            layout, header=tuple(header), header_line=line.rstrip(b"\r\n"), trailing=trailing
        )
        if record_test is not None:
            layout = replace(layout, is_record=record_test(header))
        file.layout = layout
        yield file
