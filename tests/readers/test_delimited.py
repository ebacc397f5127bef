from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import HEADER, people_contract, write
from quickstack.data.quality.parse import record_test
from quickstack.data.readers.blocks import ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import SourceError

CONTRACT = people_contract()
GOOD = "1,Ada,a,1.5,2024-01-01\n"
NAMES = [column.name for column in CONTRACT.columns]


def read(path, content, size=1 << 20, contract=CONTRACT, ahead=1, **source):
    """Read chunk by chunk: (line, offset, cells), rejected rows with reasons, blank lines."""
    write(path, content)
    contract = replace(contract, source=Source(path="x", **source))
    options = ReadOptions(size=size, ahead=ahead, record_test=record_test(contract))
    rows, rejected, blank = [], [], 0
    for block in read_blocks(Partition(path, "a"), contract, options):
        locations = block.locations(range(block.table.num_rows)) if block.table.num_rows else []
        for location, row in zip(locations, block.table.to_pylist(), strict=True):
            rows.append((location.line, location.offset, list(row.values())))
        rejected += [(r.location.line, r.location.offset, r.reason) for r in block.rejected]
        blank += block.blank
    return rows, rejected, blank


CASES = {
    # the rows after the header: their good lines, rejected lines, and blank count
    "plain": (GOOD * 3, [2, 3, 4], [], 0),
    "no last line end": (GOOD + GOOD.rstrip(), [2, 3], [], 0),
    "carriage returns": (GOOD.replace("\n", "\r\n") * 2, [2, 3], [], 0),
    "blank lines": ("\n" + GOOD + "\n\n" + GOOD, [3, 6], [], 3),
    "too few cells": (GOOD + "2,Bo\n" + GOOD, [2, 4], [3], 0),
    "too many cells": (GOOD + "2,Bo,a,1,2024-01-01,x\n" + GOOD, [2, 4], [3], 0),
    "quoted delimiter": ('2,"Bo, jr",a,1,2024-01-01\n', [2], [], 0),
    "escaped quote": ('2,"Bo ""x""",a,1,2024-01-01\n', [2], [], 0),
    "line end in a cell": ('2,"Bo\njr",a,1,2024-01-01\n' + GOOD, [2, 4], [], 0),
    "unclosed quote": ('2,"Bo,a,1,2024-01-01\n' + GOOD * 3, [3, 4, 5], [2], 0),
    "unclosed quote at the end": (GOOD + '2,"Bo,a,1,2024-01-01\n', [2], [3], 0),
    "unclosed quote before a quoted cell": (
        '2,"Bo,a,1,2024-01-01\n3,"Cy",a,1,2024-01-01\n' + GOOD,
        [3, 4],
        [2],
        0,
    ),
    "quote in the middle of a cell": ('2,B"o",a,1,2024-01-01\n' + GOOD, [2, 3], [], 0),
    "NUL byte": (GOOD + "2,B\0o,a,1,2024-01-01\n" + GOOD, [2, 4], [3], 0),
    "header only": ("", [], [], 0),
}


@pytest.mark.parametrize(("body", "good", "rejected", "blank"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 40, 1 << 20])
def test_every_line_is_read_rejected_or_blank(tmp_path, body, good, rejected, blank, size):
    found, refused, blanks = read(tmp_path / "a.csv", HEADER + body, size)
    assert [line for line, _, _ in found] == good
    assert [line for line, _, _ in refused] == rejected
    assert blanks == blank
    lines = (HEADER + body).split("\n")
    for line, offset, _ in [*found, *refused]:
        assert offset == sum(len(text) + 1 for text in lines[: line - 1])


def test_cells_arrive_as_written(tmp_path):
    body = '2,"Bo, ""jr""\nof X",a,1,2024-01-01\n'
    found, _, _ = read(tmp_path / "a.csv", HEADER + body)
    assert found == [(2, len(HEADER), ["2", 'Bo, "jr"\nof X', "a", "1", "2024-01-01"])]


def test_bytes_that_are_no_text_reject_their_row_only(tmp_path):
    content = (HEADER + GOOD).encode() + b"2,B\xff,a,1,2024-01-01\n" + GOOD.encode()
    found, refused, _ = read(tmp_path / "a.csv", content)
    assert [line for line, _, _ in found] == [2, 4]
    reason = "it holds bytes that are no text in the declared encoding"
    assert refused == [(3, len(HEADER) + len(GOOD), reason)]


def test_a_row_that_an_unclosed_quote_would_swallow_is_kept(tmp_path):
    body = '2,"Bo,a,1,2024-01-01\n3,Cy,b,2,2024-01-02\n4,Di",a,1,2024-01-01\n'
    found, refused, _ = read(tmp_path / "a.csv", HEADER + body)
    assert [line for line, _, _ in found] == [3, 4]
    assert [line for line, _, _ in refused] == [2]


