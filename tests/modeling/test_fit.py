"""Targets, folds, and what cannot be fitted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from modeling.cases import MODELS, ORDERED, TARGETS, make_contract, make_table, settings
from quickstack.facts.contract.model import HIGHER_IS_BETTER, Column, Split
from quickstack.facts.errors import DataError, ModelError
from quickstack.models.modeling.fit import (
    _folds,
    class_names,
    cross_validate,
    describe,
    encode_target,
    fit,
)
from quickstack.models.modeling.metrics import LOSS_NAME


def contract_of(values, positive):
    target = Column("target", "boolean" if not values else "integer", allowed=values)
    return make_contract(columns=(Column("age", "integer"), target), positive=positive)


@pytest.mark.parametrize(
    ("contract", "names"),
    [
        (make_contract(), ("no", "yes")),
        (make_contract("multiclass"), ("low", "middle", "high")),
        (make_contract("regression"), ()),
        (contract_of((), positive=True), (False, True)),
        (contract_of((), positive=False), (True, False)),
        (contract_of((0, 1), positive=0), (1, 0)),
        (contract_of((1, 2), positive=2), (1, 2)),
    ],
)
def test_classes_in_order_with_the_positive_one_last(contract, names) -> None:
    assert class_names(contract) == names


@pytest.mark.parametrize(
    ("contract", "target", "encoded"),
    [
        (make_contract(), pd.Series(["no", "yes"], dtype="str"), [0, 1]),
        (make_contract("multiclass"), pd.Series(["high", "low"], dtype="str"), [2, 0]),
        (contract_of((), positive=False), pd.Series([True, False], dtype="boolean"), [0, 1]),
        (contract_of((1, 2), positive=1), pd.Series([1, 2], dtype="Int64"), [1, 0]),
    ],
)
def test_classes_are_encoded_in_the_order_of_the_contract(contract, target, encoded) -> None:
    found = encode_target(pd.DataFrame({"target": target}), contract)
    assert found.dtype == np.int64
    assert found.tolist() == encoded


def test_a_number_stays_a_number() -> None:
    table = pd.DataFrame({"target": pd.array([3, 4], "Int64")})
    found = encode_target(table, make_contract("regression"))
    assert found.dtype == np.float64
    assert found.tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("binary", pd.Series(["yes", None, "no"], dtype="str")),
        ("binary", pd.Series(["yes", "secret", "no"], dtype="str")),
        ("multiclass", pd.Series(["low", "secret", "high"], dtype="str")),
        ("regression", pd.Series([1, None, 2], dtype="Int64")),
    ],
)
def test_a_target_that_cannot_be_used_is_counted_and_not_quoted(task, target) -> None:
    with pytest.raises(DataError, match="'target' holds 1 values") as caught:
        encode_target(pd.DataFrame({"target": target}), make_contract(task))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("task", "kept", "said"),
    [
        ("binary", ("yes",), "'target' has 1 of its 2 classes"),
        ("multiclass", ("low", "high"), "'target' has 2 of its 3 classes"),
    ],
)
def test_a_class_that_no_training_row_has(task, kept, said, model) -> None:
    table = make_table(task).query("target in @kept")
    with pytest.raises(ModelError, match=said) as caught:
        fit(table, make_contract(task), settings(model))
    assert caught.value.fix
    assert not {"low", "high", "yes"} & set(str(caught.value).split())


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_cross_validation_reports_folds_and_the_loss_of_rows(task) -> None:
    found = cross_validate(make_table(task), make_contract(task), settings("linear", folds=4))
    assert found["folds"] == 4
    assert found["loss"]["name"] == LOSS_NAME[task]
    assert found["loss"]["rows"] == 600
    assert found["loss"]["mean"] > 0
    assert all(set(m) == {"mean", "standard_deviation"} for m in found["metrics"].values())
    ((main, by_fold),) = found["by_fold"].items()
    assert main == next(iter(HIGHER_IS_BETTER[task]))
    assert len(by_fold) == 4
    assert found["metrics"][main]["mean"] == pytest.approx(np.mean(by_fold), abs=2e-6)
    if task == "binary":
        assert found["loss"]["mean"] == pytest.approx(found["metrics"]["brier"]["mean"], abs=1e-6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_no_folds_no_cross_validation() -> None:
    assert cross_validate(make_table(), make_contract(), settings("linear", folds=0)) is None


@pytest.mark.parametrize("changes", [ORDERED, {"split": Split(from_row=9), "rows_per_period": 50}])
def test_with_an_order_each_fold_is_predicted_from_the_past(changes) -> None:
    contract = make_contract(**changes)
    table = make_table()
    if contract.time_column:
        table = table.sample(frac=1, random_state=0, ignore_index=True)
    moments = table["month"].to_numpy()
    folds = list(_folds(table, encode_target(table, contract), contract, settings("linear")))
    assert len(folds) == 5
    assert all(moments[old].max() <= moments[new].min() for old, new in folds)


def test_without_an_order_every_row_is_held_out_once() -> None:
    contract, table = make_contract(), make_table()
    target = encode_target(table, contract)
    folds = list(_folds(table, target, contract, settings("linear")))
    assert sorted(np.concatenate([new for _, new in folds])) == list(range(600))
    assert all(not set(old) & set(new) for old, new in folds)


@pytest.mark.parametrize(
    ("rows", "folds", "changes"),
    [(600, 1, {}), (8, 5, {}), (5, 5, ORDERED)],
    ids=["one fold", "too few of a class", "too few rows"],
)
def test_impossible_folds(rows, folds, changes) -> None:
    with pytest.raises(ModelError, match=f"with {folds} folds") as caught:
        cross_validate(
            make_table(rows=rows), make_contract(**changes), settings("linear", folds=folds)
        )
    assert "train.folds" in caught.value.where


def test_a_fold_whose_past_has_one_class() -> None:
    table = make_table().assign(target=lambda t: np.where(np.arange(len(t)) < 300, "no", "yes"))
    with pytest.raises(ModelError, match=r"one of the 5 folds") as caught:
        cross_validate(table, make_contract(**ORDERED), settings("linear"))
    assert "0" in caught.value.fix


def test_the_description_says_all_that_prediction_needs() -> None:
    rows = {"train": 1, "test": 2, "unlabelled": 3}
    found = describe(make_contract(), settings("random_forest"), rows, None)
    assert json.loads(json.dumps(found)) == found
    assert found["classes"] == ["no", "yes"]
    assert found["features"][0] == {
        "name": "plan", "kind": "category", "categories": ["basic", "plus", "pro"]
    }  # fmt: skip
    assert found["settings"] == {"seed": 0, "trees": 20, "min_samples_leaf": 10}
    assert found["split"] == {"share": 0.3}
    assert found["rows"] == rows
    assert TARGETS["binary"].name not in found["unused_columns"]
