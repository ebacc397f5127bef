"""What the model may learn from follows from the contract alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modeling.cases import COLUMNS, PLANS, TARGETS, make_contract, make_table
from quickstack.facts.contract.model import Column
from quickstack.facts.errors import DataError
from quickstack.models.modeling.features import Feature, feature_frame, features, unused_columns


def test_features_are_measurements_and_allowed_text_in_contract_order() -> None:
    assert features(make_contract()) == (
        Feature("plan", "category", PLANS),
        Feature("age", "numeric", ()),
        Feature("fee", "numeric", ()),
        Feature("member", "numeric", ()),
        Feature("rating", "numeric", ()),
    )


def test_every_other_column_has_a_reason() -> None:
    contract = make_contract(time_column="month", period="month")
    unused = unused_columns(contract)
    assert {name: reason.split(":")[0] for name, reason in unused.items()} == {
        "id": "part of the primary key",
        "month": "the time column orders the rows",
        "email": "personal",
        "phone": "personal",
        "note": "text without allowed values in the contract",
        "row_number": "the contract says that it is no feature",
        "outcome_date": "a date or time, not a measurement",
        "refund": "leaks the target",
    }
    named = {feature.name for feature in features(contract)} | set(unused) | {contract.target}
    assert named == {column.name for column in contract.columns}


@pytest.mark.parametrize(
    "column",
    [
        Column("plan", "string", allowed=PLANS, feature=False),
        Column("plan", "string", allowed=PLANS, leaks_target=True),
        Column("plan", "string", allowed=PLANS, personal="pseudonym"),
        Column("age", "integer", personal="drop"),
        Column("age", "integer", key_position=2),
    ],
)
def test_what_the_contract_excludes_is_excluded(column) -> None:
    columns = tuple(column if c.name == column.name else c for c in COLUMNS)
    contract = make_contract(columns=(*columns, TARGETS["binary"]))
    assert column.name not in {feature.name for feature in features(contract)}
    assert column.name in unused_columns(contract)


def test_no_feature_left_is_an_error() -> None:
    contract = make_contract(columns=(Column("note", "string"), TARGETS["binary"]))
    with pytest.raises(DataError, match="no column is left") as caught:
        features(contract)
    assert "toy" in caught.value.where
    assert "enum" in caught.value.fix


def test_frame_has_doubles_and_text_with_gaps() -> None:
    table = make_table().iloc[100:150]
    frame = feature_frame(table, features(make_contract()))
    assert list(frame.columns) == ["plan", "age", "fee", "member", "rating"]
    assert frame.index.equals(table.index)
    assert frame["plan"].dtype == object
    assert {type(value) for value in frame["plan"]} == {str, type(None)}
    for name in ("age", "fee", "member", "rating"):
        assert frame[name].dtype == np.float64
        assert (frame[name].isna() == table[name].isna()).all()


def test_frame_of_no_rows_keeps_its_columns() -> None:
    frame = feature_frame(make_table().iloc[:0], features(make_contract()))
    assert frame.shape == (0, 5)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (make_table().drop(columns="fee"), "lacks the feature 'fee'"),
        (make_table().assign(fee="secret"), "'fee' is not numeric"),
    ],
)
def test_a_table_of_another_shape_is_refused_without_quoting_it(table, said) -> None:
    with pytest.raises(DataError, match=said) as caught:
        feature_frame(table, features(make_contract()))
    assert "secret" not in str(caught.value)


def test_integers_with_allowed_values_stay_numeric() -> None:
    contract = make_contract()
    rating = replace(contract.column("rating"), allowed=(1, 2))
    assert rating.allowed
    assert Feature("rating", "numeric") in features(contract)


KEY = (
    Column("store", "integer", key_position=1),
    Column("day_of_year", "integer", key_position=2),
    Column("order_id", "integer", key_position=3),
    Column("line", "integer", key_position=4),
    Column("height", "number", key_position=5),
    Column("carrier", "string", key_position=6, allowed=("A", "B")),
    Column("code", "string", key_position=7),
)


def keyed(rows: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "store": rng.integers(1, 400, rows),
            "day_of_year": rng.integers(1, 91, rows),
            "order_id": rng.integers(0, 9, rows),
            "line": np.arange(rows),
            "height": rng.random(rows).round(3),
            "carrier": rng.choice(["A", "B"], rows),
            "code": [f"c{n}" for n in range(rows)],
        }
    )


def test_a_key_that_measures_stays_and_an_id_does_not() -> None:
    """Carrier, origin and month left the model without a word."""
    contract = make_contract(columns=(*KEY, TARGETS["binary"]))
    assert [f.name for f in features(contract, keyed())] == ["day_of_year", "height", "carrier"]
    assert [f.name for f in features(contract)] == ["carrier"]
    reasons = unused_columns(contract, keyed())
    assert set(reasons) == {"store", "order_id", "line", "code"}
    assert set(reasons.values()) == {"part of the primary key: it names the row"}


def test_a_single_key_is_an_id() -> None:
    alone = (Column("month", "integer", key_position=1), Column("age", "integer"))
    contract = make_contract(columns=(*alone, TARGETS["binary"]))
    table = pd.DataFrame({"month": range(12), "age": range(12)})
    assert [feature.name for feature in features(contract, table)] == ["age"]


@pytest.mark.parametrize("said", [True, False])
def test_what_the_contract_says_of_a_key_counts(said) -> None:
    columns = tuple(replace(c, feature=said) if c.name in ("line", "height") else c for c in KEY)
    contract = make_contract(columns=(*columns, TARGETS["binary"]))
    named = {feature.name for feature in features(contract, keyed())}
    assert ({"line", "height"} <= named) is said
    assert ({"line", "height"} & named == set()) is not said
