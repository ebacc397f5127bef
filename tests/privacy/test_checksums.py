from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy import check_digits as c
from quickstack.data.privacy.detect import holds

# Published examples of each scheme.
VALID = [
    (c.iban, "DE89370400440532013000"),
    (c.iban, "gb82west12345698765432"),
    (c.iban, "NO9386011117947"),
    (c.card, "4111111111111111"),
    (c.card, "378282246310005"),
    (c.card, "30569309025904"),
    (c.card, "2223003122003222"),
    (c.card, "3530111333300000"),
]


@pytest.mark.parametrize(("check", "value"), VALID)
def test_published_examples_are_valid(check, value):
    assert check(value)


@pytest.mark.parametrize(("check", "value"), VALID)
def test_a_changed_digit_is_noticed(check, value):
    place = max(i for i, letter in enumerate(value[:-1]) if letter.isdigit())
    changed = value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]
    assert not check(changed)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (c.iban, "DE8937040044053201300"),
        (c.iban, "XX89370400440532013000"),
        (c.card, "0000000000000000"),
        (c.card, "9111111111111111"),
    ],
)
def test_impossible_numbers_are_refused(check, value):
    assert not check(value)


#: Published examples as people write them; those that need a word before them have one.
NATIONAL = [
    "Steuer-ID 86095742719",
    "Steuer-ID 65 929 970 489",
    "255081416802538",
    "2 55 08 14 168 025 38",
    "12345678Z",
    "12345678-Z",
    "X1234567L",
    "X-1234567-L",
    "RSSMRA85T10A562S",
    "burgerservicenummer 111222333",
    "PESEL 44051401359",
    "85.07.30-033.28",
    "529.982.247-25",
    "131052-308T",
    "personnummer 811218-9876",
    "19811218-9876",
    "SSN 536-90-4399",
    "SSN 536 90 4399",
]


@pytest.mark.parametrize("text", NATIONAL)
def test_national_numbers_are_found_and_a_changed_digit_is_noticed(text):
    assert holds("national_id", text)
    if "SSN" not in text and "burger" not in text:  # nine digits may be an SSN, which has no check
        place = max(i for i, letter in enumerate(text[:-1]) if letter.isdigit())
        changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        assert not holds("national_id", changed)


@pytest.mark.parametrize("text", ["SSN 000-12-3456", "SSN 666-12-3456", "SSN 123-00-1234"])
def test_numbers_that_nobody_is_given_are_no_finding(text):
    assert not holds("national_id", text)


def test_a_short_card_needs_a_word_that_says_so():
    assert not c.card("630427373398") or c.card("630427373398", named=True)
    assert c.card("501864667909", named=True)
    assert not c.card("501864667909")


@given(st.lists(st.integers(0, 10**19 - 1), max_size=50))
def test_whole_columns_get_the_verdict_of_each_number(numbers):
    # A few that are valid, whatever is drawn.
    numbers = [*numbers, 4111111111111111, 378282246310005, 30569309025904, 4222222222222]
    found = c.cards(np.array(numbers, np.uint64))
    for number, verdict in zip(numbers, found.tolist(), strict=True):
        assert verdict or not c.card(str(number))
        if verdict:
            assert c.luhn(str(number))
