"""Columns that know the target, and rows that stand on both sides of the split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import real_data
from modeling.cases import ORDERED, TARGETS, make_contract, make_table
from quickstack.facts.contract.model import Column, Split
from quickstack.facts.errors import DataError
from quickstack.models.modeling.features import features
from quickstack.models.modeling.leak_report import look_for_leaks, report, require_answers, told
from quickstack.models.modeling.leaks import find_leaks
from quickstack.models.modeling.overlap import equal_rows, shared_things
from quickstack.models.modeling.split import split_labels

RNG = np.random.default_rng(5)
HONEST = ("plan", "age", "fee", "member", "rating")


def verdicts(table, columns, target="target", task="binary", **more) -> dict[str, str]:
    found = find_leaks(table, target, task, columns, **more)
    return {each.column: each.verdict for each in found}


def look(table, contract):
    labels = split_labels(table, contract)
    return look_for_leaks(table, labels, contract, features(contract, table))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_honest_columns_are_not_suspected(task) -> None:
    table = make_table(task)
    assert verdicts(table, HONEST, task=task) == {}
    assert [each.verdict for each in look(table, make_contract(task))] == []


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_column_that_decides_is_suspected(task) -> None:
    table = make_table(task)
    copied = table["target"] * 3 + 1 if task == "regression" else table["target"].map(hash)
    assert verdicts(table.assign(x=copied), [*HONEST, "x"], task=task) == {"x": "suspected"}
    only = copied.where(table["target"] == table["target"].max())
    if task == "binary":  # filled where it happened, such as a date of leaving
        assert verdicts(table.assign(x=only), ["x"]) == {"x": "suspected"}


def test_strength_asks_and_a_name_suspects() -> None:
    """`duration` ranks bank's target as well as honest columns do: only its name tells."""
    table = make_table(rows=2000)
    case = (table["target"] == "yes").to_numpy()
    near, strong = case + RNG.normal(0, 0.8, 2000), case + RNG.normal(0, 0.45, 2000)
    table = table.assign(
        x=near, duration=near, y=strong, last_duration=near, outcome=RNG.random(2000)
    )
    found = verdicts(table, ["x", "duration", "y", "last_duration", "outcome"])
    assert found == {"duration": "suspected", "y": "asked"}


def test_what_adds_up_to_the_target() -> None:
    table = make_table("regression", 900)
    parts = RNG.gamma(2, 20, (900, 3))
    table = table.assign(a=parts[:, 0], b=parts[:, 1], c=parts[:, 2], target=parts.sum(axis=1))
    named = ["a", "b", "c", "fee", "rating"]
    wanted = dict.fromkeys("abc", "suspected")
    assert verdicts(table, named, task="regression") == wanted
    table.loc[:8, "a"] = -500.0  # a few wrong rows hide nothing
    assert verdicts(table, named, task="regression") == wanted
    product = table.assign(a=parts[:, 0], target=parts[:, 0] * parts[:, 1])
    assert verdicts(product, ["a", "b", "rating"], task="regression") == dict.fromkeys(
        "ab", "suspected"
    )
    noisy = product.assign(target=product["target"] + RNG.normal(0, 60, 900))
    assert "suspected" not in verdicts(noisy, ["a", "b"], task="regression").values()


def test_what_is_missing_where_the_target_is() -> None:
    table = make_table().assign(x=RNG.random(600), z=RNG.random(600))
    table.loc[::7, ["target", "x"]] = None
    table.loc[::14, "z"] = None  # half of them
    assert verdicts(table, [*HONEST, "x", "z"]) == {"x": "suspected"}
    nearly = table.assign(x=table["x"].mask(table.index == 14, 0.5).mask(table.index == 28, 0.5))
    assert verdicts(nearly, [*HONEST, "x"]) == {"x": "asked"}
    empty = make_table()
    empty.loc[::7, ["target", *HONEST]] = None  # rows that hold nothing at all
    assert verdicts(empty, HONEST) == {}


def test_dates_after_the_row() -> None:
    table = make_table()
    later = table["month"] + pd.to_timedelta(RNG.integers(0, 9, 600), "D")
    table = table.assign(left=later, joined=table["month"] - pd.Timedelta("9D"))
    table["closed"] = table["joined"].where(table["target"] == "yes")
    names = ["left", "joined", "closed"]
    found = find_leaks(table, "target", "binary", names, time="month")
    assert [(each.column, each.kind, each.verdict) for each in found] == [
        ("left", "time", "asked"),
        ("closed", "strength", "asked"),
    ]


