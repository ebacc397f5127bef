"""A model file serves alone: what it needs stands in its metadata."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modeling.cases import make_contract, make_table, settings
from quickstack.facts.contract.model import Column
from quickstack.facts.errors import DataError
from quickstack.models.modeling.fit import cross_validate, describe, encode_target, fit
from quickstack.models.modeling.metrics import row_losses
from quickstack.models.modeling.model_file import Model
from quickstack.models.modeling.predict import model_features, predict, truth_and_scores


def model_of(contract, table, name="linear") -> Model:
    params = settings(name)
    return Model(fit(table, contract, params), describe(contract, params, {}, None))


def test_binary() -> None:
    table = make_table().iloc[5:]
    found = predict(model_of(make_contract(), table), table)
    assert list(found.columns) == ["prediction", "probability", "unseen"]
    assert found.index.equals(table.index)
    assert found["probability"].between(0, 1).all()
    assert ((found["prediction"] == "yes") == (found["probability"] > 0.5)).all()
    assert set(found["prediction"]) == {"yes", "no"}
    yes = table["target"] == "yes"
    assert found["probability"][yes].mean() > found["probability"][~yes].mean()


def test_multiclass() -> None:
    table = make_table("multiclass")
    found = predict(model_of(make_contract("multiclass"), table), table)
    names = ["probability_low", "probability_middle", "probability_high"]
    assert list(found.columns) == ["prediction", "probability", *names, "unseen"]
    np.testing.assert_allclose(found[names].sum(axis=1), 1)
    assert (found["probability"] == found[names].max(axis=1)).all()
    assert (found[names].idxmax(axis=1) == "probability_" + found["prediction"]).all()


def test_regression() -> None:
    table = make_table("regression")
    found = predict(model_of(make_contract("regression"), table), table)
    assert list(found.columns) == ["prediction", "unseen"]
    assert found["prediction"].dtype == np.float64
    assert np.corrcoef(found["prediction"], table["target"])[0, 1] > 0.5


@pytest.mark.parametrize(
    ("target", "positive", "classes", "kind"),
    [
        (Column("target", "boolean"), True, [False, True], bool),
        (Column("target", "integer", allowed=(1, 2)), 1, [2, 1], np.int64),
    ],
)
def test_classes_keep_their_type(target, positive, classes, kind) -> None:
    base = make_contract()
    contract = replace(base, columns=(*base.columns[:-1], target), positive=positive)
    table = make_table()
    dtype = "boolean" if target.type == "boolean" else "Int64"
    values = np.where(table["target"] == "yes", *classes[::-1])
    table["target"] = pd.array(values.astype(bool if dtype == "boolean" else int), dtype)
    model = model_of(contract, table)
    found = predict(model, table)
    assert found["prediction"].dtype == kind
    assert (found["prediction"] == table["target"]).mean() > 0.7
    assert row_losses("binary", *truth_and_scores(model, found, table["target"])).mean() < 0.25


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_and_unlabelled_rows(task) -> None:
    table = make_table(task)
    model = model_of(make_contract(task), table)
    without_target = table.drop(columns="target")
    assert predict(model, without_target).equals(predict(model, table))
    nothing = predict(model, table.iloc[:0])
    assert len(nothing) == 0
    assert list(nothing.columns) == list(predict(model, table).columns)


def test_a_missing_feature_is_named() -> None:
    table = make_table()
    model = model_of(make_contract(), table)
    assert [feature.name for feature in model_features(model)][:2] == ["plan", "age"]
    with pytest.raises(DataError, match="lacks the feature 'age'"):
        predict(model, table.drop(columns="age"))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_loss_of_rows_is_that_of_cross_validation(task) -> None:
    contract, table, params = make_contract(task), make_table(task), settings("baseline", folds=2)
    model = model_of(contract, table, "baseline")
    predictions = predict(model, table)
    truth, scores = truth_and_scores(model, predictions, table["target"])
    found = row_losses(task, truth, scores)
    expected = cross_validate(table, contract, params)["loss"]["mean"]
    assert found.mean() == pytest.approx(expected, rel=0.02)
    # The same by hand, from the predictions.
    columns = [c for c in predictions if c.startswith("probability_")]
    np.testing.assert_array_equal(truth, encode_target(table, contract))
    np.testing.assert_array_equal(scores, predictions[columns or predictions.columns[-2]])


def test_the_truth_is_unknown_where_it_is_missing() -> None:
    table = make_table("regression")
    model = model_of(make_contract("regression"), table)
    actual = table["target"].where(table.index % 2 == 0)
    truth, scores = truth_and_scores(model, predict(model, table), actual)
    np.testing.assert_array_equal(truth, actual)
    assert np.isnan(truth[1::2]).all()
    np.testing.assert_array_equal(scores, predict(model, table)["prediction"])


def test_an_unknown_class_is_refused_without_quoting_it() -> None:
    table = make_table()
    model = model_of(make_contract(), table)
    with pytest.raises(DataError, match="'target' holds 600 values") as caught:
        truth_and_scores(model, predict(model, table), pd.Series(["secret"] * 600))
    assert "secret" not in str(caught.value)
