from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import people_contract, write
from helpers import real_data
from quickstack.data.readers.blocks import ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.read import read_blocks
from quickstack.data.readers.row_parser import NO_TEXT, NUL, TOO_LONG
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import SourceError


def contract(**source):
    columns = (Column("a", "string"), Column("n", "number"), Column("t", "boolean"))
    return replace(
        people_contract(), columns=columns, source=Source(path="x", format="jsonl", **source)
    )


def read(path, content, rows=1000, **source):
    return list(
        read_blocks(
            Partition(write(path, content), "x"), contract(**source), ReadOptions(rows=rows)
        )
    )


def gather(found):
    rows = [tuple(row.values()) for b in found for row in b.table.to_pylist()]
    places = [p for b in found for p in b.locations(range(b.table.num_rows))]
    return rows, places, [r for b in found for r in b.rejected], sum(b.blank for b in found)


VALUES = {
    "as written": ('{"a": "x", "n": 1.50, "t": true}', ("x", "1.50", "true")),
    "another order": ('{"t": false, "a": "x"}', ("x", None, "false")),
    "absent and null": ('{"a": null}', (None, None, None)),
    "nothing": ("{}", (None, None, None)),
    "empty text": ('{"a": ""}', (None, None, None)),
    "text of a number": ('{"a": 007.0e5}'.replace("007", "7"), ("7.0e5", None, None)),
    "long number": ('{"a": 12345678901234567890123}', ("12345678901234567890123", None, None)),
    "number in quotes": ('{"n": "1.50"}', (None, "1.50", None)),
    "truth as text": ('{"a": true}', ("true", None, None)),
    "nested": (
        '{"a": {"x": [1.0, "ä", null, true], "y": {}}}',
        ('{"x":[1.0,"ä",null,true],"y":{}}', None, None),
    ),
    "escapes": ('{"a": "\\u00e4\\n\\ud83d\\ude00"}', ("ä\n😀", None, None)),
    "blanks around": ('  {"a": "x"} \t', ("x", None, None)),
}


@pytest.mark.parametrize(("line", "expected"), VALUES.values(), ids=VALUES)
def test_values(tmp_path, line, expected):
    assert gather(read(tmp_path / "t.jsonl", line))[0] == [expected]


def test_the_contract_says_how_values_are_written(tmp_path):
    line = '{"a": "NA", "n": 1.5, "t": true}\n{"a": "", "n": "1.5", "t": false}'
    found = read(
        tmp_path / "t.jsonl", line,
        decimal=",", missing=("NA",), true_values=("Y",), false_values=("N",),
    )  # fmt: skip
    assert gather(found)[0] == [(None, "1,5", "Y"), ("", "1.5", "N")]