def test_a_letter_with_commas_is_no_swallowed_row(tmp_path):
    body = '2,"Dear, kind, old, Sir, hello\none, two, three, four, five\nbye",a,1,2024-01-01\n'
    found, refused, _ = read(tmp_path / "a.csv", HEADER + body)
    assert ([line for line, _, _ in found], refused) == ([2], [])


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", ("\ufeff" + HEADER + "2,Åsa,a,1,2024-01-01\n").encode()),
        ("latin-1", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("latin-1")),
        ("utf-16", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("utf-16")),
        ("utf-16-be", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("utf-16-be")),
        ("cp1252", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("cp1252")),
    ],
)
def test_encodings(tmp_path, encoding, content):
    found, _, _ = read(tmp_path / "a.csv", content, encoding=encoding)
    assert found[0][2][1] == "Åsa"
    row = {"utf-16": "utf-16-le"}.get(encoding, encoding)
    assert content[found[0][1] :].decode(row).startswith("2,Åsa")


@pytest.mark.parametrize("size", [1, 64, 1 << 20])
def test_a_broken_pair_of_utf16_rejects_its_row_only(tmp_path, size):
    body = HEADER.encode("utf-16-le") + GOOD.encode("utf-16-le")
    body += "2,B".encode("utf-16-le") + b"\x00\xd8" + ",a,1,2024-01-01\n".encode("utf-16-le")
    last = len(body)
    body += GOOD.encode("utf-16-le")
    found, refused, _ = read(tmp_path / "a.csv", body, size, encoding="utf-16-le")
    assert [(line, offset) for line, offset, _ in found][-1] == (4, last)
    assert [line for line, _, _ in refused] == [3]


DIALECTS = {
    "lone carriage returns": (HEADER + GOOD * 2, {}, lambda t: t.replace("\n", "\r")),
    "trailing delimiter": (HEADER + GOOD * 2, {}, lambda t: t.replace("\n", ",\n")),
    "tab": (HEADER + GOOD * 2, {"delimiter": "\t"}, lambda t: t.replace(",", "\t")),
    "blank after comma": (
        HEADER + GOOD * 2, {"skip_initial_space": True}, lambda t: t.replace(",", ", ")
    ),
    "single quotes": (HEADER + GOOD * 2, {"quote": "'"}, lambda t: t.replace("Ada", "'Ada'")),
    "no quotes": (HEADER + GOOD * 2, {"quote": ""}, lambda t: t),
    "lines before the header": (
        HEADER + GOOD * 2, {"skip_lines": 2}, lambda t: 'report "x\nof, today\n' + t
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "source", "change"), DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_dialects(tmp_path, text, source, change, size):
    found, refused, _ = read(tmp_path / "a.csv", change(text), size, **source)
    assert [cells for _, _, cells in found] == [["1", "Ada", "a", "1.5", "2024-01-01"]] * 2
    assert refused == []


def test_backslash_escapes(tmp_path):
    body = HEADER + '2,"Bo \\"x\\", jr",a,1,2024-01-01\n'
    found, _, _ = read(tmp_path / "a.csv", body, escape="\\")
    assert found[0][2][1] == 'Bo "x", jr'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (HEADER, "the header stands here again"),
        ("2,B\0o,a,1,2024-01-01\n", "it holds a NUL byte"),
        ("2,B\ro,a,1,2024-01-01\n", "it holds a carriage return that ends no line"),
        ("2,Bo\n", "2 cells where the header has 5"),
        ('2,"Bo"x,a,1,2024-01-01\n', "a quote is not closed, or misplaced"),
    ],
)
def test_why_a_row_is_rejected(tmp_path, line, reason):
    found, refused, _ = read(tmp_path / "a.csv", HEADER + GOOD + line + GOOD)
    assert [number for number, _, _ in found] == [2, 4]
    assert [(number, why) for number, _, why in refused] == [(3, reason)]


def test_a_line_without_end_is_rejected_without_being_held(tmp_path, monkeypatch):
    for module in ("chunks", "row_parser", "fast_parser", "dialect"):
        monkeypatch.setattr(f"quickstack.data.readers.{module}.MAX_ROW_BYTES", 500)
    content = HEADER + GOOD + "2," + "x" * 5_000 + ",a,1,2024-01-01\n" + GOOD
    for size in (16, 100, 500):
        found, refused, _ = read(tmp_path / "a.csv", content, size)
        assert [line for line, _, _ in found] == [2, 4]
        assert [line for line, _, _ in refused] == [3]
        assert found[-1][1] == len(content) - len(GOOD)


def test_a_row_over_chunks_before_a_line_without_end_is_whole(tmp_path, monkeypatch):
    """However many chunks are parsed before it is seen that the row goes on."""
    for module in ("chunks", "row_parser", "fast_parser", "dialect"):
        monkeypatch.setattr(f"quickstack.data.readers.{module}.MAX_ROW_BYTES", 500)
    letter = "".join(f"line {i}\n" for i in range(20))
    content = (
        HEADER + GOOD + f'2,"{letter}",a,1,2024-01-01\n' + GOOD + "3," + "x" * 900 + "\n" + GOOD
    )
    whole = read(tmp_path / "a.csv", content)
    assert [line for line, _, _ in whole[0]] == [2, 3, 24, 26]
    assert [line for line, _, _ in whole[1]] == [25]
    for size in (10, 16, 40, 100, 200):
        for ahead in (1, 2, 4, 9):
            assert read(tmp_path / "a.csv", content, size, ahead=ahead) == whole


