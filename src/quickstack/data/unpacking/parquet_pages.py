"""The dictionary page of a Parquet column, whole: readers give back only what rows refer to.

The page header is a struct of Thrift's compact protocol; see the Parquet format's
`parquet.thrift`: PageHeader {1: type, 2: uncompressed size, 3: compressed size, ...}.
"""

from __future__ import annotations

from typing import Any

from quickstack.data.unpacking.buffers import Buffer

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    13
)


def dictionary_page(content: Buffer, chunk: Any) -> bytes:
    """Return the decompressed dictionary page of a column chunk.

    Parameters
    ----------
    content
        The file.
    chunk
        Its `pyarrow.parquet.ColumnChunkMetaData`, which has a dictionary page.

    Raises
    ------
    ValueError
        Where there is no page header.
    """
    import pyarrow as pa

    header = _Thrift(content, chunk.dictionary_page_offset)
    fields = header.integers()
    if not {2, 3} <= set(fields):
        raise ValueError("no page header")
    packed = content[header.at : header.at + fields[3]]
    if chunk.compression == "UNCOMPRESSED":
        return packed
    name = {"LZ4": "lz4_raw"}.get(chunk.compression, chunk.compression.lower())
    return pa.decompress(packed, decompressed_size=fields[2], codec=name, asbytes=True)


class _Thrift:
    """Reads the integers of a struct, and passes over the rest."""

    def __init__(self, content: Buffer, at: int) -> None:
        self._content, self.at = content, at

    def integers(self) -> dict[int, int]:
        """Return the integer fields of the struct that begins here, and go to its end."""
        found: dict[int, int] = {}
        number = 0
        while True:
            head = self._content[self.at]
            self.at += 1
            kind = head & 15
            if kind == _STOP:
                return found
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            value = self._pass(kind)
            if value is not None:
                found[number] = value

    def _pass(self, kind: int) -> int | None:
        if kind in (_TRUE, _FALSE):
            return None
        if kind == _BYTE:
            self.at += 1
        elif kind in (_I16, _I32, _I64):
            return self._zigzag()
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            size = self._varint()
            self.at += size
        elif kind in (_LIST, _SET):
            head = self._content[self.at]
            self.at += 1
            size = head >> 4 if head >> 4 < 15 else self._varint()
            for _ in range(size):
                self._pass(head & 15)
        elif kind == _STRUCT:
            self.integers()
        else:
            raise ValueError("no page header")
        return None

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._content[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
