from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import struct
import zipfile
from dataclasses import replace

import pytest

from examples import people_contract, write
from helpers import real_data
from quickstack.data.readers import archives
from quickstack.data.readers.blocks import ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import SourceError
from readers.workbooks import ods, ods_text, row, xlsx

COLUMNS = (
    Column("a", "string"),
    Column("n", "number"),
    Column("t", "boolean"),
    Column("d", "date", format="dd.MM.yyyy"),
    Column("m", "timestamp", format="yyyy-MM-dd HH:mm:ss"),
)
HEADER = row(1, "text:a", "text:n", "text:t", "text:d", "text:m")


def contract(columns=COLUMNS, **source):
    return replace(
        people_contract(), columns=columns, source=Source(path="x", format="excel", **source)
    )


def read(path, data, rows=1000, wanted=None, **source):
    wanted = wanted or contract(**source)
    return list(read_blocks(Partition(write(path, data), "x"), wanted, ReadOptions(rows=rows)))


def gather(found):
    rows = [tuple(r.values()) for b in found for r in b.table.to_pylist()]
    lines = [p.line for b in found for p in b.locations(range(b.table.num_rows))]
    return rows, lines, [r for b in found for r in b.rejected], sum(b.blank for b in found)


CELLS = {
    "plain": (("text:x", "n:1.5", "b:1", "s1:45351", "s2:45351.5"),
              ("x", "1.5", "true", "2024-02-29", "2024-02-29T12:00:00")),
    "gaps": (("", "n:1", "", "", ""), (None, "1", None, None, None)),
    "whole numbers": (("n:1234567890123456", "n:1e17", "b:0", "", ""),
                      ("1234567890123456", str(10**17), "false", None, None)),
    "noise stays": (("", "n:0.30000000000000004", "", "", ""),
                    (None, "0.30000000000000004", None, None, None)),
    "truth in text": (("b:1", "", "", "", ""), ("true", None, None, None, None)),
    "date in text": (("s1:45351", "", "", "", ""), ("2024-02-29", None, None, None, None)),
    "midnight": (("s2:45351", "", "", "s2:45351", "s1:45351"),
                 ("2024-02-29", None, None, "2024-02-29", "2024-02-29")),
    "a time of day where a date belongs": (("", "", "", "s2:45351.5", ""),
                                           (None, None, None, "2024-02-29T12:00:00", None)),
    "a part of a second": (("", "", "", "", "s2:45351.000001"),
                           (None, None, None, None, "2024-02-29T00:00:00.086000")),
    "a time": (("s3:0.5", "", "", "", ""), ("12:00:00", None, None, None, None)),
    "text as typed": (("text:007", "text:1,5", "text:yes", "text:soon", ""),
                      ("007", "1,5", "yes", "soon", None)),
    "text like an error": (("text:#DIV/0!", "", "", "", ""), ("#DIV/0!", None, None, None, None)),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), CELLS.values(), ids=CELLS)
def test_cells(tmp_path, cells, expected):
    rows, lines, rejected, blank = gather(read(tmp_path / "t.xlsx", xlsx(HEADER + row(2, *cells))))
    assert (rows, lines, rejected, blank) == ([expected], [2], [], 0)


def test_the_contract_says_how_values_are_written(tmp_path):
    data = xlsx(HEADER + row(2, "text:NA", "n:1.5", "b:1"))
    found = read(
        tmp_path / "t.xlsx", data,
        decimal=",", missing=("NA",), true_values=("Y",), false_values=("N",),
    )  # fmt: skip
    assert gather(found)[0] == [(None, "1,5", "Y", None, None)]


def test_a_whole_number_that_no_float_holds_for_certain_says_so(tmp_path):
    columns = (Column("a", "integer"),)
    data = xlsx(row(1, "text:a") + row(2, "n:9007199254740993") + row(3, "n:9007199254740991"))
    found = read(tmp_path / "t.xlsx", data, wanted=contract(columns))
    assert gather(found)[0] == [("9.0071992547409920e+15",), ("9007199254740991",)]


def test_times_a_millisecond_off_a_second_are_that_second(tmp_path):
    """Days add up to fractions that no second has: 45658 + 1/288 + 1/288 + …"""
    serials, day = [], 45_658.0
    for _ in range(2000):
        serials.append(day)
        day += 5 / 1440
    rows = [row(i, "", "", "", "", f"s2:{serial!r}") for i, serial in enumerate(serials, start=2)]
    (block,) = read(tmp_path / "t.xlsx", xlsx(HEADER + "".join(rows)), 5000)
    start = dt.datetime(2025, 1, 1)
    wanted = [start + i * dt.timedelta(minutes=5) for i in range(2000)]
    found = [dt.datetime.fromisoformat(v) for v in block.table.column(4).to_pylist()]
    assert found == wanted
    assert block.iso[block.table.column_names[4]] == list(range(2000))


