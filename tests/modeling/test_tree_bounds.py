"""Trees that a file gave are walked in C: none may lead out of its arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quickstack.facts.errors import ModelError
from quickstack.models.modeling.tree_bounds import require_bounded_trees


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 3)), rng.integers(0, 2, 200)


def boosted(rows):
    x, y = rows
    letters = np.array(["u", "v", "w"])[np.where(np.arange(200) % 3 == 0, 1, y * 2)]
    frame = pd.DataFrame({"a": x[:, 0], "b": pd.Categorical(letters)})
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5, random_state=0)
    return model.fit(frame, x[:, 1] + y)


NODES = {"left": 10**6, "right": 0, "feature_idx": 7, "value": np.nan}


@pytest.mark.parametrize("name", [*NODES, "bitset_idx", "codes", "categorical"])
def test_a_boosted_tree_that_leads_out_is_refused(rows, name):
    model = boosted(rows)
    require_bounded_trees(make_pipeline(StandardScaler(), model))
    tree = next(t[0] for t in model._predictors if t[0].nodes["is_categorical"].any())
    if name == "codes":
        place = int(np.flatnonzero(model._bin_mapper.is_categorical_)[0])
        model._bin_mapper.bin_thresholds_[place] = np.array([0.0, 1e9])
    elif name == "categorical":
        model._bin_mapper.is_categorical_ = np.zeros(2, bool)
    elif name == "bitset_idx":
        tree.nodes["bitset_idx"][tree.nodes["is_categorical"] != 0] = 99
    else:
        tree.nodes[name][0] = NODES[name]
    with pytest.raises(ModelError, match="leads out of it"):
        require_bounded_trees(make_pipeline(StandardScaler(), model))


@pytest.mark.parametrize(
    ("name", "value"), [("left_child", 10**6), ("right_child", 0), ("feature", 3), ("feature", -9)]
)
def test_a_tree_of_a_forest_that_leads_out_is_refused(rows, name, value):
    model = RandomForestClassifier(n_estimators=2, max_depth=3, random_state=0).fit(*rows)
    require_bounded_trees(model)
    tree = model.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"][name][0] = value
    tree.__setstate__(state)
    with pytest.raises(ModelError, match="leads out of it"):
        require_bounded_trees(model)
