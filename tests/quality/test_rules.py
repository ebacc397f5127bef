from __future__ import annotations

import pyarrow as pa
import pytest

from quickstack.data.quality.parse import parse_column
from quickstack.data.quality.row_checks import check_column
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import ContractError


def checked(column, cells, *, encode=False):
    text = pa.array([cell or None for cell in cells], pa.string())
    text = text.dictionary_encode() if encode else text
    return check_column(column, *parse_column(column, text, Source(path="x")))


def broken(column, cells, *, encode=False):
    return {b.rule: b.rows.tolist() for b in checked(column, cells, encode=encode)}


DATE = {"type": "date", "format": "yyyy-MM-dd"}
CASES = [
    (Column("c", "integer"), ["1", "x", ""], {"type": [1]}),
    (Column("c", "integer", required=True), ["1", "x", ""], {"type": [1], "required": [2]}),
    (Column("c", "string", allowed=("a", "b")), ["a", "c", ""], {"allowed": [1]}),
    (Column("c", "integer", allowed=(1, 2)), ["1", "3"], {"allowed": [1]}),
    (Column("c", "number", minimum=0, maximum=1), ["0", "-1", "1", "2"],
     {"minimum": [1], "maximum": [3]}),
    (Column("c", "integer", exclusive_minimum=0, exclusive_maximum=9), ["0", "1", "9"],
     {"minimum": [0], "maximum": [2]}),
    (Column("c", minimum="2024-01-01", **DATE), ["2023-12-31", "2024-01-01"], {"minimum": [0]}),
    (Column("c", "timestamp", format="yyyy-MM-dd", maximum="2024-01-01 12:00:00"),
     ["2024-01-02", "2024-01-01"], {"maximum": [0]}),
    (Column("c", "string", min_length=2, max_length=3), ["a", "åß", "abcd"], {"length": [2]}),
    (Column("c", "string", pattern="^C[0-9]+$"), ["C1", "D1", "xC1"], {"pattern": [1, 2]}),
    (Column("c", "string"), ["anything", ""], {}),
    (Column("c", "integer", multiple_of=5), ["0", "-10", "7", "5.0", ""], {"multiple": [2]}),
    (Column("c", "integer", multiple_of=2.5), ["5", "6"], {"multiple": [1]}),
    (Column("c", "number", multiple_of=0.1), ["0.3", "0.7", "-1.1", "0.35", "1e15"],
     {"multiple": [3]}),
    (Column("c", "number", multiple_of=0.01), ["19.99", "1234567.89", "0.005"], {"multiple": [2]}),
    (Column("c", "integer", format="i8"), ["127", "-128", "128"], {"format": [2]}),
    (Column("c", "integer", format="u16"), ["65535", "-1"], {"format": [1]}),
    (Column("c", "integer", format="i64"), ["9223372036854775807", "-9223372036854775808"], {}),
    (Column("c", "number", format="f32"), ["3.4e38", "3.5e38"], {"format": [1]}),
    (Column("c", "integer", maximum=2**53 + 1), [str(2**53 + 1), str(2**53 + 2)],
     {"maximum": [1]}),
    (Column("c", "integer", minimum=1.5, exclusive_maximum=3.5),
     [str(2**63 - 1), "3", "2", "1", str(-(2**63))], {"minimum": [3, 4], "maximum": [0]}),
    (Column("c", "integer", format="f64"), [str(2**63 - 1)], {}),
    (Column("c", "string", min_length=1, max_length=10**30), ["a", "abc"], {}),
    (Column("c", "number", multiple_of=1e-300), ["1e22"], {}),
    (Column("c", "number", allowed=(1, 2.5)), ["1.0", "2.5", "2"], {"allowed": [2]}),
    (Column("c", "timestamp", minimum="2024-07-01T12:00:00+02:00"),
     ["2024-07-01 10:00:00", "2024-07-01 09:59:59"], {"minimum": [1]}),
    (Column("c", "timestamp", zone="Europe/Berlin", minimum="2024-07-01 12:00:00"),
     ["2024-07-01 12:00:00", "2024-07-01T09:59:59Z"], {"minimum": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cells", "expected"), CASES)
@pytest.mark.parametrize("encode", [False, True])
def test_each_rule_finds_its_rows_and_no_others(column, cells, expected, encode):
    found = broken(column, cells, encode=encode)
    if "length" in expected:
        # "too short" and "too long" are one rule; the last one found stands here.
        assert found == {"length": [2]}
        assert len(checked(column, cells, encode=encode)) == 2
    else:
        assert found == expected


FORMATS = [
    ("email", ["a.b+c@example.org", "müller@exämple.de"], ["a@b", "a@@b.de", "a b@c.de", "@b.de"]),
    ("uuid", ["123e4567-E89B-12d3-a456-426614174000"],
     ["not-a-uuid", "123e4567e89b12d3a456426614174000"]),
    ("uri", ["https://a.example/x?y=%20#z", "urn:isbn:1", "mailto:a@b"],
     ["a.example", "http://a b", "x:%2"]),
    ("hostname", ["a.example-1.org", "localhost"], ["-a.org", "a_b.org", "a..b", "x" * 64]),
    ("ipv4", ["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4"]),
    ("ipv6",
     ["::", "::1", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::8"],
     ["1:2:3:4:5:6:7", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", ":1"]),
    ("byte", ["YQ==", "YWI=", "YWJj"], ["YQ=", "Y", "Y*Jj"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "right", "wrong"), FORMATS)
def test_formats_of_texts(name, right, wrong):
    column = Column("c", "string", format=name)
    assert broken(column, right) == {}
    assert broken(column, wrong, encode=True) == {"format": list(range(len(wrong)))}


def test_a_pattern_that_cannot_be_run_is_the_contracts_mistake():
    with pytest.raises(ContractError, match="uses what RE2 does not have"):
        broken(Column("c", "string", pattern="(?<=a)b"), ["ab"])
