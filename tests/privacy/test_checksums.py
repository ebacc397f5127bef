from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy import check_digits as c

# Published examples of each scheme.
VALID = [
    (c.german_tax_id, "86095742719"),
    (c.german_tax_id, "65929970489"),
    (c.french_nir, "255081416802538"),
    (c.spanish_id, "12345678Z"),
    (c.spanish_id, "X1234567L"),
    (c.italian_code, "RSSMRA85T10A562S"),
    (c.italian_code, "MRTMTT91D08F205J"),
    (c.dutch_bsn, "111222333"),
    (c.polish_pesel, "44051401359"),
    (c.belgian_number, "85073003328"),
    (c.brazilian_cpf, "52998224725"),
    (c.finnish_hetu, "131052-308T"),
    (c.swedish_number, "8112189876"),
    (c.american_ssn, "078051120"),
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


@pytest.mark.parametrize(("check", "value"), [v for v in VALID if v[0] is not c.american_ssn])
def test_a_changed_digit_is_noticed(check, value):
    place = max(i for i, letter in enumerate(value[:-1]) if letter.isdigit())
    changed = value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]
    assert not check(changed)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (c.american_ssn, "000123456"),
        (c.american_ssn, "666123456"),
        (c.american_ssn, "900123456"),
        (c.american_ssn, "123001234"),
        (c.american_ssn, "123450000"),
        (c.iban, "DE8937040044053201300"),
        (c.iban, "XX89370400440532013000"),
        (c.card, "0000000000000000"),
        (c.card, "9111111111111111"),
        (c.brazilian_cpf, "11111111111"),
        (c.german_tax_id, "11111111111"),
        (c.swedish_number, "8113189876"),
    ],
)
def test_impossible_numbers_are_refused(check, value):
    assert not check(value)


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
