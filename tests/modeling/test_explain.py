"""The parts of a score add up to it, and are the Shapley values that they are said to be."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modeling.cases import make_contract, make_table, settings
from quickstack.models.evaluation.directions import directions
from quickstack.models.modeling import tree_parts
from quickstack.models.modeling.explain import Explainer
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import describe, fit
from quickstack.models.modeling.flatten import NotFlatError, flatten
from quickstack.models.modeling.model_file import Model

MODELS = ("gradient_boosting", "random_forest", "linear")


def explained(task, model, rows=400):
    contract, table = make_contract(task), make_table(task, rows=rows)
    frame = feature_frame(table, features(contract, table))
    pipeline = fit(table, contract, settings(model))
    scorer = flatten(pipeline, features(contract, table))
    return pipeline, frame, Explainer(scorer, task, scorer.encode(frame).mean(axis=0))


def score_of(pipeline, frame, task, unit, classes):
    """What the model adds up, from scikit-learn alone."""
    rows = np.arange(len(frame))
    if task == "regression":
        return pipeline.predict(frame)
    if unit == "probability":
        return pipeline.predict_proba(frame)[rows, classes]
    decided = pipeline.decision_function(frame)
    return decided if task == "binary" else decided[rows, classes]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("model", MODELS)
def test_the_parts_add_up_on_every_row(task, model) -> None:
    pipeline, frame, explainer = explained(task, model)
    unit = "value" if task == "regression" else "log odds"
    assert explainer.unit == ("probability" if unit == "log odds" and "forest" in model else unit)
    classes = np.ones(len(frame), "int64") if task == "binary" else np.arange(len(frame)) % 3
    asked = classes if task == "multiclass" or explainer.unit == "probability" else 0
    asked = 0 if task == "regression" else asked
    found = explainer.explain(explainer.encode(frame), asked)
    wanted = score_of(pipeline, frame, task, explainer.unit, classes)
    assert np.abs(found.score - wanted).max() < 1e-9
    assert found.parts.shape == frame.shape
    assert (np.abs(found.parts).max(axis=0) > 0).sum() >= 4


def expected(nodes, bitsets, row, known, number=0):
    """The mean of a tree where only some features are known, along its paths."""
    node = nodes[number]
    if node["is_leaf"]:
        return node["value"]
    value = row[node["feature_idx"]]
    if node["feature_idx"] not in known:
        sides = [
            (child, nodes[child]["count"] / node["count"])
            for child in (node["left"], node["right"])
        ]
        return sum(share * expected(nodes, bitsets, row, known, child) for child, share in sides)
    if np.isnan(value):
        left = node["missing_go_to_left"]
    elif node["is_categorical"]:
        left = (int(bitsets[node["bitset_idx"]][int(value) // 32]) >> int(value) % 32) & 1
    else:
        left = value <= node["num_threshold"]
    return expected(nodes, bitsets, row, known, node["left"] if left else node["right"])


def test_the_parts_of_gradient_boosting_are_shapley_values(monkeypatch) -> None:
    pipeline, frame, explainer = explained("binary", "gradient_boosting")
    rows = frame.iloc[:5]
    encoded = explainer.encode(rows)
    assert np.isnan(encoded).any()
    width = encoded.shape[1]
    wanted = np.zeros((len(rows), width))
    for (tree,) in pipeline[-1]._predictors:
        for place, row in enumerate(encoded):
            values = {
                known: expected(tree.nodes, tree.raw_left_cat_bitsets, row, known)
                for size in range(width + 1)
                for known in combinations(range(width), size)
            }
            for known, value in values.items():
                for feature in set(range(width)) - {*known}:
                    weight = factorial(len(known)) * factorial(width - len(known) - 1)
                    gained = values[tuple(sorted((*known, feature)))] - value
                    wanted[place, feature] += weight / factorial(width) * gained
    found = explainer.explain(encoded).parts
    # Categories stand first in what the model is given, and in the frame where they stand.
    order = [
        *(n for n in frame if frame[n].dtype == object),
        *(n for n in frame if frame[n].dtype != object),
    ]
    assert found[:, [frame.columns.get_loc(name) for name in order]] == pytest.approx(
        wanted, abs=1e-12
    )
    # A tree that is too large for a table gives the same, row by row.
    monkeypatch.setattr(tree_parts, "MAX_TABLE", 0)
    monkeypatch.setattr(tree_parts, "_MAX_BITS", 2)
    scorer = flatten(pipeline, features(make_contract("binary"), make_table("binary", rows=400)))
    untabled = Explainer(scorer, "binary").explain(encoded).parts
    assert untabled == pytest.approx(found, abs=1e-12)


def test_own_models_are_explained_where_that_is_exact() -> None:
    contract, table = make_contract("regression"), make_table("regression")
    learned_from = features(contract, table)
    frame = feature_frame(table, learned_from)
    names = list(frame.columns)
    texts = [name for name in names if frame[name].dtype == object]
    columns = make_column_transformer(
        (SimpleImputer(add_indicator=True), [name for name in names if name not in texts]),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )
    truth = np.exp(table["target"] / 50)
    for model, link in (
        (ExtraTreesRegressor(10, random_state=0), np.asarray),
        (HistGradientBoostingRegressor(loss="poisson", max_iter=20), np.exp),
    ):
        # Gradient boosting takes no sparse columns: this one gives dense ones for all.
        pipeline = make_pipeline(columns.set_params(sparse_threshold=0), model).fit(frame, truth)
        explainer = Explainer(flatten(pipeline, learned_from), "regression")
        predicted = pd.DataFrame({"prediction": pipeline.predict(frame)})
        found = explainer.reasons(frame, explainer.encode(frame), predicted, ())
        assert link(found.score) == pytest.approx(predicted["prediction"], rel=1e-9)
        assert found.parts.shape == frame.shape
    other = make_pipeline(columns, KNeighborsRegressor()).fit(frame, truth)
    with pytest.raises(NotFlatError, match="KNeighborsRegressor"):
        flatten(other, learned_from)
    assert Explainer(None, "regression").unit is None


def test_each_feature_has_a_direction() -> None:
    for task in ("binary", "multiclass"):
        contract, table = make_contract(task), make_table(task)
        params = settings("linear")
        pipeline = fit(table, contract, params)
        metadata = describe(contract, params, {}, None, table)
        learned_from = features(contract, table)
        scorer = flatten(pipeline, learned_from)
        encoded = scorer.encode(feature_frame(table, learned_from))
        metadata["training_means"] = encoded.mean(axis=0).tolist()
        found = directions(Model(scorer, metadata), table).set_index("feature")["direction"]
        if task == "binary":
            assert found["fee"] == "higher raises it"
            assert found["age"] == "higher lowers it"
            assert found["plan"] == "raised most by pro, lowered most by basic"
        else:
            assert found["fee"] == "higher speaks for high, against low"
            assert found["plan"] in ("pro speaks for high", "basic speaks for low")
