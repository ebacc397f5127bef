"""Read JSON Lines: one object per line, whose keys are the contract's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quickstack.data.readers.blocks import Block, Place, Rejected
from quickstack.data.readers.chunks import Cut, Cutter
from quickstack.data.readers.dialect import MAX_ROW_BYTES
from quickstack.data.readers.json_line import BrokenError, Number, parsed, written
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.row_parser import TOO_LONG
from quickstack.data.readers.sniffing import foreign
from quickstack.data.readers.streams import open_partition
from quickstack.data.readers.utf8 import Utf8
from quickstack.facts.contract import Column, Contract
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

#: Bytes that are read at a time, and of the rows that a block may hold.
_CUT, _MOST = 4 << 20, 32 << 20
#: What is kept of a line that is too long.
_KEPT = 1000


def blocks(partition: Partition, contract: Contract, rows: int) -> Iterator[Block]:
    """Yield a file of JSON Lines in blocks.

    Numbers come as the text they were written as, nested values as JSON. A key that is absent is
    a value that is missing; one that the contract does not name refuses its line.

    Parameters
    ----------
    rows
        At most how many rows a block holds.

    Raises
    ------
    SourceError
        Where the file is empty, or something else than JSON Lines.
    """
    where, source = partition.shown, contract.source
    with open_partition(partition) as stream:
        text = Utf8(_Watched(stream, where), source.encoding, where, carriage_returns=False)
        cutter = Cutter(text, _CUT, b"")
        found = _Found(contract)
        empty = True
        while (cut := cutter.next()) is not None:
            empty = False
            if cut.too_long:
                found.reject(cut.line, cut.offset, cut.data, TOO_LONG)
                continue
            for line, offset, raw in _lines(cut, text):
                found.take(line, offset, raw, where)
                if len(found.rows) >= rows or found.size > _MOST:
                    yield found.block()
                    found = _Found(contract, first=False)
        if empty:
            raise SourceError("the file is empty", where=where, fix="deliver it again")
        yield found.block()


class _Watched:
    """A stream whose first bytes are looked at: a page or a pointer is no JSON."""

    def __init__(self, stream: Any, where: str) -> None:
        self._stream, self._where, self._first = stream, where, True

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        if self._first:
            self._first = False
            what = foreign(data)
            if what is not None and not what.startswith("JSON"):
                raise SourceError(
                    f"this is no JSON Lines but {what}",
                    where=self._where,
                    fix="deliver the table itself, or correct `format` in the contract",
                )
        return data


def _lines(cut: Cut, text: Utf8) -> Iterator[tuple[int, int, bytes]]:
    offset = cut.offset
    lines = cut.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=cut.line):
        yield number, offset, line.rstrip(b"\r")
        offset += text.length(line + b"\n")


@dataclass
class _Found:
    """What was read since the last block."""

    contract: Contract
    first: bool = True
    rows: list[list[str | None]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self._columns = {c.name: i for i, c in enumerate(self.contract.columns)}
        self._writers = [_Writer(c, self.contract) for c in self.contract.columns]

    def take(self, line: int, offset: int, raw: bytes, where: str) -> None:
        plain = raw.strip()
        if not plain:
            self.blank += 1
            return
        if self.first:
            self.first = False
            _require_lines(plain, f"{where}:{line}")
        self.size += len(raw)
        if len(raw) > MAX_ROW_BYTES:
            self.reject(line, offset, raw[:_KEPT], TOO_LONG)
            return
        try:
            self.rows.append(self._cells(parsed(raw)))
        except BrokenError as error:
            self.reject(line, offset, raw, str(error))
        else:
            self.places.append(Place(line, offset, raw))

    def reject(self, line: int, offset: int, raw: bytes, reason: str) -> None:
        self.first = False
        self.rejected.append(Rejected(Place(line, offset, raw), reason))

    def _cells(self, entry: dict[str, Any]) -> list[str | None]:
        cells: list[str | None] = [None] * len(self._columns)
        for key, value in entry.items():
            index = self._columns.get(key)
            if index is None:
                raise BrokenError("it has a key that the contract does not name")
            cells[index] = None if value is None else self._writers[index].text(value)
        return cells

    def block(self) -> Block:
        import pyarrow as pa

        names = list(self._columns)
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(names)
        table: pa.Table = pa.table([pa.array(c, pa.string()) for c in columns], names=names)
        places = self.places

        def of(rows: Sequence[int]) -> list[Place]:
            return [places[row] for row in rows]

        return Block(table, of, self.rejected, self.blank)


def _require_lines(plain: bytes, where: str) -> None:
    fix = "deliver JSON Lines: one object per line, without brackets around them"
    if plain.startswith(b"["):
        raise SourceError("this is one array of JSON", where=where, fix=fix)
    if plain == b"{":
        raise SourceError("this is one document of JSON over several lines", where=where, fix=fix)


@dataclass(frozen=True)
class _Writer:
    """Writes the values of one column as the cells of a text would be written."""

    column: Column
    contract: Contract

    def text(self, value: Any) -> str | None:
        source = self.contract.source
        if type(value) is str:
            found = value
        elif isinstance(value, Number):
            number = self.column.type == "number" and source.decimal != "."
            found = value.replace(".", source.decimal) if number else str(value)
        elif isinstance(value, bool):
            if self.column.type == "boolean":
                return source.true_values[0] if value else source.false_values[0]
            found = "true" if value else "false"
        else:
            found = written(value)
        return None if found in source.missing else found
