"""The shape of a cell says what is wrong with it, and nothing of its value."""

from __future__ import annotations

import pytest

from quickstack.data.quality.shapes import shape
from quickstack.facts.contract.time_patterns import compile_pattern


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("31/12/2024 9:05", "d/M/yyyy H:mm"),
        ("12/31/24", "M/d/yy"),
        ("1.2.2024", "d.M.yyyy"),
        ("2024-02-30T23:59:59.123+02:00", "yyyy-M-d'T'H:mm:ss.SSSXXX"),
        ("1/2/2024 9:05 PM", "d/M/yyyy h:mm a"),
        ("", "empty"),
        ("  ", "blanks"),
        ("12,50 EUR", "99,99 aaa"),
        ("Grüße-77@exämple.org", "aaaa…-99@aaaa….aaa"),
        ("a\x00b\tc", "a\\u0000a\\u0009a"),
        ("+49 30 1234567", "+99 99 9999…"),
        ("٣٤", "99"),
        ("-" * 90, "-" * 40 + "…"),
    ],
)
def test_shapes(text, expected):
    assert shape(text) == expected


@pytest.mark.parametrize("text", ["31/12/2024 9:05", "12/31/24", "2024-2-3 1:02:03 am", "5.6.2024"])
def test_a_pattern_can_be_the_format_of_the_column(text):
    assert compile_pattern(shape(text)).regex
