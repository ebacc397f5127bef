from __future__ import annotations

import bz2
import gzip
import io
import lzma
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import people_contract, write
from quickstack.facts.contract import Source
from quickstack.guard.erasing.row_removal import UncorrectableError, holding, remove_rows
from quickstack.guard.erasing.subject import Subject, Table
from readers.workbooks import ods, ods_text, row, xlsx

PATH = "data/raw/people/*.csv"


def table(**source):
    return Table(people_contract(source=Source(path=PATH, **source)), ("id", "referrer"))


def subject(*values):
    return Subject(values, (), ())


HEADER = b"id,name,note\n"
# name: (settings of the source, value, content, what is left)
CASES = {
    "one row": ({}, "P1", b"P1,Ada,x\nP2,Bo,y\n", b"P2,Bo,y\n"),
    "no row": ({}, "P1", b"P11,Ada,x\nXP1,Bo,y\n", b"P11,Ada,x\nXP1,Bo,y\n"),
    "in another column": ({}, "P1", b"P2,Ada,P1\n", b"P2,Ada,P1\n"),
    "over several lines": ({}, "P1", b'P1,"a\nb","c\r\nd"\nP2,Bo,y\n', b"P2,Bo,y\n"),
    "beside a row of several lines": ({}, "P1", b'P2,"a\nb",c\nP1,x,y\n', b'P2,"a\nb",c\n'),
    "quoted, with blanks": ({}, "P1", b'"P1",a,b\n P1 ,a,b\nP2,a,b\n', b"P2,a,b\n"),
    "too few cells": ({}, "P1", b"P1,Ada\nP2,Bo\n", b"P2,Bo\n"),
    "too many cells, value anywhere": ({}, "P1", b"P2,Ada,x,P1\nP2,a,b\n", b"P2,a,b\n"),
    "swallowed by an open quote": (
        {}, "P1", b'P3,"open,x\nP1,Ada,y\nP2,Bo,z\n', b'P3,"open,x\nP2,Bo,z\n',
    ),
    "swallowed by a quote that closes": (
        {}, "P1", b'P3,"open,x\nP1,Ada,y\nP2,b",z\n', b'P3,"open,x\nP2,b",z\n',
    ),
    "bytes that are no text stay": ({}, "P1", b"P1,a,b\nP2,\xff\xfe,\0\n", b"P2,\xff\xfe,\0\n"),
    "line ends stay": ({}, "P1", b"P2,a,b\r\nP1,a,b\r\nP3,a,b", b"P2,a,b\r\nP3,a,b"),
    "blank lines stay": ({}, "P1", b"\nP1,a,b\n\n", b"\n\n"),
    "a number": ({}, "17", b"17,a,b\n017,a,b\n170,17,17\n", b"170,17,17\n"),
    "semicolons": ({"delimiter": ";"}, "P1", b"P1,a,b\n", b""),
    "no quotes": ({"quote": ""}, "P1", b'"P1,a,b\nP1,",b\n', b'"P1,a,b\n'),
    "escaped": ({"escape": "\\"}, "P1", b'P2,"a\\"\nP1,a,b\n",c\nP1,a,b\n', b'P2,"a\\"\n",c\n'),
    "latin-1": ({"encoding": "latin-1"}, "Zo\xeb", b"Zo\xeb,a,b\nP2,\xe9,b\n", b"P2,\xe9,b\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_the_rows_of_the_subject_go_and_every_other_byte_stays(tmp_path, name):
    source, value, content, left = CASES[name]
    path = write(tmp_path / "a.csv", HEADER + content)
    of = table(**source)
    assert bool(holding(path, PATH, of, subject(value), set())[0]) == (content != left)
    assert (remove_rows(path, of, subject(value)) > 0) == (content != left)
    assert path.read_bytes() == HEADER + left
    assert remove_rows(path, of, subject(value)) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_lines_before_the_header_and_a_byte_order_mark_stay(tmp_path):
    content = b"\xef\xbb\xbfP1 wrote this\nid,name\n"
    path = write(tmp_path / "a.csv", content + b"P1,a\nP2,b\n")
    assert remove_rows(path, table(skip_lines=1), subject("P1")) == 1
    assert path.read_bytes() == content + b"P2,b\n"
    path = write(tmp_path / "b.csv", b"\xef\xbb\xbfid,name\nP1,a\nP2,P1\n")
    assert remove_rows(path, table(), subject("P1")) == 1
    assert path.read_bytes() == b"\xef\xbb\xbfid,name\nP2,P1\n"


def test_a_column_of_the_same_people_counts_too(tmp_path):
    path = write(tmp_path / "a.csv", "visit,referrer\n1,P1\n2,P2\n")
    assert remove_rows(path, table(), subject("P1")) == 1
    assert path.read_text() == "visit,referrer\n2,P2\n"


def test_without_the_column_each_line_with_the_word_goes(tmp_path):
    path = write(tmp_path / "a.csv", "number,name\nP1,Ada\nP11,Bo\n3,P1\n")
    assert remove_rows(path, table(), subject("P1")) == 2
    assert path.read_text() == "number,name\nP11,Bo\n"


def test_json_lines(tmp_path):
    lines = [
        '{"id": "P1", "a": 1}\n', '{"id": "P2", "a": "P1"}\n', '{"id": "P1", broken\n', "[1]\n",
    ]  # fmt: skip
    path = write(tmp_path / "a.jsonl", "".join(lines))
    assert remove_rows(path, table(format="jsonl"), subject("P1")) == 2
    assert path.read_text() == lines[1] + lines[3]


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet(tmp_path, kind):
    rows = pa.table({"id": pa.array(["17", None, "18", "17"]).cast(kind), "n": range(4)})
    path = tmp_path / "a.parquet"
    pq.write_table(rows, path)
    assert remove_rows(path, table(format="parquet"), subject("17")) == 2
    assert pq.read_table(path).to_pylist() == rows.take([1, 2]).to_pylist()
    assert b"17" not in path.read_bytes()


@pytest.mark.parametrize(
    ("source", "content", "sentence"),
    [
        (
            {"encoding": "utf-16"},
            b"\xef\xbb\xbfid\nP1\n",
            "the contract says utf-16",
        ),
        ({"encoding": "iso2022_jp"}, b"id,name\n\x1b(BP2,a\nP1,b\n", "rows of iso2022_jp text"),
        ({"format": "parquet"}, b"PAR1", "not a whole Parquet file"),
        ({"format": "excel"}, b"id\nP1\n", "not a workbook"),
    ],
)
def test_what_cannot_be_corrected_stays_as_it_is(tmp_path, source, content, sentence):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(UncorrectableError, match=sentence):
        remove_rows(path, table(**source), subject("P1"))
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def zstd(content):
    return pa.compress(content, "zstd", asbytes=True)


def unpacked(packed):
    return pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read()


PACKINGS = {
    "gzip": (gzip.compress, gzip.decompress), "bz2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress), "zstd": (zstd, unpacked),
}  # fmt: skip


@pytest.mark.parametrize("packing", list(PACKINGS))
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_packed_file_is_packed_again_as_it_was(tmp_path, packing, format_):
    pack, unpack = PACKINGS[packing]
    mine, others = {
        "csv": (b"P1,a,b\r\n", [b"id,name,note\r\n", b"P2,\xe4,b\r\n"]),
        "jsonl": (b'{"id": "P1"}\n', [b'{"id": "P2"}\n', b"no row\n"]),
    }[format_]
    path = write(tmp_path / "a.csv", pack(others[0] + mine + others[1]))
    of = table(format=format_, encoding="latin-1")
    assert len(holding(path, PATH, of, subject("P1"), set())[0]) == 1
    assert remove_rows(path, of, subject("P1")) == 1
    assert unpack(path.read_bytes()) == b"".join(others)
    assert holding(path, PATH, of, subject("P1"), set())[0] == []


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_line_of_many_megabytes_is_searched_to_its_end(tmp_path, format_):
    header = HEADER if format_ == "csv" else b""
    other = {"csv": b"P2,a,b\n", "jsonl": b'{"id": "P2"}\n'}[format_]
    long = b'"' + b"x" * (33 << 20)
    path = write(tmp_path / "a.csv", header + other + long + b" P1\n" + other + long + b" P11\n")
    assert remove_rows(path, table(format=format_), subject("P1")) == 1
    assert path.read_bytes() == header + 2 * other + long + b" P11\n"


PERSON = "P0004711"
ROWS = (row(1, "text:id", "text:n"), row(2, f"text:{PERSON}", "n:1"), row(3, "text:P2", "n:2"))


def test_a_workbook_keeps_its_other_parts(tmp_path):
    content = xlsx("".join(ROWS), row(1, "text:another sheet"))
    path = write(tmp_path / "a.xlsx", content)
    assert remove_rows(path, table(format="excel"), subject(PERSON)) == 1
    with ZipFile(path) as after, ZipFile(io.BytesIO(content)) as before:
        assert after.namelist() == before.namelist()
        for name in before.namelist():
            expected = before.read(name)
            if name == "xl/worksheets/s1.xml":
                expected = expected.replace(ROWS[1].encode(), b"")
            assert after.read(name) == expected


def test_values_of_a_formula_that_is_shared_with_a_row_that_goes_stay(tmp_path):
    first = '<c r="B2"><f t="shared" ref="B2:B3" si="0">A1&amp;"x"</f><v>1</v></c></row>'
    other = '<c r="B3"><f t="shared" si="0"/><v>2</v></c></row>'
    rows = [ROWS[0], row(2, f"text:{PERSON}"), row(3, "text:P2"), '<row r="4"/>', row(5)]
    rows[1:3] = [
        r.replace("</row>", cell) for r, cell in zip(rows[1:3], (first, other), strict=True)
    ]
    path = write(tmp_path / "a.xlsx", xlsx("".join(rows)))
    of = table(format="excel")
    assert remove_rows(path, of, subject(PERSON)) == 1
    with ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/s1.xml").decode()
    assert rows[0] + rows[2].replace('<f t="shared" si="0"/>', "") + rows[3] in sheet
    assert len(holding(path, PATH, of, subject("P2"), set())[0]) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (xlsx("".join(ROWS), row(1, f"text:{PERSON} is away")), "in other ways than in their rows"),
        (ods(ods_text("id"), ods_text(PERSON)), "only where it is an .xlsx"),
    ],
    ids=["another sheet", "OpenDocument"],
)
def test_a_workbook_that_cannot_be_corrected_stays_as_it_is(tmp_path, content, sentence):
    path = write(tmp_path / "a.xlsx", content)
    assert len(holding(path, PATH, table(format="excel"), subject(PERSON), set())[0]) == 1
    with pytest.raises(UncorrectableError, match=sentence):
        remove_rows(path, table(format="excel"), subject(PERSON))
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["a.xlsx"]