def test_an_ods_keeps_its_milliseconds_tabs_and_line_ends(tmp_path):
    text = "a<text:tab/>b<text:line-break/>c"
    cell = (
        '<table:table-cell office:value-type="date" office:date-value="2024-02-29T12:00:00.001"/>'
    )
    found = read(
        tmp_path / "t.ods",
        ods(
            "".join(map(ods_text, ("a", "n", "t", "d", "m"))),
            ods_text(text) + 3 * "<table:table-cell/>" + cell,
        ),
    )
    assert gather(found)[0] == [("a\tb\nc", None, None, None, "2024-02-29T12:00:00.001000")]


REJECTED = {
    "an error": (("text:x", "e:#DIV/0!"), "column n holds an error of the workbook"),
    "only an error": (("e:#N/A",), "column a holds an error of the workbook"),
    "a day that never was": (("text:x", "", "", "s1:60"), "28 or 29 February 1900"),
    "a number as text": (("n:12345678901234567",), "with more digits than a cell keeps"),
    "a cell too many": (("text:x", "", "", "", "", "n:1"), "behind the last column"),
    "an error too many": (("text:x", "", "", "", "", "e:#REF!"), "behind the last column"),
}


@pytest.mark.parametrize(("cells", "reason"), REJECTED.values(), ids=REJECTED)
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_row_that_cannot_be_used_is_rejected_alone(tmp_path, cells, reason, rows):
    data = xlsx(HEADER + row(2, "text:x") + row(4, *cells) + row(6, "text:y"))
    found, lines, rejected, blank = gather(read(tmp_path / "t.xlsx", data, rows))
    assert [r[0] for r in found] == ["x", "y"]
    assert lines == [2, 6]
    assert blank == 2
    assert [r.location.line for r in rejected] == [4]
    assert reason in rejected[0].reason
    assert rejected[0].location.offset is None
    assert set(json.loads(rejected[0].location.raw)) - {reason} == {"a", "n", "t", "d", "m"}


def test_errors_of_formulas_and_cells_without_an_address(tmp_path):
    formula = '<row r="2"><c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
    bare = '<row><c t="inlineStr"><is><t>x</t></is></c><c t="e"><v>#N/A</v></c></row>'
    _, _, rejected, _ = gather(read(tmp_path / "t.xlsx", xlsx(HEADER + formula + bare)))
    assert [r.location.line for r in rejected] == [2, 3]
    assert ["column a" in r.reason for r in rejected] == [True, False]


def test_sheets_and_lines_before_the_header(tmp_path):
    top = row(1, "text:Report") + row(3, "text:a")
    data = xlsx(HEADER, top + row(4, "text:x"))
    wanted = contract(COLUMNS[:1], sheet="T", skip_lines=2)
    rows, lines, _, _ = gather(read(tmp_path / "t.xlsx", data, wanted=wanted))
    assert (rows, lines) == ([("x",)], [4])


def test_empty_columns_behind_the_header(tmp_path):
    data = xlsx(row(1, "text:a", "", "text:") + row(2, "text:x"))
    assert gather(read(tmp_path / "t.xlsx", data, wanted=contract(COLUMNS[:1])))[0] == [("x",)]


def text(name):
    return Column(name, "string")


EXPECTED = ["text", "date", "integer", "boolean", "float", "datetime", "empty_column"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("test.xlsx", {}),
        ("test.xls", {}),
        ("test_skip_lines.xlsx", {"skip_lines": 3}),
        ("test_skip_lines.xls", {"skip_lines": 3}),
        ("sheets.xlsx", {"sheet": "data"}),
        ("sheets.xls", {"sheet": "data"}),
    ],
)
def test_real_workbooks(name, settings):
    path = real_data(f"torture/csvkit_examples/{name}")
    wanted = contract(tuple(text(n) for n in EXPECTED), **settings)
    rows, _, rejected, _ = gather(
        list(read_blocks(Partition(path, "x"), wanted, ReadOptions(rows=1000)))
    )
    # One row has a cell behind the last column.
    assert [r.reason for r in rejected] == ["a cell stands behind the last column"]
    assert len(rows) == 4
    assert rows[0] == (
        "Chicago Reader", "1971-01-01", "40", "true", "1", "1971-01-01T04:14:00", None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["dummy.xlsx", "dummy.xls"])
def test_real_numbers(name):
    path = real_data(f"torture/csvkit_examples/{name}")
    wanted = contract((text("a"), text("b"), text("c")))
    assert gather(list(read_blocks(Partition(path, "x"), wanted)))[0] == [("1", "2", "3")]


