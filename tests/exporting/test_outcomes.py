"""What follows from a prediction is what a reader computes from the figures beside it."""

from __future__ import annotations

import pandas as pd
import pytest

from examples import people_contract
from quickstack.facts.contract import Column
from quickstack.facts.contract.model import Decision, Generalisation
from quickstack.models.modeling.split_partitions import Labels
from quickstack.results.exporting.predictions import (
    prediction_rows,
    predictions_layout,
    segment_names,
)

BINARY = ("prediction", "probability")


def rows_of(contract, table, predicted, **changes):
    split = pd.Categorical(["test"] * len(table))
    labels = Labels(1, split, None, split)
    layout = predictions_layout(contract, predicted.columns)
    settings = {"model_version": "0123456789ab", "decimals": 3} | changes
    return layout, prediction_rows(table, labels, predicted, layout, contract, **settings)


def test_the_decision_is_taken_on_the_probability_that_is_shown():
    decision = Decision(0.25, 60.0, -8.0, -3.0, 1.0, "EUR")
    table = pd.DataFrame({"id": ["a", "b", "c"], "kind": ["a", "b", "b"]})
    p = [0.2496, 0.25049, 0.1]
    predicted = pd.DataFrame({"prediction": ["b"] * 3, "probability": p})
    layout, rows = rows_of(people_contract(decision=decision), table, predicted)
    assert rows["probability"].tolist() == [0.25, 0.25, 0.1]
    assert rows["acted"].tolist() == [True, True, False]
    acting, letting = 0.25 * 60 - 0.75 * 8, -0.1 * 3 + 0.9 * 1
    assert rows["value"].tolist() == pytest.approx([acting, acting, letting])
    units = {field.name: field.unit for field in layout.fields}
    assert (units["value"], units["acted"]) == ("EUR", None)


@pytest.mark.parametrize("width", [1.5, None])
def test_a_regression_has_an_interval_around_the_figure_that_is_shown(width):
    contract = people_contract(task="regression", target="amount", positive=None)
    table = pd.DataFrame({"id": ["a", "b"], "amount": [1.0, 2.0]})
    predicted = pd.DataFrame({"prediction": [10.12345, -1.0]})
    _, rows = rows_of(contract, table, predicted, half_width=width)
    if width is None:
        assert rows[["low", "high"]].isna().all(axis=None)
    else:
        assert rows["low"].tolist() == [8.623, -2.5]
        assert rows["high"].tolist() == [11.623, 0.5]


SEGMENTS = (
    Column("id", "string", key_position=1, personal="pseudonym"),
    Column("Größe", "integer", description="Size."),
    Column("größe", "boolean"),
    Column("value", "date"),
    Column("all", "string"),
    Column("kind", "string", allowed=("a", "b")),
)


def test_segments_of_any_name_and_type_are_text_under_a_safe_name():
    names = ("Größe", "größe", "value", "all", "id")
    contract = people_contract(columns=SEGMENTS, segments=names)
    table = pd.DataFrame(
        {
            "id": ["x", "y"],
            "Größe": pd.array([1, None], "Int64"),
            "größe": pd.array([True, False], "boolean"),
            "value": pd.to_datetime(["2024-02-29", None]),
            "all": ["=cmd()", "</script><img onerror=…>"],
            "kind": ["a", "b"],
        }
    )
    predicted = pd.DataFrame({"prediction": ["a", "b"], "probability": [0.5, 0.5]})
    layout, rows = rows_of(contract, table, predicted)
    called = {name: segment_names(layout)[name] for name in names}
    assert called == {
        "Größe": "grosse",
        "größe": "grosse_2",
        "value": "value_2",
        "all": "all_2",
        "id": "id",
    }
    shown = rows[list(called.values())].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == [
        ["1", "true", "2024-02-29", "=cmd()", "x"],
        [None, "false", None, "</script><img onerror=…>", "y"],
    ]
    assert [f.name for f in layout.fields].count("id") == 1


@pytest.mark.parametrize(
    ("column", "key"),
    [
        (Column("id", "string", key_position=1), ("id",)),
        (Column("id", "string", key_position=1, personal="drop"), ("row",)),
        (
            Column("id", "integer", key_position=1, personal="generalise",
                   generalisation=Generalisation("band", 10)),
            ("row",),
        ),
    ],
)  # fmt: skip
def test_the_key_tells_rows_apart_also_where_the_contracts_does_not_any_more(column, key):
    contract = people_contract(columns=(column, SEGMENTS[-1]))
    assert predictions_layout(contract, BINARY).key == key
