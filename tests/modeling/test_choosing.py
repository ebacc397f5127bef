"""`auto` leaves the default only for what is clearly better, and says how it chose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.cases import ORDERED, make_contract, make_table, settings
from quickstack.facts.errors import ModelError
from quickstack.models.modeling.choosing import BLOCKS, DEFAULT, SLOWER, choose
from quickstack.models.modeling.fit import fit

FEW = settings(DEFAULT).gradient_boosting.model_copy(update={"iterations": 10})
PARAMS = settings("auto", gradient_boosting=FEW)


def line(rows=500):
    """A target that one straight line gives."""
    table = make_table("regression", rows=rows)
    table["target"] = table["fee"].fillna(0.0) + np.random.default_rng(0).normal(0, 0.1, rows)
    return table


@pytest.mark.parametrize("changes", [{}, ORDERED], ids=["by key", "by time"])
def test_a_straight_line_is_left_to_the_linear_model(changes) -> None:
    contract = make_contract("regression", **changes)
    params, choice = choose(line(), contract, PARAMS)
    assert choice is not None
    assert (params.model, choice["chosen"]) == ("linear", "linear")
    folds = f"{BLOCKS} blocks in time" if changes else "5 folds, 2 times"
    assert (choice["folds"], choice["loss"]) == (folds, "absolute_error")
    default, slower, linear = choice["candidates"]
    assert [default["name"], slower["name"], linear["name"]] == [DEFAULT, SLOWER, "linear"]
    assert linear["high"] < 0 < default["loss"]
    assert linear["difference"] == pytest.approx(linear["loss"] - default["loss"], abs=2e-6)
    assert hasattr(fit(line(), contract, params)[-1], "coef_")


def test_the_default_stays_where_nothing_is_clearly_better() -> None:
    table = make_table(rows=300)
    table["target"] = np.where(np.random.default_rng(1).random(300) < 0.5, "yes", "no")
    flat = FEW.model_copy(update={"learning_rate": 0.01})
    params = settings("auto", gradient_boosting=flat)
    chosen, choice = choose(table, make_contract(), params)
    assert choice is not None
    assert (chosen.model, choice["chosen"]) == (DEFAULT, DEFAULT)
    assert all(each.get("high", 0) >= 0 for each in choice["candidates"])
    named = settings("linear")
    assert choose(table, make_contract(), named) == (named, None)


def test_too_few_rows_to_compare() -> None:
    table = pd.concat([make_table(rows=8)])
    with pytest.raises(ModelError, match="cannot be compared"):
        choose(table, make_contract(), PARAMS)
