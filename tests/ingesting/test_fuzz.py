"""No file and no contract makes ingest crash, hang, lose a line, or judge by where it cut.

This is the small version; `tests/prove/fuzz_ingest.py` runs the same for minutes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from torture.fuzz import Example, check, check_whole, examples, kept_seeds

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=150, suppress_health_check=SLOW)
@given(example=examples())
def test_whatever_the_bytes(example):
    check(example)


@settings(max_examples=25, suppress_health_check=SLOW)
@given(example=examples())
def test_whatever_the_bytes_through_the_whole_engine(example):
    check_whole(example)


@pytest.mark.parametrize("name", list(kept_seeds()))
def test_what_once_found_something(name):
    check(kept_seeds()[name])
    check_whole(kept_seeds()[name])


def test_a_loss_would_be_noticed(monkeypatch):
    """The checks themselves: a reader that drops a line, or judges by the cut, does not pass."""
    from quickstack.data.readers import row_parser

    example = Example(b'a,b\n1,2\n3,"4\n5,6\n', (("a", "integer"), ("b", "integer")))
    seen = check(example)
    assert "quote is not closed" in seen.refused
    real = row_parser.read_rows

    def losing(data, layout, **more):
        rows = real(data, layout, **more)
        return replace(rows, rejected=[])

    monkeypatch.setattr(row_parser, "read_rows", losing)
    with pytest.raises(AssertionError, match=r"lines are accounted for|blocks of"):
        check(example)
