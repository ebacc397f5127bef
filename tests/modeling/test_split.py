"""The split is stable when rows are added; periods sort in the order of time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.cases import ORDERED, TARGETS, make_contract, make_table
from quickstack.facts.contract.model import Column, Split
from quickstack.facts.errors import DataError
from quickstack.models.modeling.features import unused_columns
from quickstack.models.modeling.split import count_rows, period_labels, split_columns, split_labels

#: Enough keys that both sides of a split by share have some.
SOME = [f"always-{number}" for number in range(40)]


def keyed(keys) -> pd.DataFrame:
    return pd.DataFrame({"id": pd.Series(keys, dtype="str"), "target": "yes"})


def timed(*moments: str | None) -> pd.DataFrame:
    return pd.DataFrame({"month": pd.to_datetime(list(moments), format="ISO8601").as_unit("us")})


def test_by_time() -> None:
    table = make_table()
    labels = split_labels(table, make_contract(**ORDERED))
    late = table["month"] >= pd.Timestamp("2024-07-01")
    assert (labels[late] == "test").all()
    assert (labels[~late] == "train").all()


def test_by_position() -> None:
    contract = make_contract(split=Split(from_row=400), rows_per_period=100)
    labels = split_labels(make_table(), contract)
    assert (labels[:400] == "train").all()
    assert (labels[400:] == "test").all()


def test_by_key_takes_about_the_share() -> None:
    labels = split_labels(keyed(f"K{n}" for n in range(20_000)), make_contract())
    assert np.mean(labels == "test") == pytest.approx(0.3, abs=0.01)


def test_rows_without_a_target_neither_train_nor_test() -> None:
    table = make_table()
    table.loc[::3, "target"] = None
    labels = split_labels(table, make_contract())
    assert ((labels == "unlabelled") == table["target"].isna()).all()
    assert count_rows(labels)["unlabelled"] == 200
    assert sum(count_rows(labels).values()) == len(table)


@settings(max_examples=50)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, max_size=30), st.data()
)
def test_added_rows_never_move_a_row(keys, data) -> None:
    keys = [*dict.fromkeys([*SOME, *keys])]
    later = data.draw(st.permutations(keys))
    before = dict(zip(SOME, split_labels(keyed(SOME), make_contract()), strict=True))
    after = dict(zip(later, split_labels(keyed(later), make_contract()), strict=True))
    assert {key: after[key] for key in SOME} == before


def test_an_added_time_of_day_moves_no_date() -> None:
    """Pandas writes midnight as a bare date only where the whole column is midnight."""
    key = (Column("id", "timestamp", key_position=1), Column("n", "integer", key_position=2))
    contract = make_contract(columns=(*key, TARGETS["binary"]))
    days = pd.date_range("2024-01-01", periods=50).as_unit("us")
    few = pd.DataFrame({"id": days, "n": pd.array(range(50), "Int64"), "target": "yes"})
    more = pd.concat([few, few.tail(1).assign(id=pd.Timestamp("2024-03-01 13:14"), n=99)])
    assert (split_labels(few, contract) == split_labels(more, contract)[:50]).all()


def test_the_parts_of_a_key_are_kept_apart() -> None:
    parts = [Column(name, "string", key_position=i) for i, name in enumerate("ab", start=1)]
    contract = make_contract(columns=(*parts, TARGETS["binary"]))
    keys = [f"{number:03d}" for number in range(200)]
    one = pd.DataFrame({"a": keys, "b": "x", "target": "yes"})
    other = pd.DataFrame({"a": "x", "b": keys, "target": "yes"})
    assert (split_labels(one, contract) != split_labels(other, contract)).any()


def test_a_share_never_parts_a_group() -> None:
    """One hash of the key would put half of the persons on both sides."""
    contract = make_contract(group="person")
    table = keyed(f"K{n}" for n in range(20_000)).assign(person=np.arange(20_000) // 5)
    test = split_labels(table[["person", "target"]], contract) == "test"
    assert {*table["person"][test]}.isdisjoint(table["person"][~test])
    assert np.mean(test) == pytest.approx(0.3, abs=0.03)


def test_a_share_without_a_key_keeps_equal_rows_together() -> None:
    contract = make_contract(columns=(Column("age", "integer"), TARGETS["binary"]))
    half = pd.DataFrame({"age": pd.array([*range(300), None], "Int64"), "target": "yes"})
    labels = split_labels(pd.concat([half, half]), contract)
    assert (labels[:301] == labels[301:]).all()
    assert np.mean(labels == "test") == pytest.approx(0.3, abs=0.1)
    assert split_columns(contract) == ("age",)  # the target is asked for beside them


def test_a_columns_value_chooses_the_test_rows() -> None:
    table = make_table()
    contract = make_contract(split=Split(where=("plan", ("pro", "plus"))))
    test = split_labels(table, contract) == "test"
    assert (test == table["plan"].isin(["pro", "plus"])).all()
    assert "plan" in unused_columns(contract)
    assert split_columns(contract) == ("plan",)


@pytest.mark.parametrize(
    ("split", "purpose"),
    [
        (Split(from_time="2020-01-01"), "to train on"),
        (Split(from_time="2030-01-01"), "to test with"),
        (Split(from_row=0), "to train on"),
        (Split(from_row=10_000), "to test with"),
        (Split(share=1e-9), "to test with"),
    ],
)
def test_a_split_without_one_side_is_an_error(split, purpose) -> None:
    contract = make_contract(split=split, time_column="month", period="month")
    with pytest.raises(DataError, match=f"no labelled row {purpose}") as caught:
        split_labels(make_table(), contract)
    assert caught.value.fix.removeprefix("change ") in ("testFrom", "testFromRow", "testShare")


@pytest.mark.parametrize(
    ("period", "labels"),
    [
        ("year", ["2024", "2024", "2024", ""]),
        ("quarter", ["2024-Q1", "2024-Q2", "2024-Q4", ""]),
        ("month", ["2024-03", "2024-04", "2024-12", ""]),
        ("week", ["2024-W10", "2024-W14", "2025-W01", ""]),  # ISO 8601: the year of its Thursday
        ("day", ["2024-03-05", "2024-04-01", "2024-12-31", ""]),
        ("hour", ["2024-03-05T13", "2024-04-01T00", "2024-12-31T23", ""]),
    ],
)
def test_periods(period, labels) -> None:
    table = timed("2024-03-05T13:59:59.999", "2024-04-01", "2024-12-31T23:00", None)
    contract = make_contract(time_column="month", period=period)
    assert period_labels(table, contract).tolist() == labels


def test_blocks_of_rows_are_periods() -> None:
    contract = make_contract(rows_per_period=250)
    labels = period_labels(make_table(), contract)
    assert np.unique(labels, return_counts=True)[0].tolist() == ["0001", "0002", "0003"]
    assert (labels[:250] == "0001").all()


def test_without_an_order_there_are_no_periods() -> None:
    assert period_labels(make_table(), make_contract()) is None


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({}, ("id",)),
        (ORDERED, ("month",)),
        ({"split": Split(from_row=9), "rows_per_period": 3}, ()),
        ({"time_column": "month", "period": "day"}, ("id", "month")),
    ],
)
def test_columns_that_the_split_needs(changes, columns) -> None:
    contract = make_contract(**changes)
    assert split_columns(contract) == columns
    needed = make_table()[[*columns, "target"]]
    split_labels(needed, contract)
    period_labels(needed, contract)
