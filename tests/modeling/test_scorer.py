"""The scorer says what the fitted model says, and a damaged one is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from modeling.cases import MODELS, make_contract, make_table, settings
from quickstack.facts import paths
from quickstack.facts.errors import ModelError
from quickstack.models.modeling import flat_trees
from quickstack.models.modeling.candidates import one_thread
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import describe, fit
from quickstack.models.modeling.flatten import flatten
from quickstack.models.modeling.scorer import read_scorer, write_scorer
from quickstack.models.modeling.scorer_file import load_fitted, save_fitted

TASKS = ("binary", "multiclass", "regression")


def fitted(task, model, **changes):
    contract, table = make_contract(task), make_table(task, rows=800)
    learned_from = features(contract, table)
    pipeline = fit(table, contract, settings(model, **changes))
    return pipeline, learned_from, feature_frame(table, learned_from)


def rows_of(task, learned_from):
    """Give rows of all kinds: new ones, each feature missing in turn, a category not listed."""
    frame = feature_frame(make_table(task, rows=500, seed=9), learned_from)
    for place, name in enumerate(frame):
        frame.loc[frame.index[place :: len(frame.columns) + 3], name] = None
    frame.loc[frame.index[:40], "plan"] = "another"
    frame.loc[frame.index[40:80], "fee"] = [0.0, 1e300, -1e300, 5e-324] * 10
    return frame


def scores(model, rows, task):
    with one_thread():
        return model.predict(rows) if task == "regression" else model.predict_proba(rows)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", MODELS)
def test_scores_are_those_of_scikit_learn(task, model) -> None:
    pipeline, learned_from, _ = fitted(task, model)
    rows = rows_of(task, learned_from)
    scorer = read_scorer(json.loads(json.dumps(write_scorer(flatten(pipeline, learned_from)))))
    if model in ("linear", "random_forest"):
        rows["fee"] = rows["fee"].clip(-1e6, 1e6)
    wanted, found = scores(pipeline, rows, task), scores(scorer, rows, task)
    if model == "linear":
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    else:
        assert (found == wanted).all()


@pytest.mark.parametrize("task", TASKS)
def test_trees_that_are_walked_give_the_same(task, monkeypatch) -> None:
    pipeline, learned_from, _ = fitted(task, "gradient_boosting")
    rows = rows_of(task, learned_from)
    monkeypatch.setattr(flat_trees.LeafMasks, "MOST", 4)
    found = scores(flatten(pipeline, learned_from), rows, task)
    assert (found == scores(pipeline, rows, task)).all()


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipeline, learned_from, frame = fitted("binary", "gradient_boosting")
    contract = make_contract()
    save_fitted(
        pipeline, frame, learned_from, describe(contract, settings("gradient_boosting"), {}, None)
    )
    return json.loads(paths.SCORER.read_text(encoding="utf-8"))


def test_reading_and_predicting_need_no_scikit_learn(saved) -> None:
    done = subprocess.run(
        [sys.executable, "-c", """
import sys
from quickstack.models.modeling.scorer_file import load_fitted
print(type(load_fitted().pipeline).__name__, *(m for m in ("sklearn", "skops") if m in sys.modules))
"""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["Scorer"]


def test_the_same_bytes_twice(saved, tmp_path) -> None:
    first = paths.SCORER.read_bytes()
    pipeline, learned_from, frame = fitted("binary", "gradient_boosting")
    save_fitted(
        pipeline,
        frame,
        learned_from,
        describe(make_contract(), settings("gradient_boosting"), {}, None),
    )
    assert paths.SCORER.read_bytes() == first


def change_array(saved, name, change):
    trees = saved["scorer"]["trees"]
    array = read_scorer(saved["scorer"]).trees
    changed = getattr(array, name).copy()
    change(changed)
    document = write_scorer(read_scorer(saved["scorer"]))["trees"][name]
    kinds = {"left": "<i4", "roots": "<i4", "feature": "<i2", "category_set": "<i4", "value": "<f8"}
    import base64

    data = base64.b64encode(changed.astype(kinds[name]).tobytes()).decode()
    trees[name] = {**document, "data": data}


def put(place, value):
    def change(array):
        array[place] = value

    return change


INNER = 0
DAMAGES = {
    "a circle": lambda d: change_array(d, "left", put(INNER, INNER)),
    "a node that is not there": lambda d: change_array(d, "left", put(INNER, 10**6)),
    "a column that is not there": lambda d: change_array(d, "feature", put(INNER, 999)),
    "a set that is not there": lambda d: change_array(d, "category_set", put(INNER, 999)),
    "a root that is not there": lambda d: change_array(d, "roots", put(INNER, -5)),
    "no number": lambda d: change_array(d, "value", put(-1, np.nan)),
    "another value": lambda d: change_array(d, "value", put(slice(None), 0.5)),
    "cut": lambda d: d["scorer"]["trees"].pop("right"),
    "no test": lambda d: d.pop("self_test"),
    "another format": lambda d: d.update(format=2),
    "a feature that is not there": lambda d: d["scorer"]["columns"][0].update(feature=77),
    "another link": lambda d: d["scorer"].update(link="eval"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_scorer_is_refused_in_one_sentence(saved, damage) -> None:
    assert load_fitted().pipeline is not None
    damage(saved)
    paths.SCORER.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(ModelError) as refused:
        load_fitted()
    assert str(refused.value).startswith("models/scorer.json: ")
    assert "dvc repro" in str(refused.value)