BAD_FILES = {
    "empty": (b"", "the file is empty"),
    "blank first line": (b"\n" + HEADER.encode(), "the first line is empty"),
    "wrong delimiter": (
        HEADER.replace(",", ";").encode(),
        "holds 0 of the contract's 5 column names (1 cells, split at ',')",
    ),
    "missing column": (b"id,name,kind,amount\n", "not have column day"),
    "unknown column": (HEADER.strip().encode() + b",extra\n", "holds column extra"),
    "column twice": (b"id,name,kind,amount,day,day\n", "names column day more than once"),
    "not the encoding": (HEADER.encode("utf-16"), "the file is UTF-16 text"),
    "no name": (b"id,,name,kind,amount,day\n", "column 2 of 6 has no name"),
    "page": (b"<!DOCTYPE html><html>", "an HTML or XML page"),
    "JSON": (b'{"id": 1}', "not delimited text but JSON"),
    "git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "a git LFS pointer"),
    "binary": (bytes(range(256)) * 9, "binary data"),
}


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path, content, sentence):
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.csv", content)
    assert sentence in str(caught.value)
    assert "a.csv" in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_the_mark_of_utf_8_tells_it_from_other_encodings(tmp_path):
    path = write(tmp_path / "a.csv", b"\xef\xbb\xbf" + HEADER.encode())
    contract = replace(CONTRACT, source=replace(CONTRACT.source, encoding="latin-1"))
    with pytest.raises(SourceError, match=r"is UTF-8 text.*write `encoding: utf-8`"):
        next(read_blocks(Partition(path, "a"), contract))


def test_a_missing_file_gets_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"gone.csv: the file is missing"):
        next(read_blocks(Partition(tmp_path / "gone.csv", "gone"), CONTRACT))


def test_data_in_the_place_of_a_header_are_not_quoted(tmp_path):
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.csv", "1,Ada Lovelace,a,1.5,2024-01-01\n")
    assert "Ada" not in str(caught.value)


def test_columns_may_come_in_another_order(tmp_path):
    contract = replace(CONTRACT, columns=tuple(reversed(CONTRACT.columns)))
    found, _, _ = read(tmp_path / "a.csv", HEADER + GOOD, contract=contract)
    assert found[0][2] == ["1", "Ada", "a", "1.5", "2024-01-01"]


PIECES = st.lists(
    st.sampled_from(
        [
            GOOD, "\n", "\r\n", "2,x\n", '3,"a\nb",a,1,2024-01-01\n', '4,"open,a,1,2024-01-01\n',
            '5,"a ""b"", c",a,1,2024-01-01\r\n', '"', ",", "\r", "x", HEADER, "\0", "é", "\xff",
            '6,"l1\nl2\nl3",a,1,2024-01-01\n', '7,"x\n1,Ada,a,1.5,2024-01-01\ny",a,1,2024-01-01\n',
        ]
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=150)
@given(pieces=PIECES, size=st.integers(1, 200))
def test_the_verdict_on_a_row_does_not_depend_on_where_the_file_is_cut(
    tmp_path_factory, pieces, size
):
    path = tmp_path_factory.mktemp("property") / "a.csv"
    content = (HEADER + "".join(pieces)).encode("latin-1")
    whole = read(path, content, 1 << 20)
    assert read(path, content, size) == whole
    # Nothing stands before the first row, and no two rows begin at one place.
    rows, rejected, _ = whole
    offsets = sorted(offset for _, offset, *_ in [*rows, *rejected])
    assert len(set(offsets)) == len(offsets)
    before = content[len(HEADER) : offsets[0] if offsets else len(content)]
    assert not before.strip(b"\r\n")


@settings(max_examples=100)
@given(pieces=PIECES)
def test_the_fast_parser_and_the_row_parser_agree(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("property") / "a.csv"
    content = (HEADER + "".join(pieces)).encode("latin-1")
    fast = read(path, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quickstack.data.readers.fast_parser.well_formed", lambda *_: None)
        assert read(path, content) == fast


FOUND = {
    "a line longer than a chunk after an open quote": b'a,b,c\n"\n\x00,"',
    "a mark of byte order inside": b'a,b,c\n\xef\xbb\xbf1,2,3\n;,\x00 a b"x"',
}


@pytest.mark.parametrize("content", FOUND.values(), ids=FOUND)
def test_what_fuzzing_found(tmp_path, content):
    columns = tuple(Column(name, "string", classification="public") for name in "abc")
    contract = replace(CONTRACT, columns=columns)
    whole = read(tmp_path / "a.csv", content, contract=contract)
    for size in range(1, 40):
        assert read(tmp_path / "a.csv", content, size, contract=contract) == whole
