"""Text as programs write it: without a header, with comments, in columns of fixed width, …"""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples import people_contract, write
from quickstack.data.quality.parse import record_test
from quickstack.data.readers.blocks import ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.read import read_blocks
from quickstack.data.readers.rewrite import write_without
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import SourceError

CONTRACT = people_contract(columns=(Column("a", "integer"), Column("b", "string")))
HEAD, XYZ = "a,b\n", [["1", "x"], ["2", "y"], ["3", "z"]]
WHOLE = "a,b\n1,x\n2,y\n3,z\n"
BOM = "\ufeff"


def contract_of(**source):
    return replace(CONTRACT, source=Source(path="x", **source))


def read(path, content, size=1 << 20, **source):
    """Return the cells of the rows, and the line and reason of those that were refused."""
    contract = contract_of(**source)
    options = ReadOptions(size=size, record_test=record_test(contract))
    rows, refused, places = [], [], []
    for block in read_blocks(Partition(write(path, content), "a"), contract, options):
        rows += [list(row.values()) for row in block.table.to_pylist()]
        refused += [(r.location.line, r.reason) for r in block.rejected]
        places += block.locations(range(block.table.num_rows)) if block.table.num_rows else []
    return rows, refused, places


US, RS = "\x1f", "\x1e"
TOLD = "the first line names the columns"
RETURN, AGAIN = "a carriage return that ends no line", "the header stands here again"
BARE = {"header": False}
RIGHT = {
    # content, settings, rows
    "no header": ("1,x\n2,y\n3,z\n", BARE, XYZ),
    "no header, trailing delimiter": ("1,x,\n2,y,\n3,z,\n", BARE, XYZ),
    "no header, lines to skip": ("by\nus\n1,x\n2,y\n3,z\n", BARE | {"skip_lines": 2}, XYZ),
    "no header, one row": ("1,x", BARE, XYZ[:1]),
    "unit separator": (WHOLE.replace(",", US), {"delimiter": US}, XYZ),
    "record separator": (WHOLE.replace(",", RS), {"delimiter": RS}, XYZ),
    "start of heading": (WHOLE.replace(",", "\x01"), {"delimiter": "\x01"}, XYZ),
    "two letters": (WHOLE.replace(",", "||"), {"delimiter": "||"}, XYZ),
    "three letters": (WHOLE.replace(",", "|~|"), {"delimiter": "|~|"}, XYZ),
    "no ASCII": (WHOLE.replace(",", "¦"), {"delimiter": "¦"}, XYZ),
    "two letters, quoted": (
        'a::b\n1::"x::y"\n2::"say ""y"""\n', {"delimiter": "::"}, [["1", "x::y"], ["2", 'say "y"']]
    ),
    "two letters, single one inside": ("a||b\n1||x|y\n", {"delimiter": "||"}, [["1", "x|y"]]),
    "comments": ("# by us\na,b\n1,x\n#,\n2,y\n3,z\n# end", {"comment": "#"}, XYZ),
    "comments of two letters": ("a,b\n1,x\n-- 2,y\n2,y\n3,z\n", {"comment": "--"}, XYZ),
    "comment with a quote": ('a,b\n1,x\n# it"s\n2,y\n3,z\n', {"comment": "#"}, XYZ),
    "comments before no header": ("# x\n1,x\n2,y\n3,z\n", BARE | {"comment": "#"}, XYZ),
    "mark in a cell": ('a,b\n1,"x\n# y"\n2,y\n', {"comment": "#"}, [["1", "x\n# y"], XYZ[1]]),
    "fixed width": ("a  b  \n1  x  \n 2   y\n3  z\n", {"widths": (3, 3)}, XYZ),
    "fixed width, no header": ("1  x\n2  y\n3  z", {"widths": (3, 3), "header": False}, XYZ),
    "fixed width, letters": ("1é x\n", {"widths": (2, 2), "header": False}, [["1é", "x"]]),
    "CR inside quotes": ('a,b\n1,"x\ry"\n2,z\n', {}, [["1", "x\ry"], ["2", "z"]]),
    "CRs inside quotes, CRLF": ('a,b\r\n1,"x\r\ry"\r\n2,z\r\n', {}, [["1", "x\r\ry"], ["2", "z"]]),
    "mixed line ends": ("a,b\n1,x\r2,y\r\n3,z\n", {}, XYZ),
    "mixed line ends from the header": ("a,b\r1,x\n2,y\r3,z", {}, XYZ),
    "doubled CR": ("a,b\r\r\n1,x\r\r\n2,y\r\r\n3,z\r\r\n", {}, XYZ),
    "Ctrl-Z in a line of its own": (WHOLE.replace("\n", "\r\n") + "\x1a", {}, XYZ),
    "Ctrl-Z behind the last cell": (WHOLE.rstrip() + "\x1a", {}, XYZ),
    "Ctrl-Z, several": (WHOLE + "\x1a\x1a\x1a", {}, XYZ),
    "Ctrl-Z and a line end": (WHOLE + "\x1a\r\n", {}, XYZ),
    "mark inside": (HEAD + "1,x\n" + BOM + "2,y\n3,z\n", {}, XYZ),
    "mark before a quoted cell": (HEAD + "1,x\n" + BOM + '2,"y"\n3,z\n', {}, XYZ),
    "mark before skipped lines": (BOM + "by us\na,b\n1,x\n", {"skip_lines": 1}, XYZ[:1]),
    "missing by escape": (
        "a,b\n1,\\N\n2,\\\\N\n3,x\\,y\n",
        {"escape": "\\", "missing": ("\\N",), "quote": ""}, [["1", None], ["2", None], ["3", "x,y"]]
    ),
    "missing by escape, quoted": (
        'a,b\n1,\\N\n2,"N\\"N"\n3,"\\\\,\\N"\n',
        {"escape": "\\", "missing": ("\\N",)}, [["1", None], ["2", 'N"N'], ["3", "\\,N"]]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "source", "rows"), RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_every_cell_is_read(tmp_path, content, source, rows, size):
    found, refused, places = read(tmp_path / "d.csv", content, size, **source)
    assert (found, refused) == (rows, [])
    data = content.encode()
    for place in places:
        assert data[place.offset : place.offset + len(place.raw)] == place.raw


@pytest.mark.parametrize("content", [c for c, *_ in RIGHT.values()], ids=RIGHT)
def test_each_row_can_be_taken_out(tmp_path, content):
    source = next(s for c, s, _ in RIGHT.values() if c == content)
    rows, _, places = read(tmp_path / "d.csv", content, **source)
    for number, place in enumerate(places[: len(rows) - 1 or None]):
        target = tmp_path / f"without-{number}.csv"
        write_without(Partition(tmp_path / "d.csv", "a"), contract_of(**source), [place], target)
        if len(rows) > 1 or source.get("header", True):
            left, refused, _ = read(target, target.read_bytes(), **source)
            assert (left, refused) == (rows[:number] + rows[number + 1 :], [])


REFUSED = {
    "a CR that ends no row": ("a,b\n1\r,x\n3,z\n", {}, [(2, RETURN)]),
    "a header again behind a mark": (
        WHOLE + BOM + WHOLE,
        {},
        [(5, AGAIN)],
    ),
    "a short line of fixed width": ("a  b\n1  x\n2\n", {"widths": (3, 3)}, [(3, "1 cells where")]),
    "a long line of fixed width": ("a  b\n1  x  y\n", {"widths": (3, 3)}, [(2, "3 cells where")]),
    "a cell too few": ("a||b\n1|x\n", {"delimiter": "||"}, [(2, "1 cells where the header has 2")]),
}


@pytest.mark.parametrize(("content", "source", "wanted"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_row_is_refused(tmp_path, content, source, wanted):
    _, refused, _ = read(tmp_path / "d.csv", content, **source)
    assert [line for line, _ in refused] == [line for line, _ in wanted]
    for (_, reason), (_, part) in zip(refused, wanted, strict=True):
        assert part in reason


STOPPED = {
    "a header where none is declared": (WHOLE, BARE, TOLD),
    "widths of other columns": ("a  b\n", {"widths": (3, 3, 3)}, "2 columns, and columnWidths"),
    "no header where one is declared": ("1,x\n", {}, "`header: false`"),
    "an invisible letter": ("a,b\u200b\n1,x\n", {}, "cannot be seen (U+200B)"),
    "upper case": ("A,B\n1,x\n", {}, "upper and lower case"),
    "blanks": ("a, b\n1,x\n", {}, "blanks"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "source", "sentence"), STOPPED.values(), ids=STOPPED)
def test_a_header_that_is_not_as_declared(tmp_path, content, source, sentence):
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "d.csv", content, **source)
    assert sentence in str(caught.value)


def test_files_appended_in_utf16_keep_no_mark(tmp_path):
    content = WHOLE.encode("utf-16") + "4,p\n".encode("utf-16")
    rows, refused, _ = read(tmp_path / "d.csv", content, encoding="utf-16")
    assert (rows, refused) == ([*XYZ, ["4", "p"]], [])