@pytest.mark.parametrize("computed", [False, True])
def test_an_error_in_an_old_workbook(tmp_path, computed):
    data = real_data("torture/csvkit_examples/dummy.xls").read_bytes()
    # The row 1, 2, 3 as one record; instead of it a 1 and an error, which fill as many bytes.
    at = data.index(struct.pack("<HHHH", 0x00BD, 24, 1, 0))
    if computed:
        error = struct.pack("<HHHHHBBBBHHHIH", 6, 24, 1, 1, 15, 2, 0, 7, 0, 0, 0xFFFF, 0, 0, 2)
        new = error[:26] + bytes(2)
    else:
        one = struct.pack("<HHHHHI", 0x027E, 10, 1, 0, 15, 0x3FF00000)
        new = one + struct.pack("<HHHHHBBH", 0x0205, 10, 1, 1, 15, 7, 1, 0)
    assert len(new) == 28
    wanted = contract((text("a"), text("b"), text("c")))
    data = data[:at] + new + data[at + 28 :]
    rows, _, rejected, _ = gather(read(tmp_path / "t.xls", data, wanted=wanted))
    assert rows == []
    assert [r.reason for r in rejected] == ["column b holds an error of the workbook"]


def test_open_document(tmp_path):
    error = (
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" '
        'office:string-value="" calcext:value-type="error"><text:p>#DIV/0!</text:p>'
        "</table:table-cell>"
    )
    number = '<table:table-cell office:value-type="float" office:value="1.5"/>'
    empty = '<table:table-cell table:number-columns-repeated="16382"/>'
    data = ods(
        ods_text("a") + ods_text("n") + empty,
        ods_text("x") + number + empty,
        ods_text("y") + error,
        '<table:table-row table:number-rows-repeated="1048573"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>',
    )
    wanted = contract(COLUMNS[:2])
    rows, lines, rejected, _ = gather(read(tmp_path / "t.ods", data, wanted=wanted))
    assert (rows, lines) == ([("x", "1.5")], [2])
    assert [(r.location.line, r.reason) for r in rejected] == [
        (3, "column n holds an error of the workbook")
    ]


FAR = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
WIDE = (
    '<table:table-row table:number-rows-repeated="1048576">'
    + ods_text("x", 'table:number-columns-repeated="16384"')
    + "</table:table-row>"
)
REFUSED = {
    "empty": (b"", {}, "the file is empty"),
    "text": (b"a,b\n1,2\n", {}, "not a workbook but text"),
    "page": (b"<html><table>", {}, "not a workbook but an HTML"),
    "Parquet": (b"PAR1\0\0", {}, "not a workbook but a Parquet"),
    "no sheet of that name": (xlsx(HEADER), {"sheet": "X"}, "has no sheet 'X'"),
    "no header": (xlsx(""), {}, "row 1, which should name the columns, is empty"),
    "header elsewhere": (xlsx(HEADER), {"skip_lines": 3}, "row 4, which should name"),
    "other names": (xlsx(row(1, "text:x")), {}, "holds 0 of the contract's 5 column names"),
    "cell far away": (xlsx(HEADER + FAR), {}, "spans more than 32 million cells"),
    "repeated cells": (ods(WIDE), {}, "spans more than 32 million cells"),
    "cut off": (xlsx(HEADER)[:-30], {}, "damaged or cut off"),
    "no XML": (xlsx(HEADER + "<row"), {}, "the workbook is damaged"),
    "old, cut off": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), {}, "is damaged"),
}


@pytest.mark.parametrize(("data", "source", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_usable_workbook_gets_a_sentence(tmp_path, data, source, sentence):
    with pytest.raises(SourceError, match=sentence) as caught:
        read(tmp_path / "t.xlsx", data, **source)
    assert "t.xlsx" in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    data = xlsx(HEADER + " " * (8 << 20))
    assert len(data) * archives.MAX_RATIO < 8 << 20
    with pytest.raises(SourceError, match="unpacks to more than"):
        read(tmp_path / "t.xlsx", data)


def test_a_binary_workbook_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.bin", "")
    with pytest.raises(SourceError, match=r"save it as \.xlsx"):
        read(tmp_path / "t.xlsb", out.getvalue())


def test_any_changed_byte_ends_as_rows_or_as_a_sentence(tmp_path):
    for original in (
        xlsx(HEADER + row(2, "text:x", "n:1")),
        real_data("torture/csvkit_examples/dummy.xls").read_bytes(),
    ):
        for position in range(0, len(original), max(1, len(original) // 150)):
            data = bytearray(original)
            data[position] ^= 0xFF
            with contextlib.suppress(SourceError):
                read(tmp_path / "t.xlsx", bytes(data))
