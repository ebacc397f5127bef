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


DATE = {"type": "date", "format": "%Y-%m-%d"}
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
    (Column("c", "timestamp", format="%Y-%m-%d", maximum="2024-01-01 12:00:00"),
     ["2024-01-02", "2024-01-01"], {"maximum": [0]}),
    (Column("c", "string", min_length=2, max_length=3), ["a", "åß", "abcd"], {"length": [2]}),
    (Column("c", "string", pattern="^C[0-9]+$"), ["C1", "D1", "xC1"], {"pattern": [1, 2]}),
    (Column("c", "string"), ["anything", ""], {}),
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


def test_a_pattern_that_cannot_be_run_is_the_contracts_mistake():
    with pytest.raises(ContractError, match="uses what RE2 does not have"):
        broken(Column("c", "string", pattern="(?<=a)b"), ["ab"])
