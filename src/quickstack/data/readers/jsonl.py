"""Read JSON Lines: one object per line, whose keys are the contract's columns.

A line is read strictly: what the standard leaves open is a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from quickstack.data.readers.blocks import Block, ReadOptions, Rejected, RowLocation
from quickstack.data.readers.chunks import Chunk, Chunker, Utf8
from quickstack.data.readers.dialect import MAX_ROW_BYTES
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.rewrite import without_lines
from quickstack.data.readers.row_parser import NO_TEXT, NUL, TOO_LONG
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Column, Contract
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS

#: Bytes that are read at a time, and of the rows that a block may hold.
_CHUNK, _MOST = 4 << 20, 32 << 20
#: What is kept of a line that is too long.
_KEPT = 1000
#: Values that are nested deeper are no table's. Python's own stack ends at about 900.
MAX_DEPTH = 100
_MARKS = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*"')
_HALF = re.compile(r"[\ud800-\udfff]")


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class BrokenError(ValueError):
    """A line that cannot be used; its text is the reason."""


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the object that a line holds."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenError(NO_TEXT) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise BrokenError(f"its values are nested more than {MAX_DEPTH} deep")
    try:
        entry = _DECODER.decode(text.removeprefix("\ufeff"))
    except BrokenError:
        raise
    except json.JSONDecodeError as error:
        what = error.msg.partition(":")[0].removesuffix(" at").removesuffix(" starting")
        what = what[:1].lower() + what[1:]
        raise BrokenError(f"it is no JSON: {what}, at character {error.pos + 1}") from None
    if not isinstance(entry, dict):
        raise BrokenError("it is not an object of JSON")
    if "\\u" in text:
        _require_text(entry)
    return entry


def _depth(raw: bytes) -> int:
    """Return how deep values are nested at most; marks in texts do not count."""
    deepest = depth = 0
    for mark in _MARKS.findall(raw):
        depth += (mark in b"[{") - (mark in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _require_text(value: Any) -> None:
    """Refuse what only an escape can smuggle in: NUL, and halves of a pair of surrogates."""
    text = written(value)
    if "\\u0000" in text:
        raise BrokenError(NUL)
    if _HALF.search(text):
        raise BrokenError("it holds half of a surrogate pair, which is no text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BrokenError("it holds a key twice")
    return found


def _constant(name: str) -> Any:  # noqa: ARG001 - as the decoder calls it
    raise BrokenError("it holds a number that is not finite, which is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_constant
)


def written(value: Any) -> str:
    """Write a nested value as JSON, its numbers as they were."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def blocks(partition: Partition, contract: Contract, options: ReadOptions) -> Iterator[Block]:
    """Yield a file of JSON Lines in blocks.

    Numbers come as the text they were written as, nested values as JSON. A key that is absent is
    a value that is missing; one that the contract does not name refuses its line.

    Raises
    ------
    SourceError
        Where the file is empty, or something else than JSON Lines.
    """
    where, source = partition.shown, contract.source
    with open_partition(partition, contract.source.max_unpacked) as stream:
        text = Utf8(stream, source.encoding, where, False, FORMATS["jsonl"])
        chunker = Chunker(text, _CHUNK, b"")
        found = _JsonRows(contract, options.any_names)
        empty = True
        while (chunk := chunker.next()) is not None:
            empty = False
            if chunk.too_long:
                location = RowLocation(chunk.line, chunk.offset, chunk.data, chunk.size)
                found.reject(location, TOO_LONG)
                continue
            for location in _lines(chunk, text):
                found.take(location, where)
                if len(found.rows) >= options.rows or found.size > _MOST:
                    yield found.block()
                    found = _JsonRows(contract, options.any_names, first=False)
        if empty:
            raise SourceError("the file is empty", where=where, fix="deliver it again")
        yield found.block()


def _lines(chunk: Chunk, text: Utf8) -> Iterator[RowLocation]:
    offset = chunk.offset
    lines = chunk.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=chunk.line):
        size = text.length(line + b"\n")
        yield RowLocation(number, offset, line.rstrip(b"\r"), size)
        offset += size


@dataclass
class _JsonRows:
    """What was read since the last block."""

    contract: Contract
    any_names: bool
    first: bool = True
    rows: list[list[str | None]] = field(default_factory=list)
    locations: list[RowLocation] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self._columns = {c.name: i for i, c in enumerate(self.contract.columns)}
        self._writers = [_Writer(c, self.contract) for c in self.contract.columns]

    def take(self, location: RowLocation, where: str) -> None:
        raw = location.raw
        plain = raw.strip()
        if not plain:
            self.blank += 1
            return
        if self.first:
            self.first = False
            _require_lines(plain, f"{where}:{location.line}")
        self.size += len(raw)
        if len(raw) > MAX_ROW_BYTES:
            self.reject(replace(location, raw=raw[:_KEPT]), TOO_LONG)
            return
        try:
            self.rows.append(self._cells(parsed(raw)))
        except BrokenError as error:
            self.reject(location, str(error))
        else:
            self.locations.append(location)

    def reject(self, location: RowLocation, reason: str) -> None:
        self.first = False
        self.rejected.append(Rejected(location, reason))

    def _cells(self, entry: dict[str, Any]) -> list[str | None]:
        cells: list[str | None] = [None] * len(self._columns)
        for key, value in entry.items():
            index = self._columns.get(key)
            if index is None:
                if self.any_names:
                    continue
                raise BrokenError("it has a key that the contract does not name")
            cells[index] = None if value is None else self._writers[index].text(value)
        return cells

    def block(self) -> Block:
        names = list(self._columns)
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(names)
        table: pa.Table = pa.table([pa.array(c, pa.string()) for c in columns], names=names)
        locations = self.locations

        def of(rows: Sequence[int]) -> list[RowLocation]:
            return [locations[row] for row in rows]

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
            # In the contract's dialect: 1.234 is never read as if its point parted thousands.
            found = str(value)
            if self.column.type in ("integer", "number", "boolean"):
                found = found.replace(".", source.decimal)
        elif isinstance(value, bool):
            if self.column.type == "boolean":
                return source.true_values[0] if value else source.false_values[0]
            found = "true" if value else "false"
        else:
            found = written(value)
        return None if found in source.missing else found


#: Rows are lines of text.
without_rows = without_lines
