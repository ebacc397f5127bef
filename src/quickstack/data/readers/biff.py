"""Look through a workbook of Excel 97 to 2003 (.xls) for cells that hold an error.

A compound file holds the stream `Workbook` in sectors; the stream is a row of records, each of a
type and a length of two bytes. Facts: [MS-CFB] and [MS-XLS] of Microsoft's Open Specifications.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from quickstack.data.readers.workbook import Look, damaged
from quickstack.facts.errors import SourceError

_BOF, _EOF, _BOUNDSHEET, _BOOLERR, _FORMULA = 0x0809, 0x000A, 0x0085, 0x0205, 0x0006
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_DIFAT = 76
_SMALL_STREAM = 4096


def look_biff(data: bytes, sheet: str, found: Look) -> None:
    """Note the errors of one sheet.

    Raises
    ------
    SourceError
        Where the file is damaged.
    """
    try:
        stream = _workbook(data)
        start = _sheet_start(stream, sheet)
        if start is None:
            raise damaged(found.where)
        for kind, body in _records(stream, start):
            written = kind == _BOOLERR and body[7] == 1
            computed = kind == _FORMULA and body[6] == 2 and body[12:14] == b"\xff\xff"
            if written or computed:
                found.errors.add(struct.unpack_from("<HH", body))
    except (struct.error, IndexError, KeyError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise damaged(found.where) from None


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Give the records up to the end of a sheet; charts inside it have ends of their own."""
    depth = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        body = stream[position + 4 : position + 4 + size]
        position += 4 + size
        depth += (kind == _BOF) - (kind == _EOF)
        if depth == 1:
            yield kind, body
        if depth == 0:
            return


def _sheet_start(stream: bytes, sheet: str) -> int | None:
    for kind, body in _records(stream, 0):
        if kind == _BOUNDSHEET:
            length, wide = body[6], body[7] & 1
            text = body[8 : 8 + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1")
            if text == sheet:
                return int(struct.unpack_from("<I", body)[0])
    return None


def _workbook(data: bytes) -> bytes:
    """Return the stream that holds the workbook."""
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    small_size = 1 << struct.unpack_from("<H", data, 32)[0]
    (directory,) = struct.unpack_from("<I", data, 48)
    (small_start,) = struct.unpack_from("<I", data, 60)
    sectors = list(struct.unpack_from("<109I", data, _DIFAT))
    (following,) = struct.unpack_from("<I", data, 68)
    per_sector = size // 4
    seen = 0
    while following not in (_END, _FREE) and seen <= len(data) // size:
        more = struct.unpack_from(f"<{per_sector}I", data, (following + 1) * size)
        sectors += more[:-1]
        following = more[-1]
        seen += 1
    table: list[int] = []
    for sector in sectors:
        if sector != _FREE:
            table += struct.unpack_from(f"<{per_sector}I", data, (sector + 1) * size)

    def chained(start: int) -> bytes:
        return b"".join(data[(s + 1) * size : (s + 2) * size] for s in _chain(table, start))

    entries = chained(directory)
    streams = {}
    for at in range(0, len(entries), 128):
        (length,) = struct.unpack_from("<H", entries, at + 64)
        name = entries[at : at + max(0, length - 2)].decode("utf-16-le", "replace")
        streams[name] = struct.unpack_from("<IQ", entries, at + 116)
    start, length = streams.get("Workbook") or streams["Book"]
    length &= 0xFFFFFFFF
    if length >= _SMALL_STREAM:
        return chained(start)[:length]
    small = chained(streams["Root Entry"][0])
    raw = chained(small_start)
    places = list(struct.unpack(f"<{len(raw) // 4}I", raw))
    parts = (small[s * small_size : (s + 1) * small_size] for s in _chain(places, start))
    return b"".join(parts)[:length]


def _chain(table: list[int], start: int) -> Iterator[int]:
    for _ in range(len(table) + 1):
        if start == _END:
            return
        yield start
        start = table[start]
    raise ValueError("a loop")
