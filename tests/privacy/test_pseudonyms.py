from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy.normal_form import normal_form, normal_forms
from quickstack.data.privacy.pseudonyms import pseudonymise

KEY, OTHER = b"k" * 32, b"o" * 32


def tokens(values, key=KEY, domain="person"):
    return pseudonymise(pa.array(values), key, domain).to_pylist()


def test_one_value_has_one_pseudonym_and_null_stays_null():
    found = tokens(["ada", "bo", None, "ada"])
    assert found[0] == found[3] != found[1]
    assert found[2] is None
    assert all(len(t) == 32 for t in found if t)


def test_key_and_domain_change_the_pseudonym():
    assert len({*tokens(["ada"]), *tokens(["ada"], OTHER), *tokens(["ada"], KEY, "other")}) == 3


@pytest.mark.parametrize("encode", [False, True])
def test_plain_text_and_dictionaries_give_the_same(encode):
    values = pa.array(["ada", None, "bo", "ada"])
    found = pseudonymise(values.dictionary_encode() if encode else values, KEY, "person")
    assert found.to_pylist() == tokens(["ada", None, "bo", "ada"])
    assert pa.types.is_dictionary(found.type) == encode


def test_a_number_has_the_pseudonym_of_its_digits():
    assert tokens([12]) == tokens(["12"])


@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1))
def test_equal_pseudonyms_mean_equal_values(values):
    found = pseudonymise(pa.array(values, pa.string()), KEY, "d").to_pylist()
    pairs = set(zip(values, found, strict=True))
    assert len(pairs) == len(set(values)) == len(set(found))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna.roe@example.org", " Anna.ROE@Example.org "),
        ("Zoë Straße", "ZOE\u0308  STRASSE"),
        ("anna", "\uff21nna"),
        ("anna", "an\u200bna"),
        ("DE12 3456", "de123456"),
        ("anna. roe @example.org", "anna.roe@example.org"),
        ("Anna Roe", "anna\u00a0roe"),
    ],
)
def test_spellings_of_one_value_have_one_normal_form(one, other):
    assert normal_form(one) == normal_form(other)


def test_a_blank_that_parts_two_names_stays():
    assert normal_form("Jo Anna") != normal_form("Joanna")


@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1))
def test_normal_forms_are_the_same_by_any_way_and_stay(values):
    wanted = [None if value is None else normal_form(value) for value in values]
    column = pa.array(values, pa.string())
    later = pa.concat_arrays([column] * 2)[len(column) :]
    for written in (column, column.dictionary_encode(), later):
        assert normal_forms(written).to_pylist() == wanted
    found = normal_forms(column.dictionary_encode()).dictionary.to_pylist()
    assert len(found) == len(set(found))
    assert [value and normal_form(value) for value in wanted] == wanted
