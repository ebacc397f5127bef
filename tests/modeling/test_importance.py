"""What the target follows is important; what it does not is near nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.cases import make_contract, make_table, settings
from quickstack.models.evaluation import importance
from quickstack.models.evaluation.importance import permutation_importance
from quickstack.models.modeling.fit import describe, encode_target, fit
from quickstack.models.modeling.model_file import Model


def measured(task="binary", model="linear", rows=600, seed=0):
    contract, table = make_contract(task), make_table(task, rows=rows)
    fitted = Model(
        fit(table, contract, settings(model)), describe(contract, settings(model), {}, None)
    )
    truth = encode_target(table, contract)
    return permutation_importance(fitted, table, truth, metric=contract.main_metric, seed=seed)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("model", ["linear", "gradient_boosting"])
def test_features_that_matter_come_first(task, model) -> None:
    found = measured(task, model)
    assert list(found.columns) == ["feature", "importance", "standard_deviation"]
    assert set(found["feature"]) == {"plan", "age", "fee", "member", "rating"}
    assert set(found["feature"][:3]) == {"fee", "plan", "age"}
    assert found["importance"].is_monotonic_decreasing
    assert (found["importance"][:2] > 0.01).all()
    assert found.equals(found.round(6))


def test_a_model_that_looks_at_nothing_leans_on_nothing() -> None:
    found = measured(model="baseline")
    assert (found["importance"] == 0).all()
    assert found["feature"].is_monotonic_increasing
    assert "-0" not in found.to_csv()


def test_the_seed_decides() -> None:
    pd.testing.assert_frame_equal(measured(seed=1), measured(seed=1))
    assert not measured(seed=1).equals(measured(seed=2))


def test_many_rows_are_sampled(monkeypatch) -> None:
    sizes = set()
    monkeypatch.setattr(importance, "MAX_ROWS", 100)
    scored = importance.score_rows

    def count(pipeline, frame, task, features):
        sizes.add(len(frame))
        return scored(pipeline, frame, task, features)

    monkeypatch.setattr(importance, "score_rows", count)
    measured()
    assert sizes == {100, 300}


def test_without_a_metric_importance_is_unknown() -> None:
    contract, table = make_contract(), make_table()
    model = Model(
        fit(table, contract, settings("linear")), describe(contract, settings("linear"), {}, None)
    )
    ones = table.query("target == 'yes'")
    found = permutation_importance(model, ones, np.ones(len(ones)), metric="roc_auc", seed=0)
    assert found["importance"].isna().all()
