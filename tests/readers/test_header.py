from __future__ import annotations

import pytest

from examples import people_contract
from quickstack.data.readers.header import check_header
from quickstack.facts.contract import Column
from quickstack.facts.errors import SourceError

NAMES = ["id", "name", "kind", "amount", "day"]
WRONG = {
    "lacks one": (NAMES[:-1], "not have column day, which the contract names"),
    "one more": ([*NAMES, "x"], "holds column x, which the contract does not name"),
    "no name": ([*NAMES, ""], "column 6 of 6 has no name"),
    "blank name": ([*NAMES, "  "], "column 6 of 6 has no name"),
    "twice": ([*NAMES, "day"], "names column day more than once"),
    "others": (["Ada", "Bo"], "holds 0 of the contract's 5 column names (2 cells, split at ';')"),
}


@pytest.mark.parametrize(("header", "sentence"), WRONG.values(), ids=WRONG)
def test_a_header_that_is_not_the_contracts(header, sentence):
    with pytest.raises(SourceError) as caught:
        check_header(header, people_contract(), "f:1", ";")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("f:1: ")
    assert "Ada" not in str(caught.value)


def test_accents_may_be_put_together_in_two_ways():
    columns = (*people_contract().columns[:4], Column("t\u00e4g", "string"))
    with pytest.raises(SourceError, match=r"differs .* in how letters and their accents"):
        check_header([*NAMES[:4], "ta\u0308g"], people_contract(columns=columns), "f:1", ";")


def test_lines_before_the_header_can_be_named():
    with pytest.raises(SourceError, match="say in `skipLines` how many lines stand before"):
        check_header(["# of 2024"], people_contract(), "f:1", ";")


def test_order_does_not_matter():
    check_header(NAMES[::-1], people_contract(), "f:1", ";")


def test_a_format_without_delimiter_has_another_remedy():
    with pytest.raises(SourceError, match="correct the names in the contract"):
        check_header(["x"], people_contract(), "f")
