from __future__ import annotations

from dataclasses import replace

import pytest

from examples import people_contract
from quickstack.data.privacy.pseudonyms import pseudonymise
from quickstack.facts.contract import Column
from quickstack.facts.errors import QuickstackError
from quickstack.guard.erasing.subject import find_subject

KEYS = {"a": bytes(range(32)), "b": bytes(range(1, 33))}
ORDERS = people_contract(
    id="orders",
    columns=(Column("buyer", "string", personal="pseudonym", domain="person"),
             Column("id", "integer", key_position=1)),
)  # fmt: skip


def token(value, key, domain="person"):
    import pyarrow as pa

    return pseudonymise(pa.array([value]), key, domain).to_pylist()[0]


def test_a_subject_has_a_pseudonym_under_every_key():
    found = find_subject([people_contract()], KEYS, column="id", values=[" P1 ", ""])
    assert found.values == ("P1",)
    # Version 1 takes no blanks away, and keeps the case; version 2 does neither.
    texts = ("P1", " P1 ", "p1")
    assert {token(text, key) for key in KEYS.values() for text in texts} < set(found.tokens)
    assert len(found.tokens) == 9, "and under the published key of the sample"


def test_columns_of_the_same_domain_name_the_subject_in_every_table():
    contract = people_contract(tables=(ORDERS,))
    found = find_subject([contract], KEYS, column="id", values=["P1"])
    assert [(t.contract.id, t.columns) for t in found.tables] == [
        ("people", ("id",)), ("orders", ("buyer",)),
    ]  # fmt: skip


def test_a_column_that_is_dropped_is_searched_in_raw_data_only():
    found = find_subject([people_contract()], KEYS, column="name", values=["Ada"])
    assert found.tokens == ()
    assert found.tables[0].columns == ("name",)
    assert not found.distinctive, "three letters stand anywhere"
    assert find_subject(
        [people_contract()], KEYS, column="name", values=["Ada Lovelace"]
    ).distinctive


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("nobody", ["P1"], "is in no contract"),
        ("amount", ["P1"], "is not personal"),
        ("id", ["", " "], "no value was given"),
    ],
)
def test_what_names_nobody_is_refused(column, values, sentence):
    with pytest.raises(QuickstackError, match=sentence) as caught:
        find_subject([people_contract()], KEYS, column=column, values=values)
    assert "P1" not in str(caught.value)


def test_the_mark_depends_on_key_and_person():
    one, two = (
        find_subject([people_contract()], KEYS, column="id", values=[v]) for v in ("P1", "P2")
    )
    marks = {s.mark(key) for s in (one, two) for key in KEYS.values()}
    assert len(marks) == 4
    assert all(len(mark) == 16 for mark in marks)
    # A key that comes or goes changes the pseudonyms, and not the mark.
    assert replace(one, tokens=()).mark(KEYS["a"]) == one.mark(KEYS["a"])
