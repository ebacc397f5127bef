from __future__ import annotations

import gzip
import io
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quickstack.data.unpacking import buffers
from quickstack.data.unpacking.unpack import DEPTH, Opened, pieces

KEY = b"k" * 16


def zipped(**members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def encrypted_zip():
    content = bytearray(zipped(a=b"x"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def nested(depth):
    content = b"innermost"
    for _ in range(depth):
        content = gzip.compress(content)
    return content


def parquet():
    made = io.BytesIO()
    pq.write_table(pa.table({"a": ["value"] * 9}), made)
    return made.getvalue()


UNREAD = {
    "cut gzip": (gzip.compress(os.urandom(5000))[:3000], "its gzip stream is damaged"),
    "cut zip": (zipped(a=b"x" * 99)[:60], "it is damaged (BadZipFile)"),
    "encrypted zip": (encrypted_zip(), "it is encrypted"),
    "cut Parquet": (parquet()[:-9], "it is damaged (ArrowInvalid)"),
    "encrypted Parquet": (b"PARE" + bytes(40), "its Parquet footer is encrypted"),
    "DuckDB": (bytes(8) + b"DUCK" + bytes(40), "a DuckDB file compresses its columns"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(40), "archives of this kind are not opened"),
    "too deep": (nested(DEPTH + 2), "it lies more than"),
    "damaged SQLite": (b"SQLite format 3\0" + bytes(200), "it is damaged (DatabaseError)"),
}


@pytest.mark.parametrize(("content", "why"), UNREAD.values(), ids=UNREAD)
def test_what_cannot_be_read_is_said(content, why):
    opened = Opened()
    assert list(pieces(content, opened))[:1] == [((), content)]
    assert [reason for _, reason in opened.unread if reason.startswith(why)]


def test_a_bomb_ends_at_the_limit():
    opened = Opened()
    bomb = gzip.compress(bytes(30 << 20))
    size = sum(len(part) for _, part in pieces(bomb, opened, limit=4 << 20))
    assert size < 6 << 20
    assert [why for _, why in opened.unread] == ["it expands to more than the limit"]


def test_as_deep_as_allowed_is_read():
    opened = Opened()
    assert list(pieces(nested(DEPTH), opened))[-1][1] == b"innermost"
    assert opened.unread == []


def test_large_content_is_read_from_a_file(monkeypatch):
    monkeypatch.setattr(buffers, "IN_MEMORY", 1000)
    content = os.urandom(200_000)
    found = dict(pieces(zipped(**{"a.gz": gzip.compress(content)}), Opened()))
    assert found["a.gz", "gzip"][:] == content
