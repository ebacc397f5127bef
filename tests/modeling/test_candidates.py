"""Every candidate learns every task, and knows its categories from the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from modeling.cases import COLUMNS, MODELS, TARGETS, make_contract, make_table, settings
from quickstack.facts.contract.model import Column, Task
from quickstack.models.modeling.candidates import MAX_CATEGORIES, build_pipeline
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import describe, encode_target, fit
from quickstack.models.modeling.metrics import measure_all
from quickstack.models.modeling.predict import score_rows

TASKS = get_args(Task)
LEARNS = {
    "binary": ("roc_auc", 0.8),
    "multiclass": ("roc_auc_ovr", 0.75),
    "regression": ("r2", 0.3),
}


def scores(pipeline, table, contract):
    return score_rows(pipeline, feature_frame(table, features(contract)), contract.task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", MODELS[1:])
def test_it_learns(task, model) -> None:
    contract = make_contract(task)
    pipeline = fit(make_table(task), contract, settings(model))
    new = make_table(task, seed=1)
    found = measure_all(task, encode_target(new, contract), scores(pipeline, new, contract))
    name, bound = LEARNS[task]
    assert found[name] > bound


@pytest.mark.parametrize("task", TASKS)
def test_the_baseline_says_the_same_of_every_row(task) -> None:
    contract = make_contract(task)
    table = make_table(task)
    found = scores(fit(table, contract, settings("baseline")), table, contract)
    assert (found == found[0]).all()


@pytest.mark.parametrize("model", MODELS)
def test_unseen_and_missing_values_are_predicted(model) -> None:
    contract = make_contract()
    pipeline = fit(make_table().query("plan != 'pro'"), contract, settings(model))
    strange = make_table(rows=9)
    for name in ("age", "fee", "member", "rating"):
        strange[name] = np.nan
    strange["plan"] = ["pro", "unheard of", None] * 3
    found = scores(pipeline, strange, contract)
    assert np.isfinite(found).all()
    assert found[1] == found[2], "an unknown category counts as missing"


@pytest.mark.parametrize("model", MODELS)
def test_a_column_without_any_value_is_no_obstacle(model) -> None:
    contract = make_contract()
    table = make_table().assign(age=None, plan=None)
    pipeline = fit(table, contract, settings(model))
    assert np.isfinite(scores(pipeline, make_table(), contract)).all()


@pytest.mark.parametrize("kept", [{"age", "fee"}, {"plan"}], ids=["numeric", "category"])
@pytest.mark.parametrize("model", MODELS)
def test_features_of_one_kind_suffice(model, kept) -> None:
    columns = tuple(c for c in COLUMNS if c.name in kept | {"id"})
    contract = make_contract(columns=(*columns, TARGETS["binary"]))
    pipeline = fit(make_table(), contract, settings(model))
    assert len(scores(pipeline, make_table(), contract)) == 600


@pytest.mark.parametrize("model", MODELS)
def test_more_categories_than_bins(model) -> None:
    many = tuple(f"c{number:03d}" for number in range(MAX_CATEGORIES + 45))
    columns = (Column("plan", "string", allowed=many), TARGETS["binary"])
    contract = make_contract(columns=columns)
    table = make_table().assign(plan=np.array(many)[np.arange(600) % len(many)])
    assert np.isfinite(scores(fit(table, contract, settings(model)), table, contract)).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", MODELS)
def test_nothing_runs_on_several_workers(task, model) -> None:
    pipeline = build_pipeline(make_contract(task), features(make_contract(task)), settings(model))
    jobs = {name: v for name, v in pipeline.get_params().items() if name.endswith("n_jobs")}
    assert set(jobs.values()) <= {None, 1}


@pytest.mark.parametrize("model", ["linear", "random_forest", "gradient_boosting"])
def test_categories_do_not_depend_on_the_rows(model) -> None:
    contract = make_contract()
    pipeline = fit(make_table().query("plan == 'basic'"), contract, settings(model))
    encoder = pipeline.named_steps["encode"].named_transformers_["category"]
    assert [list(found) for found in encoder.categories_] == [["basic", "plus", "pro"]]


def test_the_order_of_the_features_is_the_contract_s() -> None:
    contract = make_contract()
    turned = replace(contract, columns=contract.columns[::-1])
    frame = feature_frame(make_table(), features(turned))
    assert list(frame.columns) == [feature.name for feature in features(contract)][::-1]


@pytest.mark.parametrize("model", ["gradient_boosting", "linear"])
def test_a_direction_of_the_contract_is_kept_or_said_not_to_be(model) -> None:
    directed = (replace(c, monotone="decreasing") if c.name == "fee" else c for c in COLUMNS)
    contract, table = make_contract(columns=(*directed, TARGETS["binary"])), make_table()
    params = settings(model)
    pipeline = fit(table, contract, params)
    frame = feature_frame(table, features(contract, table)).iloc[:40]
    scores = [pipeline.predict_proba(frame.assign(fee=fee))[:, 1] for fee in range(5, 150, 8)]
    # The target rises with the fee, so that an unbound model rises too.
    kept = bool((np.diff(scores, axis=0) <= 1e-12).all())
    assert kept == (model == "gradient_boosting")
    told = describe(contract, params, {}, None, table)["monotone"]
    assert told == {"kept": kept, "features": {"fee": "decreasing"}}
