from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy.detect import KINDS, detect, detect_integers, suspicious_name

PERSONAL = [
    ("ada@example.org", "email"),
    ("write to <Ada.L+x@mail.example.co.uk>, please", "email"),
    ("jürgen@müller.de", "email"),
    ("+49 (0)30 123456-7", "phone"),
    ("001-649-554-9026x730", "phone"),
    ("(0151)4960409", "phone"),
    ("Please call Sean James back on 01632960735", "phone"),
    ("Phone:\n60-56-85-91", "phone"),
    ("reach me at 411.674.9690", "phone"),
    ("03.93.92.16.85", "phone"),
    ("IBAN gb82 west 1234 5698 7654 32 please", "iban"),
    ("DE89370400440532013000", "iban"),
    ("4111 1111 1111 1111", "card"),
    ("Card 378282246310005 was declined", "card"),
    ("card 501864667909 was declined", "card"),
    ("login from 3.13.84.35 at night", "ip"),
    ("140.180.15.247", "ip"),
    ("http://140.180.15.247:80/x", "ip"),
    ("2001:db8::8a2e:370:7334", "ip"),
    ("563e:9bed:4510:358:acc6:d8f3:c74c:7ccf", "ip"),
    ("c2:2c:9f:aa:07:d1", "mac"),
    ("C2-2C-9F-AA-07-D1", "mac"),
    ("my SSN is 536-90-4399", "national_id"),
    ("AB 12 34 56 C", "national_id"),
    ("12345678Z", "national_id"),
    ("RSSMRA85T10A562S", "national_id"),
    ("2 55 08 14 168 025 38", "national_id"),
    ("Steuer-ID: 86 095 742 719", "national_id"),
    ("85.07.30-033.28", "national_id"),
    ("529.982.247-25", "national_id"),
    ("131052-308T", "national_id"),
    ("121017A661H", "national_id"),
    ("08-195 436 93", "phone"),
    ("(+358) 414052877", "phone"),
]
HARMLESS = [
    "",
    "9290810033907573",
    "3783266166303",
    "1734828680981",
    "15c1d2df-a996-4aef-812d-0ea67ff12229",
    "ad12abcd-1234-4abc-8def-be1234567890",
    "8.13.17.29",
    "release 124.0.0.1",
    "Chrome/124.0.0.0 Safari/537.36",
    "333-88-5087",
    "58.335351,-10.804581",
    "+58.335351",
    "2024-05-11 10:30:00.123456",
    "11.05.2024 10:30",
    "01-02-2020",
    "12:34:56",
    "1,234,567.89",
    "1 234 567,89",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "logo@2x.png",
    "lodash@4.17.21",
    "std::vector<int>",
    "1Z 061 947 83 8979 914 6",
    "Invoice 2023-04-11 / 5049003479593764 is paid",
    "please call about order 123456789",
    "978-3-16-148410-0",
    "50.7.1.2.3",
]


def kinds(value, name=""):
    found = detect(pa.array([value], pa.string()), name)
    assert tuple(found) == KINDS
    return {kind for kind, mask in found.items() if mask[0]}


@pytest.mark.parametrize(("value", "kind"), PERSONAL)
def test_a_personal_value_is_found_as_what_it_is(value, kind):
    assert kinds(value) == {kind}


@pytest.mark.parametrize(("value", "kind"), PERSONAL)
def test_and_inside_a_text_too(value, kind):
    assert kind in kinds(f"Hello, {value} - thanks")


@pytest.mark.parametrize("value", HARMLESS)
def test_what_only_looks_like_it_is_not_found(value):
    assert kinds(value) == set()


@pytest.mark.parametrize(
    ("value", "name", "kind"),
    [
        ("333-88-5087", "ssn", "national_id"),
        ("ZZ 792622 T", "national_id", "national_id"),
        ("3093171452", "phoneNumber", "phone"),
        ("8.13.17.29", "client_ip", "ip"),
        ("501864667909", "card_number", "card"),
    ],
)
def test_the_name_of_the_column_says_what_a_number_is(value, name, kind):
    assert kinds(value) == set()
    assert kinds(value, name) == {kind}


def test_whole_numbers_are_cards_or_what_the_name_says():
    values = pa.array([4111111111111111, 4111111111111112, 1734828680981, 5, -4111111111111111])
    found = detect_integers(values)
    assert found["card"].tolist() == [True, False, False, False, False]
    assert not any(mask.any() for kind, mask in found.items() if kind != "card")
    assert detect_integers(pa.array([333885087]), "ssn")["national_id"].all()
    assert not detect_integers(pa.array([], pa.int64()))["card"].any()


def test_a_null_holds_nothing():
    assert not any(mask.any() for mask in detect(pa.array([None, None], pa.string())).values())


@given(st.randoms(use_true_random=False), st.lists(st.text(max_size=12), max_size=5))
def test_the_verdict_on_a_value_does_not_depend_on_its_neighbours(shuffle: random.Random, others):
    expected = {value: {kind} for value, kind in PERSONAL} | {value: set() for value in HARMLESS}
    values = [*expected, *others]
    shuffle.shuffle(values)
    found = detect(pa.array(values, pa.string()))
    for row, value in enumerate(values):
        if value in expected:
            assert {kind for kind in KINDS if found[kind][row]} == expected[value]


@given(st.text(alphabet="0123456789 -+.():/@xXaAzZ", max_size=40))
def test_any_text_gets_the_same_verdict_alone_and_in_company(text):
    alone = kinds(text)
    found = detect(pa.array(["x@y.org", text, "4111111111111111"]))
    assert {kind for kind in KINDS if found[kind][1]} == alone


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email_address", "email"),
        ("EmailAddress", "email"),
        ("Telefon", "phone"),
        ("dateOfBirth", "birth_date"),
        ("date_of_birth", "birth_date"),
        ("GivenName", "name"),
        ("customer_first_name", "name"),
        ("soc_sec_id", "national_id"),
        ("SSN", "national_id"),
        ("ZipCode", "postcode"),
        ("StreetAddress", "street"),
        ("Straße", "street"),
        ("suburb", "city"),
        ("product_name", None),
        ("session", None),
        ("capacity", None),
        ("cellar", None),
        ("", None),
    ],
)
def test_the_names_of_columns_that_hold_personal_data(name, kind):
    assert suspicious_name(name) == kind
