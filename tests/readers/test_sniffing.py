from __future__ import annotations

import io
import os
import pickle
import random
import sqlite3
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers import real_data
from quickstack.data.readers.sniffing import sniffed_type
from quickstack.facts.formats import FORMATS

TEXT_FORMAT = FORMATS["csv"]


def parquet():
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), out)
    return out.getvalue()


def arrow():
    out = io.BytesIO()
    with pa.ipc.new_file(out, pa.schema([("a", pa.int64())])):
        pass
    return out.getvalue()


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"a,b"))
    return out.getvalue()


KINDS = {
    "page": (b"\n<!DOCTYPE html><html>", "HTML"),
    "answer of S3": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "HTML"),
    "bare error": (b"<Error>", "HTML"),
    "page with a mark": (b"\xef\xbb\xbf<html>", "HTML"),
    "lines of JSON": (b'{"id": 1}\n{"id": 2}\n', "JSON"),
    "empty object": (b"{}\n", "JSON"),
    "array of JSON": (b'[\n {"id": 1}]', "JSON"),
    "git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "DVC": (b"outs:\n- md5: 0123\n  size: 5\n", "dvc pull"),
    "DVC import": (
        b"md5: 1\nframe: x\ndeps:\n- etag: 1\n  path: s3://b/k\nouts:\n- md5: 2\n", "dvc pull",
    ),
    "Parquet": (parquet(), "Parquet"),
    "Arrow": (arrow(), "Arrow"),
    "tar": (tar(), "tar archive"),
    "PDF": (b"%PDF-1.7\n", "PDF"),
    "SQLite": (b"SQLite format 3\0" + bytes(80), "SQLite"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
    "workbook": (b"PK\x03\x04" + bytes(20), "workbook"),
    "packed twice": (b"\x1f\x8b\x08\0", "compressed file inside"),
    "pickle": (pickle.dumps([1, 2], protocol=4), "pickle"),
    "noise": (random.Random(1).randbytes(4096), "binary data"),
    "AppleDouble": (b"\x00\x05\x16\x07\x00\x02", "macOS"),
}  # fmt: skip
TEXT = {
    "header": b"id,name\n1,Ada\n",
    "quoted": b'"id","name"\n',
    "mark": b"\xef\xbb\xbfid,name\n",
    "UTF-16": "id,name\n".encode("utf-16"),
    "UTF-16 without a mark": "id,name\n1,Ada\n".encode("utf-16-le"),
    "latin": "größe;maß\n".encode("latin-1"),
    "Japanese": "名前,年齢\n".encode("iso2022_jp"),
    "names that begin like a format": b"ORCHID,GIF8,PAR1\n1,2,3\n",
    "PAR1": b"PAR1,b\n1,2\n",
    "brackets": b"[id],[name]\n1,2\n",
    "one NUL": b"id,na\0me\n1,2\n",
    "empty": b"",
    "less than": b"<5,>5\n1,2\n",
    "outs": b"outs,ins\n1,2\n",
}


@pytest.mark.parametrize(("head", "word"), KINDS.values(), ids=KINDS)
def test_what_is_no_text_is_named(head, word):
    assert word in (sniffed_type(head, TEXT_FORMAT) or "")


@pytest.mark.parametrize("head", TEXT.values(), ids=TEXT)
def test_text_is_let_through(head):
    assert sniffed_type(head, TEXT_FORMAT) is None


def test_a_real_database(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("create table t (a)")
    connection.close()
    assert sniffed_type((tmp_path / "a.db").read_bytes(), TEXT_FORMAT) == "an SQLite database"


def test_random_bytes_are_never_text():
    assert all(sniffed_type(os.urandom(4096), TEXT_FORMAT) for _ in range(200))


CONTAINERS = {
    "html_error_page_named_csv.csv": "HTML",
    "json_lines_named_csv.csv": "JSON",
    "git_lfs_pointer_named_csv.csv": "git LFS",
    "binary_noise_named_csv.csv": "binary data",
}


@pytest.mark.parametrize(("name", "word"), CONTAINERS.items())
def test_the_torture_set(name, word):
    path = real_data(f"torture/generated/files/{name}")
    assert word in (sniffed_type(path.read_bytes()[: 1 << 16], TEXT_FORMAT) or "")
