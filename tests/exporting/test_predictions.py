"""Predictions for every row, for every task and any names."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import people_contract
from quickstack.facts.contract import Column
from quickstack.models.modeling.split_partitions import Labels
from quickstack.results.exporting import predictions
from quickstack.results.exporting.export_tables import Layout

BINARY = ("prediction", "probability")
MADE = {"model_version": "0123456789ab", "decimals": 4}


def fields(layout: Layout) -> dict[str, str]:
    return {field.name: field.type for field in layout.fields}


def labels_of(split, periods, first_row=1):
    if periods is not None:
        periods = pd.Categorical(periods, ["", "2024-01"], ordered=True)
    return Labels(first_row, pd.Categorical(split), periods, pd.Categorical(split))


def regression(**changes):
    return people_contract(task="regression", target="amount", positive=None, **changes)


def test_binary():
    layout = predictions.predictions_layout(people_contract(time_column="day"), BINARY)
    assert layout.description.startswith("One row per person.")
    assert fields(layout) == {
        "id": "string",
        "day": "date",
        "period": "string",
        "split": "string",
        "actual": "string",
        "prediction": "string",
        "probability": "number",
        "acted": "boolean",
        "value": "number",
        "model_version": "string",
    }
    probability = next(f for f in layout.fields if f.name == "probability")
    assert probability.description.startswith("Predicted probability of kind = a, 0 to 1")
    assert (layout.key, layout.partition) == (("id",), "period")


def test_the_group_stands_with_what_names_a_row():
    layout = predictions.predictions_layout(people_contract(group="kind"), BINARY)
    assert list(fields(layout))[:3] == ["id", "kind", "period"]
    assert layout.key == ("id",)


def test_multiclass_describes_each_class():
    predicted = ("prediction", "probability", "probability_a", "probability_B b", "probability_b b")
    layout = predictions.predictions_layout(people_contract(task="multiclass"), predicted)
    assert list(fields(layout))[-5:-1] == [
        "probability",
        "probability_a",
        "probability_b_b",
        "probability_b_b_2",
    ]
    assert "the predicted class, 0 to 1" in layout.fields[-5].description
    assert "class b b, 0 to 1" in layout.fields[-2].description


def test_regression_has_the_unit_of_the_target():
    columns = (Column("id", "string", key_position=1), Column("amount", "integer", unit="EUR"))
    layout = predictions.predictions_layout(regression(columns=columns), ("prediction",))
    assert fields(layout)["actual"] == "integer"
    assert fields(layout)["prediction"] == "number"
    assert [f.unit for f in layout.fields if f.type == "number" or f.name == "actual"] == [
        "EUR"
    ] * 4


@pytest.mark.parametrize(
    ("key", "numbered"),
    [
        ((), True),
        ((Column("id", "string", key_position=1, personal="drop"),), True),
        ((Column("id", "string", key_position=1, personal="pseudonym"),), False),
    ],
)
def test_rows_without_a_key_that_may_leave_are_numbered(key, numbered):
    contract = people_contract(columns=(*key, Column("kind", "string", allowed=("a", "b"))))
    names = fields(predictions.predictions_layout(contract, BINARY))
    assert ("row" in names) is numbered
    assert ("id" in names) is not numbered


def test_no_dropped_column_is_exported():
    assert "name" not in fields(predictions.predictions_layout(people_contract(), BINARY))


def test_a_contract_cannot_take_the_names_of_the_pipeline():
    key = [
        Column(name, "string", key_position=position + 1)
        for position, name in enumerate(["Period", "prediction", "row", "顧客", "Ünï-cödé"])
    ]
    contract = people_contract(columns=(*key, Column("kind", "string", allowed=("a", "b"))))
    layout = predictions.predictions_layout(contract, BINARY)
    table = pd.DataFrame({name.name: ["k"] for name in key} | {"kind": ["a"]})
    labels = labels_of(["test"], ["2024-01"])
    predicted = pd.DataFrame({"prediction": ["b"], "probability": [0.25]})
    rows = predictions.prediction_rows(table, labels, predicted, layout, contract, **MADE)
    assert rows.iloc[0].to_dict() == {
        "period_2": "k",
        "prediction_2": "k",
        "row": "k",
        "column": "k",
        "uni_code": "k",
        "period": "2024-01",
        "split": "test",
        "actual": "a",
        "prediction": "b",
        "probability": 0.25,
        "acted": False,
        "value": 0.0,
        "model_version": "0123456789ab",
    }


def test_every_row_is_there_also_without_truth_or_period():
    contract = people_contract(time_column="day")
    table = pd.DataFrame(
        {
            "id": ["x", "y"],
            "day": pd.to_datetime(["2024-01-05", None]),
            "kind": pd.array(["a", None], dtype="str"),
        },
        index=[7, 8],
    )
    labels = labels_of(["train", "unlabelled"], ["2024-01", ""], first_row=8)
    predicted = pd.DataFrame({"prediction": ["a", "b"], "probability": [1 / 3, 0.5]}, index=[7, 8])
    layout = predictions.predictions_layout(contract, BINARY)
    rows = predictions.prediction_rows(table, labels, predicted, layout, contract, **MADE)
    assert rows["probability"].tolist() == [0.3333, 0.5]
    assert rows["split"].tolist() == ["train", "unlabelled"]
    assert rows["period"].isna().tolist() == [False, True]
    assert rows.isna()["actual"].tolist() == [False, True]
    empty = predictions.prediction_rows(
        table.iloc[:0],
        labels_of([], []),
        predicted.iloc[:0],
        layout,
        contract,
        **MADE,
    )
    assert len(empty) == 0
    assert list(empty) == list(rows)


def test_rows_without_an_order_have_no_period_and_a_number():
    contract = people_contract(columns=(Column("kind", "string", allowed=("a", "b")),))
    layout = predictions.predictions_layout(contract, BINARY)
    labels = labels_of(["test"] * 2, None, first_row=101)
    predicted = pd.DataFrame({"prediction": ["a", "b"], "probability": [0.1, 0.2]})
    rows = predictions.prediction_rows(
        pd.DataFrame({"kind": ["a", "b"]}), labels, predicted, layout, contract, **MADE
    )
    assert rows["row"].tolist() == [101, 102]
    assert rows["period"].isna().all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Größe (cm)", "1st", "", "名"], ["grosse_cm", "column_1st", "column", "column_2"]),
        (["a", "A", "a "], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_2", "a_2_2"]),
        (["</script><img onerror=…>"], ["script_img_onerror"]),
        (["monthlyFee", "monthly_fee"], ["monthlyfee", "monthly_fee"]),
    ],
)
def test_safe_names(names, expected):
    assert predictions.safe_names(names) == expected


@given(st.lists(st.text()))
def test_safe_names_are_always_unique_snake_case(names):
    safe = predictions.safe_names(names)
    assert len(set(safe)) == len(names)
    assert all(name.isascii() and name.isidentifier() and name == name.lower() for name in safe)
