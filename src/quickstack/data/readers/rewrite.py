"""Write a source file again without some of its rows, and change nothing else in it.

Of text every other byte stays. A workbook keeps the parts of its archive but for the rows and the
shared texts that only they used. A Parquet file keeps its schema and the values of its other rows.
A packed file is packed again in its own way.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, cast

from quickstack.data.readers.archives import packed_like, unpacked
from quickstack.data.readers.blocks import RowLocation
from quickstack.data.readers.chunks import Utf8
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.streams import open_partition, open_stored
from quickstack.facts.contract import Contract, Source
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS

_CHUNK = 1 << 20


def write_without(
    partition: Partition, contract: Contract, rows: Sequence[RowLocation], target: Path
) -> None:
    """Write a source file to `target` without some rows.

    Parameters
    ----------
    rows
        As `read_blocks` locates them in this file. The format's module takes them out.

    Raises
    ------
    SourceError
        Where rows cannot be taken out of a file of this kind. `target` is then of no use.
    """
    reader = import_module(f"quickstack.data.readers.{FORMATS[contract.source.format].reader}")
    with (
        open_stored(partition) as (stored, size),
        target.open("wb") as file,
        packed_like(stored, file) as out,
    ):
        content = unpacked(stored, partition.shown, size, contract.source.max_unpacked)
        ordered = sorted(rows, key=lambda row: (row.offset or 0, row.line))
        reader.without_rows(content, out, ordered, contract.source, partition.shown)


def holds_more(source: Source) -> bool:
    """Return whether a file may hold more than the rows of its table: sheets, comments, a title."""
    return FORMATS[source.format].container or bool(source.comment or source.skip_lines)


def stored_row(partition: Partition, row: RowLocation, source: Source) -> bytes:
    """Return the bytes of one row of text as they stand in the file, however many there are."""
    with open_partition(partition, source.max_unpacked) as stream:
        _copy(stream, None, row.offset or 0)
        return stream.read(row.size)


def without_lines(
    stream: BinaryIO, out: BinaryIO, rows: Sequence[RowLocation], source: Source, where: str
) -> None:
    """Write text again without some rows, whose other bytes stay as they are."""
    head = cast(io.BufferedReader, stream).peek(4)[:4]
    mark = head[: Utf8(io.BytesIO(head), source.encoding, where, False).start]
    position = 0
    for row in rows:
        assert row.offset is not None
        _copy(stream, out, row.offset - position)
        taken = stream.read(row.size)
        position = row.offset + row.size
        text = Utf8(io.BytesIO(mark + taken), source.encoding, where, False)
        found = b"".join(iter(partial(text.read, _CHUNK), b""))
        # In an encoding with a state, a row may not be where the lengths of texts say.
        if not found.translate(None, b"\r\n").startswith(row.raw.translate(None, b"\r\n")):
            raise SourceError(
                f"rows of {source.encoding} text cannot be taken out",
                where=where,
                fix="save it as UTF-8, and correct `encoding` in the contract",
            )
    _copy(stream, out, None)


def _copy(stream: BinaryIO, out: BinaryIO | None, size: int | None) -> None:
    """Copy so many bytes, or all that are left; without `out`, pass them by."""
    while size is None or size > 0:
        part = stream.read(_CHUNK if size is None else min(_CHUNK, size))
        if not part:
            return
        if out is not None:
            out.write(part)
        size = None if size is None else size - len(part)
