"""What a contract says about its rows: which test, what they belong to, what they count."""

from __future__ import annotations

import pytest

from contract.shop import CONTRACT, NOTE, load, refused
from quickstack.facts.contract import Split

SHARE = "  - {property: testShare, value: 0.2}\n"
KEY = "        primaryKey: true\n"


def said(name, value, mark=""):
    return CONTRACT, CONTRACT + f"  - {{property: {name}, value: {value}}}{mark}\n"


def classes(task, value, mark=""):
    """Make the truth value `paid` the target, with a cost for each class."""
    more = f"  - {{property: classCost, value: {value}}}{mark}\n"
    positive = "  - {property: positiveLabel, value: true}\n" if task == "binary" else ""
    return (
        (CONTRACT, CONTRACT.replace("regression", task) + positive + more),
        ("target, value: amount", "target, value: paid"),
    )


def known(value, mark="", name="knownAt"):
    line = f"          - {{property: {name}, value: {value}}}{mark}\n"
    return NOTE, NOTE + "        customProperties:\n" + line


def test_roles_of_columns(tmp_path):
    contract = load(tmp_path, said("group", "customer"), said("sampleWeight", "weight"))
    assert (contract.group, contract.entity, contract.weight) == ("customer", "customer", "weight")
    assert load(tmp_path).entity is None
    second = ("      - name: paid\n", "      - name: paid\n        primaryKey: true\n")
    assert load(tmp_path, second).entity == "number"


def test_ways_to_choose_the_test_rows(tmp_path):
    where = "  - {property: testWhere, value: {column: note, value: [a, b]}}\n"
    assert load(tmp_path, (SHARE, where)).split == Split(where=("note", ("a", "b")))
    one = where.replace("note", "paid").replace("[a, b]", "true")
    assert load(tmp_path, (SHARE, one)).split == Split(where=("paid", (True,)))
    assert load(tmp_path, (KEY, "")).split == Split(share=0.2)
    time = "  - {property: timeColumn, value: sold}\n  - {property: period, value: month}\n"
    grouped = said("group", "customer")
    assert load(tmp_path, grouped, (SHARE, SHARE + time)).split == Split(share=0.2)


def test_a_cost_moves_the_threshold(tmp_path):
    contract = load(tmp_path, *classes("binary", "{true: 4}"))
    assert contract.class_cost == {True: 4.0}
    assert contract.decision.threshold == pytest.approx(0.2)
    assert load(tmp_path, *classes("multiclass", "{false: 2}")).class_cost == {False: 2.0}


def test_a_reason_for_a_column_that_is_known_before(tmp_path):
    reason = "before, description: the clerk writes it first"
    assert load(tmp_path, known(reason)).column("note").known_before == "the clerk writes it first"
    assert load(tmp_path).column("note").known_before == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (said("group", "custmer", " # §"), "group 'custmer' cannot be used; did you mean"),
        (said("group", "postcode", " # §"), "name another column that ingest keeps"),
        (said("sampleWeight", "amount", " # §"), "sampleWeight 'amount' cannot be used"),
        (said("sampleWeight", "note", " # §"), "is not a number"),
        (said("classCost", "{1: 2}", " # §"), "needs a binary or multiclass task"),
        (known("before", " # §"), "needs a reason; write `{property: knownAt, value: before, des"),
        (known("after, description: x", " # §"), "must be one of: before"),
        (known("up", " # §", "monotone"), "must be one of: increasing, decreasing"),
        (known("increasing", " # §", "monotone"), "is no number, so it has no direction"),
        ((SHARE, "  - {property: testWhere, value: {column: paid, value: 3}} # §\n"), "boolean"),
        ((SHARE, "  - {property: testWhere, value: {column: sold, value: x}} # §\n"), "testFrom"),
        ((SHARE, "  - {property: testWhere, value: {column: gone, value: x}} # §\n"), "'gone' c"),
    ],
)
def test_mistakes(tmp_path, change, sentence):
    refused(tmp_path, sentence, change)


@pytest.mark.parametrize(
    ("cost", "sentence"),
    [
        ('{"yes": 2}', "not a class"),
        ("{true: 0}", "a number above 0"),
        ("{true: much}", "a number above 0"),
    ],
)
def test_wrong_costs(tmp_path, cost, sentence):
    refused(tmp_path, sentence, *classes("binary", cost, " # §"))


def test_a_position_leaves_rows_to_train_on(tmp_path):
    rows = "  - {property: rowsPerPeriod, value: 3}\n"
    first = "  - {property: testFromRow, value: 0} # §\n"
    refused(tmp_path, "counted from 0", (SHARE, rows + first))
