from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import HEADER, people_contract, write
from quickstack.contract import Source
from quickstack.errors import SourceError
from quickstack.sources.delimited import DelimitedFile

CONTRACT = people_contract()
GOOD = "1,Ada,a,1.5,2024-01-01\n"


def read(path, content, rows=2, **source):
    file = DelimitedFile(write(path, content), Source(path="x", **source))
    return list(file.blocks(CONTRACT, rows))


def gather(blocks):
    rows = [(line, row) for b in blocks for line, row in zip(b.lines, b.rows, strict=True)]
    return rows, [r for b in blocks for r in b.rejected], sum(b.blank for b in blocks)


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
@pytest.mark.parametrize("rows", [1, 1000])
def test_every_line_is_read_rejected_or_blank(tmp_path, body, good, rejected, blank, rows):
    found, refused, blanks = gather(read(tmp_path / "a.csv", HEADER + body, rows))
    assert [line for line, _ in found] == good
    assert [r.line for r in refused] == rejected
    assert blanks == blank
    assert all(r.reason for r in refused)


def test_cells_arrive_as_written(tmp_path):
    body = '2,"Bo, ""jr""\nof X",a,1,2024-01-01\n'
    (found, _, _) = gather(read(tmp_path / "a.csv", HEADER + body))
    assert found == [(2, ["2", 'Bo, "jr"\nof X', "a", "1", "2024-01-01"])]


def test_bytes_that_are_no_text_reject_their_row_only(tmp_path):
    content = (HEADER + GOOD).encode() + b"2,B\xff,a,1,2024-01-01\n" + GOOD.encode()
    found, refused, _ = gather(read(tmp_path / "a.csv", content))
    assert [line for line, _ in found] == [2, 4]
    assert [(r.line, r.reason) for r in refused] == [
        (3, "it holds bytes that are no text in the declared encoding")
    ]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", ("\ufeff" + HEADER + "2,Åsa,a,1,2024-01-01\n").encode()),
        ("latin-1", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("latin-1")),
        ("utf-16", (HEADER + "2,Åsa,a,1,2024-01-01\n").encode("utf-16")),
    ],
)
def test_encodings(tmp_path, encoding, content):
    found, _, _ = gather(read(tmp_path / "a.csv", content, encoding=encoding))
    assert found[0][1][1] == "Åsa"


BAD_FILES = {
    "empty": (b"", "the file is empty"),
    "blank first line": (b"\n" + HEADER.encode(), "the first line is empty"),
    "wrong delimiter": (
        HEADER.replace(",", ";").encode(),
        "holds 0 of the contract's 5 column names (1 cells, split at ',')",
    ),
    "missing column": (b"id,name,kind,amount\n", "lacks column day"),
    "unknown column": (HEADER.strip().encode() + b",extra\n", "holds column extra"),
    "column twice": (b"id,name,kind,amount,day,day\n", "names column day more than once"),
    "not the encoding": (HEADER.encode("utf-16"), "1:"),
}


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path, content, sentence):
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.csv", content)
    assert sentence in str(caught.value)
    assert "a.csv" in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_a_missing_file_gets_a_sentence(tmp_path):
    file = DelimitedFile(tmp_path / "gone.csv", Source(path="x"))
    with pytest.raises(SourceError, match=r"gone.csv: the file is missing"):
        list(file.blocks(CONTRACT, 1))


def test_data_in_the_place_of_a_header_are_not_quoted(tmp_path):
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.csv", "1,Ada Lovelace,a,1.5,2024-01-01\n")
    assert "Ada" not in str(caught.value)


def test_columns_may_come_in_another_order(tmp_path):
    contract = replace(CONTRACT, columns=tuple(reversed(CONTRACT.columns)))
    file = DelimitedFile(write(tmp_path / "a.csv", HEADER + GOOD), Source(path="x"))
    assert next(iter(file.blocks(contract, 5))).rows == [["1", "Ada", "a", "1.5", "2024-01-01"]]


LINES = st.lists(
    st.sampled_from([GOOD, "\n", "2,x\n", '3,"a\nb",a,1,2024-01-01\n', '4,"open,a,1,2024-01-01\n']),
    max_size=12,
)


@given(lines=LINES, rows=st.integers(1, 5))
def test_the_verdict_on_a_row_does_not_depend_on_block_size(tmp_path_factory, lines, rows):
    path = tmp_path_factory.mktemp("property") / "a.csv"
    whole = gather(read(path, HEADER + "".join(lines), 10_000))
    parts = gather(read(path, HEADER + "".join(lines), rows))
    assert whole == parts
