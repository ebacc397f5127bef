"""What is not read is said: in the report, and so on the terminal and on the page."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import people_contract, write
from quickstack.facts.contract import Column, Source
from quickstack.facts.notices import told
from quickstack.results.exporting.sections import quality
from readers.workbooks import merged, ods, ods_text, row, xlsx
from torture.harness import ingest_folder

A, B = Column("a", "integer"), Column("b", "string")
YEAR = Column("year", "integer")
CSV = "a,b\n1,x\n2,y\n"
HEAD = row(1, "text:a", "text:b")
ONE, TWO = row(2, "n:1", "text:x"), row(3, "n:2", "text:y")
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def ingested(folder, files, pattern="*", columns=(A, B), **source):
    """Ingest files below `data/raw/x`."""
    for name, content in files.items():
        write(folder / "data/raw/x" / name, content)
    source = Source(path=f"data/raw/x/{pattern}", max_quarantined_share=1.0, **source)
    return ingest_folder(folder, replace(people_contract(), id="x", columns=columns, source=source))


def kinds(result):
    assert result.error is None, result.error
    return [(found["kind"], found["where"]) for found in result.report["findings"]]


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


TOLD = {
    # files, pattern, settings: what is told, and where
    "copies": ({"a.csv": CSV, "a (1).csv": CSV}, "*", {}, [("copy", "a (1).csv")]),
    "three copies, packed": (
        {"a.csv.gz": gzip.compress(CSV.encode(), mtime=0), "b.csv": "a,b\n3,z\n",
         "c.csv.gz": gzip.compress(CSV.encode(), mtime=0)}, "*", {}, [("copy", "c.csv.gz")]
    ),
    "values in folders": (
        {"year=2024/a.csv": CSV}, "*/*.csv", {}, [("folder-values", "*/*.csv")]
    ),
    "a file of another case": ({"a.csv": CSV, "b.CSV": CSV}, "*.csv", {}, [("unread-file", "")]),
    "a packed file": ({"a.csv": CSV, "b.csv.gz": CSV}, "*.csv", {}, [("unread-file", "")]),
    "a hidden table": ({"a.csv": CSV, ".b.csv": "a,b\n"}, "*", {}, [("unread-file", "")]),
    "a file in a folder": ({"a.csv": CSV, "old/a.csv": CSV}, "*", {}, [("unread-file", "")]),
    "no table": (
        {"a.csv": CSV, "README.txt": "x", ".DS_Store": "x", "Thumbs.db": "x", "desktop.ini": "x",
         "_SUCCESS": "", "._a.csv": "x", ".a.csv.crc": "x", "a.landing.json": "{}"}, "*.csv", {}, []
    ),
    "no table, whatever the pattern": (
        {"a.csv": CSV, ".DS_Store": "x", "Thumbs.db": "x", "_SUCCESS": "", "a.landing.json": "{}"},
        "*", {}, []
    ),
    "a workbook that is open": (
        {"a.xlsx": xlsx(HEAD + ONE + TWO), "~$a.xlsx": "x"}, "*", {"format": "excel"},
        [("open-workbook", "~$a.xlsx")]
    ),
    "controls": (
        {"a.csv": "a,b\n1,5 €\n".encode("cp1252")}, "*", {"encoding": "latin-1"},
        [("controls", "a.csv")]
    ),
    "lost letters": ({"a.csv": "a,b\n1,x\ufffd\n"}, "*", {}, [("lost-letters", "a.csv")]),
    "UTF-8 read as Latin-1": (
        {"a.csv": "a,b\n1,Größe\n".encode()}, "*", {"encoding": "latin-1"},
        [("encoded-twice", "a.csv")]
    ),
    "encoded twice": (
        {"a.csv": "a,b\n1,Größe\n".encode().decode("cp1252")}, "*", {}, [("encoded-twice", "a.csv")]
    ),
    "encoded twice, Cyrillic": (
        {"a.csv": "a,b\n1,труд и мир\n".encode().decode("cp1251")}, "*", {},
        [("encoded-twice", "a.csv")]
    ),
    "encoded twice, JSON": (
        {"a.jsonl": json.dumps({"a": 1, "b": "é".encode().decode("mac_roman")})}, "*",
        {"format": "jsonl"}, [("encoded-twice", "a.jsonl")]
    ),
    "encoded twice, Parquet": (
        {"a.parquet": parquet(a=[1], b=["5 €".encode().decode("cp1252")])}, "*",
        {"format": "parquet"}, [("encoded-twice", "a.parquet")]
    ),
    "rightly encoded": (
        {"a.csv": "a,b\n1,“CAFÉ”\n2,Ångström\n3,voilà…\n4,√2 ± ½\n6,日本\n"}, "*", {}, []
    ),
    "another sheet": (
        {"a.xlsx": xlsx(HEAD + ONE, row(1, "text:c") + row(2, "text:x"))}, "*",
        {"format": "excel"}, [("other-sheets", "a.xlsx")]
    ),
    "an empty sheet": ({"a.xlsx": xlsx(HEAD + ONE, "")}, "*", {"format": "excel"}, []),
    "a hidden sheet": (
        {"a.xlsx": xlsx(HEAD + ONE, HEAD + TWO, hidden=(1,))}, "*", {"format": "excel"},
        [("hidden-sheets", "a.xlsx")]
    ),
    "merged cells": (
        {"a.xlsx": xlsx(HEAD + ONE + row(3, "n:2") + merged("B2:B3"))}, "*", {"format": "excel"},
        [("merged", "a.xlsx")]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "pattern", "source", "wanted"), TOLD.values(), ids=TOLD)
def test_it_is_told_where_it_is(tmp_path, files, pattern, source, wanted):
    result = ingested(tmp_path, files, pattern, **source)
    folder = "data/raw/x"
    assert kinds(result) == [(kind, f"{folder}/{name}".rstrip("/")) for kind, name in wanted]
    lines = told(result.report, 10)
    assert len(lines) == len(wanted)
    assert quality(result.report)["warnings"][-len(lines) :] == lines if lines else True


def test_many_are_told_as_a_number():
    report = {"findings": [{"where": f"f{i}", "sentence": "s"} for i in range(5)]}
    assert told(report, 2) == ["f0: s", "f1: s", "3 more in reports/quality.json"]
    assert len(told({"findings": [], "tables": {"t": report}}, 10)) == 5


FOLDERS = {
    "CSV": ("csv", CSV.encode()),
    "JSON Lines": ("jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    "Parquet": ("parquet", parquet(a=[1, 2], b=["x", "y"])),
    "Excel": ("excel", xlsx(HEAD + ONE + TWO)),
}


@pytest.mark.parametrize(("format_", "content"), FOLDERS.values(), ids=FOLDERS)
def test_a_declared_column_is_read_from_folders(tmp_path, format_, content):
    area = Column("area", "string")
    names = ("year=2023/area=S%C3%BCd", "year=2024/area=__HIVE_DEFAULT_PARTITION__")
    files = {f"{name}/a": content for name in names}
    result = ingested(tmp_path, files, "*/*/*", (YEAR, A, B, area), format=format_)
    assert kinds(result) == []
    assert result.rows == [
        {"year": year, **one, "area": where}
        for year, where in ((2023, "Süd"), (2024, None))
        for one in ROWS
    ]


def test_names_without_a_header_leave_out_those_of_folders(tmp_path):
    files = {"year=2024/a.csv": "1,x\n"}
    result = ingested(tmp_path, files, "*/*", (YEAR, A, B), header=False)
    assert result.rows == [{"year": 2024, "a": 1, "b": "x"}]


def test_a_value_of_a_folder_that_does_not_fit_breaks_the_rule(tmp_path):
    result = ingested(tmp_path, {"year=new/a.csv": CSV}, "*/*", (YEAR, A, B))
    assert [line["problems"][0]["column"] for line in result.refused] == ["year", "year"]


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


PERSONAL = replace(B, classification="personal", personal="drop")
REFUSED = {
    "a column twice": ({"a=1/a.csv": CSV}, "*/*", (A, B), {}, "the name of its folder does, too"),
    "a personal folder": ({"b=Ann/a.csv": "a\n1\n"}, "*/*", (A, PERSONAL), {}, "personal column b"),
    "a Delta table": (
        {"_delta_log/0.json": "{}", "a.csv": CSV}, "*.csv", (A, B), {}, "this is a Delta table"
    ),
    "a Delta table of folders": (
        {"_delta_log/0.json": "{}", "y=1/a.csv": CSV}, "**/*.csv", (A, B), {}, "a Delta table"
    ),
    "an Iceberg table": (
        {"t/metadata/v1.metadata.json": "{}", "t/data/a.csv": CSV}, "t/data/*", (A, B), {},
        "this is a Iceberg table"
    ),
    "a Hudi table": ({".hoodie/x": "", "a.csv": CSV}, "*.csv", (A, B), {}, "a Hudi table"),
    "sheets of the same columns": (
        {"a.xlsx": xlsx(HEAD + ONE, HEAD + TWO)}, "*", (A, B), {"format": "excel"},
        "2 of its 2 sheets hold the contract's columns: sheets 1 and 2"
    ),
    "hidden sheets alone": (
        {"a.xlsx": xlsx(HEAD, row(1, "text:c"), hidden=(0,))}, "*", (A, B), {"format": "excel"},
        "only a hidden sheet"
    ),
    "two tables in an archive": (
        {"a.zip": zipped(a=CSV, b=CSV)}, "*", (A, B), {}, "the zip archive holds 2 files"
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "pattern", "columns", "source", "sentence"), REFUSED.values(), ids=REFUSED
)
def test_what_misleads_is_refused(tmp_path, files, pattern, columns, source, sentence):
    error = ingested(tmp_path, files, pattern, columns, **source).error
    assert sentence in str(error)
    assert error.fix


def test_the_contract_raises_the_limit_of_packed_files(tmp_path):
    packed = gzip.compress(b"a,b\n" + b"\n" * (70 << 20))
    refused = ingested(tmp_path, {"a.csv.gz": packed}).error
    assert "maxUnpackedMegabytes" in refused.fix
    result = ingested(tmp_path, {"b.zip": zipped(a=CSV)}, "b*", max_unpacked=1 << 20)
    assert result.rows == ROWS
    small = ingested(tmp_path, {"c.zip": zipped(a=CSV * 100_000)}, "c*", max_unpacked=1 << 20)
    assert "more than 1 MB" in str(small.error)


def test_an_archive_with_what_programs_leave(tmp_path):
    left = ("__MACOSX/t/._a.csv", "t/.DS_Store", "t/Thumbs.db", "t/desktop.ini")
    data = zipped(**{"t/a.csv": CSV}, **dict.fromkeys(left, "x"))
    assert ingested(tmp_path, {"a.zip": data}).rows == ROWS


BOOKS = {
    # sheets of a workbook, settings: rows, and the lines and reasons of those refused
    "each sheet": ((HEAD + ONE, HEAD + TWO), {"sheet": "*"}, ROWS, []),
    "sheets by name": ((HEAD + ONE, HEAD + TWO), {"sheet": ("T", "S")}, ROWS[::-1], []),
    "the sheet that fits": ((row(1, "text:notes"), HEAD + ONE), {}, ROWS[:1], []),
    "no header": ((ONE + TWO,), {"header": False}, ROWS, []),
    "a formula without a value": (
        (HEAD + row(2, "f:1+1", "text:x") + TWO,), {}, ROWS[1:], [(2, "column a holds a formula")]
    ),
    "a formula that gives no text": (
        (HEAD + row(2, "n:1", "fstr:A1"),), {}, [{"a": 1, "b": None}], []
    ),
    "formulas that nobody computed": (
        (HEAD + row(2, "f0:A1", "text:x") + TWO,), {"to_compute": True}, ROWS[1:],
        [(2, "whose value was never computed")]
    ),
    "cells merged across columns": (
        (HEAD + row(2, "text:North") + TWO + merged("A2:B2"),), {}, ROWS[1:],
        [(2, "merged with the next one")]
    ),
    "cells merged with the header": (
        (HEAD + row(2, "n:1") + TWO + merged("B1:B2"),), {}, ROWS[1:],
        [(2, "merged with the header")]
    ),
    "empty cells merged": ((HEAD + ONE + TWO + merged("C2:D3"),), {}, ROWS, []),
}  # fmt: skip


@pytest.mark.parametrize(("sheets", "source", "rows", "refused"), BOOKS.values(), ids=BOOKS)
def test_workbooks(tmp_path, sheets, source, rows, refused):
    book = xlsx(*sheets, to_compute=source.get("to_compute", False))
    source = {name: value for name, value in source.items() if name != "to_compute"}
    result = ingested(tmp_path, {"a.xlsx": book}, format="excel", **source)
    assert (result.error, result.rows) == (None, rows)
    assert [line["line"] for line in result.refused] == [line for line, _ in refused]
    for line, (_, reason) in zip(result.refused, refused, strict=True):
        assert reason in line["problems"][0]["reason"]


def test_an_opendocument_sheet(tmp_path):
    spanned = ods_text("x", 'table:number-rows-spanned="2"')
    book = ods(
        ods_text("a") + ods_text("b"),
        ods_text("1") + spanned,
        ods_text("2") + "<table:covered-table-cell/>",
        '<table:table-cell table:formula="of:=1+1"/>' + ods_text("y"),
    )
    result = ingested(tmp_path, {"a.ods": book}, format="excel")
    assert result.rows == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    assert [line["line"] for line in result.refused] == [4]


@pytest.mark.parametrize("deep", [600, 10_000])
def test_values_that_are_nested_too_deep(tmp_path, deep):
    line = '{"a": 1, "b": ' + "[" * deep + "]" * deep + "}\n"
    good = '{"a": 2, "b": "y"}\n{"a": 3, "b": [["["]]}\n'
    result = ingested(tmp_path, {"a.jsonl": line + good}, format="jsonl")
    assert result.rows == [{"a": 2, "b": "y"}, {"a": 3, "b": '[["["]]'}]
    assert "nested more than 100 deep" in result.refused[0]["problems"][0]["reason"]
