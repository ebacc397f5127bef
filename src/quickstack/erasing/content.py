"""Tell whether bytes hold the subject, whatever they are packed in."""

from __future__ import annotations

import lzma
import re
import tempfile
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from quickstack.erasing.subject import Subject

_CHUNK = 1 << 22
_DEPTH = 4
#: First bytes of what pyarrow unpacks.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
_XZ = b"\xfd7zXZ\x00"
_OUTSIDE = rb"0-9A-Za-z_"


class Finder:
    """Looks for a subject's pseudonyms and, where asked, for their raw values as whole words.

    Attributes
    ----------
    unread
        How many packed or columnar contents could not be opened and were looked at as bytes only.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.unread = 0
        words = b"|".join(re.escape(value) for value in subject.raw_needles)
        tokens = b"|".join(re.escape(token) for token in subject.needles) or rb"(?!)"
        self._tokens = re.compile(tokens)
        self._both = self._tokens
        if words:
            self._both = re.compile(
                tokens + rb"|(?<![" + _OUTSIDE + rb"])(?:" + words + rb")(?![" + _OUTSIDE + rb"])"
            )
        longest = [*subject.needles, *subject.raw_needles, b""]
        self._overlap = max(len(needle) for needle in longest) + 2

    def finds(self, stream: IO[bytes], *, raw: bool) -> bool:
        """Return whether a seekable stream holds the subject.

        Parameters
        ----------
        raw
            Whether their raw values count, too.
        """
        return self._finds(stream, raw, _DEPTH)

    def in_text(self, content: bytes, *, raw: bool) -> bool:
        """Return whether bytes hold the subject, as they are."""
        return (self._both if raw else self._tokens).search(content) is not None

    def _finds(self, stream: IO[bytes], raw: bool, depth: int) -> bool:
        if self._in_bytes(stream, raw):
            return True
        stream.seek(0)
        head = stream.read(8)
        stream.seek(0)
        try:
            if head.startswith(b"PAR1"):
                return self._in_parquet(stream, raw)
            if head.startswith((b"ARROW1", b"FEA1")):
                import pyarrow.feather as feather

                return self._in_columns(feather.read_table(stream).itercolumns(), raw)
            if depth and head.startswith(b"PK\x03\x04"):
                return self._in_zip(stream, raw, depth)
            if depth and (unpacked := _unpack(stream, head)):
                return self._copied(unpacked, raw, depth)
        except Exception:  # damaged, or only looking like it: bytes were searched
            self.unread += 1
        return False

    def _in_bytes(self, stream: IO[bytes], raw: bool) -> bool:
        pattern = self._both if raw else self._tokens
        window = stream.read(_CHUNK)
        first = True
        while window:
            more = stream.read(_CHUNK)
            for match in pattern.finditer(window):
                # A match at an edge is judged in the window that shows its neighbour.
                if (first or match.start()) and (not more or match.end() < len(window)):
                    return True
            if not more:
                return False
            window, first = window[-self._overlap :] + more, False
        return False

    def _in_zip(self, stream: IO[bytes], raw: bool, depth: int) -> bool:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    if self._copied(member, raw, depth):
                        return True
        return False

    def _copied(self, stream: Any, raw: bool, depth: int) -> bool:
        with tempfile.SpooledTemporaryFile(max_size=1 << 26) as copy:
            while chunk := stream.read(_CHUNK):
                copy.write(chunk)
            copy.seek(0)
            return self._finds(copy, raw, depth - 1)

    def _in_parquet(self, stream: IO[bytes], raw: bool) -> bool:
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Dictionaries as they are: they may hold values that no row has any more.
        whole = pq.ParquetFile(stream)
        schema, names, plain = whole.schema_arrow, whole.schema_arrow.names, _plain(whole.metadata)
        flat = [f.name for f in schema if not pa.types.is_nested(f.type) and f.name not in plain]
        stream.seek(0)
        file = pq.ParquetFile(stream, read_dictionary=flat)
        for group in range(file.num_row_groups):
            for place in range(len(names)):
                columns = file.read_row_group(group, columns=[names[place]]).itercolumns()
                if self._in_columns(columns, raw):
                    return True
        return False

    def _in_columns(self, columns: Iterable[Any], raw: bool) -> bool:
        import pyarrow as pa
        import pyarrow.compute as pc

        pattern = self._both if raw else self._tokens
        for column in columns:
            for chunk in column.chunks:
                values = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
                kind = values.type
                if pa.types.is_floating(kind) or pa.types.is_boolean(kind):
                    continue
                if pa.types.is_integer(kind):
                    if not raw:
                        continue
                    values = pc.unique(values).cast(pa.string())
                elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                    values = pa.array([str(value) for value in values.to_pylist()], pa.string())
                content = "\n".join(v for v in values.to_pylist() if v).encode()
                if pattern.search(content):
                    return True
        return False


def _plain(metadata: Any) -> set[str]:
    """Return the columns without any dictionary; pyarrow cannot read all of them as one."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    dictionaries = {c.path_in_schema for c in chunks if c.has_dictionary_page}
    return {c.path_in_schema for c in chunks} - dictionaries


def _unpack(stream: IO[bytes], head: bytes) -> Any:
    if head.startswith(_XZ):
        return lzma.open(stream)
    import pyarrow as pa

    for mark, kind in _PACKED.items():
        if head.startswith(mark):
            return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), kind)
    return None
