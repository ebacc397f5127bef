from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
