from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from examples import people_contract
from quickstack.guard.erasing.content import Finder
from quickstack.guard.erasing.subject import Subject, Table

VALUE, TOKEN = "C0004711", "0123456789abcdef" * 2
SUBJECT = Subject((VALUE, 'O"Neil, Zoë'), (TOKEN,), (Table(people_contract(), ("id",)),))


def parquet(values, **options):
    target = io.BytesIO()
    pq.write_table(pa.table({"n": range(len(values)), "t": values}), target, **options)
    return target.getvalue()


def leftover(text):
    """Write a dictionary that holds a value of no row."""
    values = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), ["a", text])
    return parquet(values, write_statistics=False)


def zipped(content):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/file", content)
    return target.getvalue()


def zstd(content, kind="zstd"):
    target = io.BytesIO()
    with pa.CompressedOutputStream(target, kind) as stream:
        stream.write(content)
        stream.flush()
        return target.getvalue()


def tarred(content):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo("inside/file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def database(text):
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", (text,))
        connection.commit()
        return connection.serialize()


def arrow(text):
    target = io.BytesIO()
    feather.write_feather(pa.table({"t": [text]}), target, compression="zstd")
    return target.getvalue()


SHAPES = {
    "text": lambda text: f"a,{text},b".encode(),
    "utf-16": lambda text: f"a,{text},b".encode("utf-16-le"),
    "json": lambda text: json.dumps({"t": text}).encode(),
    "pickle": lambda text: pickle.dumps({"t": text}),
    "gzip": lambda text: gzip.compress(f"a,{text},b".encode()),
    "bzip2": lambda text: bz2.compress(f"a,{text},b".encode()),
    "xz": lambda text: lzma.compress(f"a,{text},b".encode()),
    "zip": lambda text: zipped(f"a,{text},b".encode()),
    "gzip in zip": lambda text: zipped(gzip.compress(f"a,{text},b".encode())),
    "parquet": lambda text: parquet([None, "x", text]),
    "parquet without dictionary": lambda text: parquet(["x", text], use_dictionary=False),
    "parquet of lists": lambda text: parquet([["x"], [text]]),
    "parquet with a leftover": leftover,
    "parquet in zip": lambda text: zipped(parquet(["x", text], compression="zstd")),
    "parquet in tar": lambda text: tarred(parquet(["x", text], compression="zstd")),
    "feather": arrow,
    "database": database,
    "gzip in base64": lambda text: base64.b64encode(
        gzip.compress(f"{text},{' '.join(map(str, range(99)))}".encode())
    ),
}


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("text", [TOKEN, VALUE, 'O"Neil, Zoë'], ids=["token", "value", "quoted"])
def test_a_subject_is_found_in_any_shape_and_a_clean_twin_is_not(shape, text):
    finder = Finder(SUBJECT)
    raw = text != TOKEN
    assert finder.finds(SHAPES[shape](text), raw=raw)
    twin = text.replace("4", "5").replace("Zoë", "Zoe").replace("0123", "3210")
    assert not finder.finds(SHAPES[shape](twin), raw=True)
    assert finder.finds(SHAPES[shape](text), raw=False) == (text == TOKEN)
    assert finder.unread == 0


@pytest.mark.parametrize("text", ["C00047110", "XC0004711", "_C0004711"])
def test_a_value_counts_as_a_whole_word_only(text):
    finder = Finder(SUBJECT)
    for content in (SHAPES["text"](text), SHAPES["parquet"](text), SHAPES["gzip"](text)):
        assert not finder.finds(content, raw=True)


@pytest.mark.parametrize(
    "text",
    ["c0004711", "\uff230004711 é", "C\u200b0004711", 'O"NEIL,  ZOE\u0308', 'o""neil, zoË'],
)
@pytest.mark.parametrize("shape", ["text", "gzip", "parquet"])
def test_case_blanks_and_unicode_spelling_count_for_nothing(shape, text):
    assert Finder(SUBJECT).finds(SHAPES[shape](text), raw=True)


@pytest.mark.parametrize(
    "content", [b"PAR1 not parquet PAR1", b"PK\x03\x04 no zip", b"\x1f\x8b\x08no"]
)
def test_what_cannot_be_opened_is_counted_and_its_bytes_are_searched(content):
    finder = Finder(SUBJECT)
    assert not finder.finds(content, raw=True, name="a.zip")
    assert (finder.unread, finder.unopened) == (1, ["a.zip"])
    assert finder.finds(content + b" " + VALUE.encode(), raw=True)


def test_a_subject_shows_nothing_of_itself():
    assert VALUE not in repr(SUBJECT)
    assert TOKEN not in repr(SUBJECT)