GOOD = '{"a": "good"}\n'
BROKEN = {
    "no JSON": ('{"a": x}', "it is no JSON: expecting value, at character 7"),
    "single quotes": ("{'a': 1}", "it is no JSON: expecting property name"),
    "cut off": ('{"a": "x', "it is no JSON: unterminated string"),
    "two objects": ('{"a": 1} {"a": 2}', "it is no JSON: extra data"),
    "NaN": ('{"n": NaN}', "not finite"),
    "infinity": ('{"n": -Infinity}', "not finite"),
    "array": ('["x"]', "not an object"),
    "text": ('"x"', "not an object"),
    "number": ("5", "not an object"),
    "key twice": ('{"a": 1, "a": 2}', "a key twice"),
    "key twice, inside": ('{"a": {"b": 1, "b": 2}}', "a key twice"),
    "unknown key": ('{"a": 1, "secret": 2}', "a key that the contract does not name"),
    "bad bytes": (b'{"a": "\xff"}', NO_TEXT),
    "surrogate bytes": (b'{"a": "\xed\xa0\x80"}', NO_TEXT),
    "NUL": (b'{"a": "\0"}', "it is no JSON"),
    "escaped NUL": ('{"a": "x\\u0000"}', NUL),
    "escaped NUL, inside": ('{"a": ["x\\u0000"]}', NUL),
    "half a pair": ('{"a": "\\ud83d"}', "half of a surrogate pair"),
    "half a pair, inside": ('{"a": {"\\udc00": 1}}', "half of a surrogate pair"),
    "too deep": ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested more than 100 deep"),
    "carriage return": (b'{"a": "x\ry"}', "it is no JSON"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_broken_line_is_rejected_alone(tmp_path, line, reason, rows):
    line = line if isinstance(line, bytes) else line.encode()
    content = GOOD.encode() + b"\n" + line + b"\r\n" + GOOD.encode()
    found, places, rejected, blank = gather(read(tmp_path / "t.jsonl", content, rows))
    assert found == [("good", None, None)] * 2
    assert [p.line for p in places] == [1, 4]
    assert blank == 1
    (refused,) = rejected
    assert reason in refused.reason
    assert (refused.location.line, refused.location.offset, refused.location.raw) == (3, 15, line)


def test_no_reason_quotes_a_value(tmp_path):
    lines = "\n".join(
        f'{{"a": "{broken}' for broken in ['Ada"', 'Ada\\q"}', 'Ada", Ada}', 'Ada\x01"}']
    )
    rejected = gather(read(tmp_path / "t.jsonl", lines))[2]
    assert len(rejected) == 4
    assert not any("Ada" in r.reason for r in rejected)


REFUSED = {
    "empty": (b"", "the file is empty"),
    "array": (b'[{"a": 1}]', "one array of JSON"),
    "array over lines": (b'\n [\n{"a": 1}\n]', "one array of JSON"),
    "document": (b'{\n "a": 1\n}\n', "one document of JSON"),
    "page": (b"<!doctype html><html>", "not JSON Lines but an HTML"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "Parquet": (b"PAR1\0\0\0\0", "Parquet"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "UTF-16"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_json_lines_gets_a_sentence(tmp_path, content, sentence):
    with pytest.raises(SourceError, match=sentence) as caught:
        read(tmp_path / "t.jsonl", content)
    assert "t.jsonl" in str(caught.value)
    assert "To fix it" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    content = ('{"a": "ä"}\n' * 3).encode(encoding)
    found, places, _, _ = gather(read(tmp_path / "t.jsonl", content, encoding=encoding))
    assert [row[0] for row in found] == ["ä"] * 3
    mark = {"utf-8-sig": 3, "utf-16": 2}.get(encoding, 0)
    step = (len(content) - mark) // 3
    assert [p.offset for p in places] == [mark, mark + step, mark + 2 * step]


def test_packed(tmp_path):
    content = gzip.compress((GOOD * 3).encode())
    assert len(gather(read(tmp_path / "t.jsonl", content))[0]) == 3


def test_a_line_of_any_length_is_rejected_in_little_memory(tmp_path):
    path = tmp_path / "t.jsonl"
    with path.open("wb") as out:
        out.write(GOOD.encode() + b'{"a": "')
        for _ in range(80):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n' + GOOD.encode())
    tracemalloc.start()
    found, places, rejected, _ = gather(
        list(read_blocks(Partition(path, "x"), contract(), ReadOptions(rows=10)))
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [p.line for p in places] == [1, 3]
    assert len(found) == 2
    assert [(r.location.line, r.reason) for r in rejected] == [(2, TOO_LONG)]
    assert len(rejected[0].location.raw) <= 1000
    assert peak < 80 << 20


def test_blocks_hold_no_more_than_is_asked_for_or_fits(tmp_path):
    found = read(tmp_path / "t.jsonl", GOOD * 10, 4)
    assert [b.table.num_rows for b in found] == [4, 4, 2]
    line = json.dumps({"a": "x" * (1 << 20)}) + "\n"
    found = read(tmp_path / "t.jsonl", line * 40, 1000)
    assert len(found) == 2


@pytest.mark.parametrize(("kind", "cell"), [("integer", "1,234"), ("number", "1,234"),
                                             ("string", "1.234")])  # fmt: skip
def test_a_number_is_never_read_as_if_its_point_parted_thousands(tmp_path, kind, cell):
    wanted = replace(contract(decimal=",", thousands="."), columns=(Column("n", kind),))
    path = write(tmp_path / "t.jsonl", '{"n": 1.234}')
    (block,) = read_blocks(Partition(path, "x"), wanted, ReadOptions(rows=10))
    assert block.table.column("n").to_pylist() == [cell]


def test_real_lines():
    path = real_data("torture/generated/files/json_lines_named_csv.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    names = list(json.loads(lines[0]))
    wanted = replace(contract(), columns=tuple(Column(n, "string") for n in names))
    (block,) = read_blocks(Partition(path, "x"), wanted, ReadOptions(rows=1000))
    assert block.table.num_rows == len(lines)
    assert block.rejected == []
    expected = [json.loads(line, parse_float=str, parse_int=str) for line in lines]
    texts = [
        {k: (str(v).lower() if isinstance(v, bool) else v) or None for k, v in row.items()}
        for row in expected
    ]
    assert block.table.to_pylist() == texts


@given(
    lines=st.lists(st.sampled_from([GOOD, "\n", "{x\n", '{"n": 1}\n', '{"a": "ä"}\r\n', "[]\n"])),
    rows=st.integers(1, 5),
)
def test_the_verdict_does_not_depend_on_blocks(tmp_path_factory, lines, rows):
    path = tmp_path_factory.mktemp("property") / "t.jsonl"
    content = GOOD + "".join(lines)
    whole, parts = gather(read(path, content, 10_000)), gather(read(path, content, rows))
    assert whole == parts
    assert len(whole[0]) + len(whole[2]) + whole[3] == 1 + len(lines)
    data = content.encode()
    for place in [*whole[1], *(r.location for r in whole[2])]:
        assert data[place.offset :].startswith(place.raw)
        assert data.count(b"\n", 0, place.offset) == place.line - 1


@given(st.binary(max_size=200))
def test_any_bytes_end_as_rows_or_as_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "t.jsonl"
    with contextlib.suppress(SourceError):
        read(path, content, 2)