def test_the_contract_answers() -> None:
    table = make_table().assign(refund=lambda t: (t["target"] == "yes").astype(float))
    columns = tuple(
        replace(c, leaks_target=False) if c.name == "refund" else c for c in make_contract().columns
    )
    contract = make_contract(columns=columns)
    found = look(table, contract)
    with pytest.raises(DataError, match="'refund': alone it ranks") as caught:
        require_answers(found, contract)
    assert "{property: leaksTarget, value: true}" in str(caught.value)
    assert "{property: knownAt, value: before, description:" in str(caught.value)

    reason = "the shop refunds before"
    said = tuple(
        replace(c, known_before=reason) if c.name in ("refund", "fee") else c for c in columns
    )
    answered = look(table, make_contract(columns=said))
    require_answers(answered, contract)
    assert [(each["column"], each["verdict"]) for each in report(answered)] == [
        ("refund", "answered"),
        ("fee", "answered"),
    ]
    assert all(reason in each.evidence for each in answered)
    require_answers(look(table, make_contract()), contract)  # refund leaks the target


def test_equal_rows_are_counted() -> None:
    """299 of 1,031 test rows equalled a training row, and nothing said so."""
    table = make_table("regression", 1000)
    copies = pd.concat([table, table.iloc[::4].assign(id=lambda t: t["id"] + "copy")])
    contract = make_contract("regression")
    found = look(copies.reset_index(drop=True), contract)
    assert [(each.column, each.kind, each.verdict) for each in found] == [(None, "rows", "asked")]
    assert "test rows" in found[0].evidence
    assert told(found, {})[0].startswith("please decide: ")
    keyless = make_contract("regression", columns=(*HONEST_COLUMNS, TARGETS["regression"]))
    assert look(copies.reset_index(drop=True), keyless) == []


HONEST_COLUMNS = tuple(c for c in make_contract().columns if c.name in HONEST)


def test_equal_rows_of_few_values_are_no_question() -> None:
    few = pd.DataFrame({"a": RNG.integers(0, 3, 400), "y": RNG.integers(0, 2, 400)})
    assert [each.verdict for each in equal_rows(few[:200], few[200:])] == ["answered"]


def test_things_on_both_sides() -> None:
    table = make_table().assign(email=[f"person{n % 150}" for n in range(600)])
    found = look(table, make_contract())
    assert [(each.column, each.kind, each.verdict) for each in found] == [
        ("email", "group", "asked")
    ]
    assert "{property: group, value: email}" in found[0].fix
    assert look(table, make_contract(group="email")) == []
    ordered = look(table, make_contract(**ORDERED))  # later rows belong to known persons
    assert "group" not in {each.kind for each in ordered}
    alone = pd.DataFrame({"k": [f"K{n}" for n in range(200)]})
    assert shared_things(alone[:100], alone[100:]) == []


def test_bank_and_telco() -> None:
    bank = pd.read_csv(
        real_data("bank_marketing/bank-additional-full.csv"), sep=";", na_values="unknown"
    )
    assert verdicts(bank, bank.columns, "y") == {"duration": "suspected"}
    telco = pd.read_csv(real_data("telco_churn/Telco-Customer-Churn.csv"))
    telco["TotalCharges"] = pd.to_numeric(telco["TotalCharges"], errors="coerce")
    assert verdicts(telco, telco.columns, "Churn") == {}


def test_bike() -> None:
    bike = pd.read_csv(real_data("bike_sharing/hour.csv"), parse_dates=["dteday"])
    found = verdicts(bike, bike.columns, "cnt", "regression", time="dteday")
    assert found == dict.fromkeys(("casual", "registered"), "suspected")


def test_flights() -> None:
    flights = pd.read_csv(real_data("nycflights13/flights.csv.gz"))
    found = verdicts(flights, flights.columns, "arr_delay", "regression")
    assert found == dict.fromkeys(("arr_time", "air_time"), "suspected")


def test_a_split_by_value_looks_at_both_sides() -> None:
    table = make_table().assign(email=[f"person{n % 150}" for n in range(600)])
    contract = make_contract(split=Split(where=("member", (True,))))
    assert [each.column for each in look(table, contract)] == ["email"]
    assert Column("x", "string").known_before == ""
