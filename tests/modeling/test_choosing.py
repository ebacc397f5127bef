"""`auto` leaves the default only for what is clearly better, and says how it chose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.cases import ORDERED, make_contract, make_table, settings
from quickstack.facts.errors import ModelError
from quickstack.models.modeling.choosing import BLOCKS, DEFAULT, SLOWER, choose, clearly_best

FEW = settings(DEFAULT).gradient_boosting.model_copy(update={"iterations": 3})
PARAMS = settings("auto", gradient_boosting=FEW)


def line(rows=300):
    """A target that one straight line gives."""
    table = make_table("regression", rows=rows)
    table["target"] = table["fee"].fillna(0.0) + np.random.default_rng(0).normal(0, 0.1, rows)
    return table


def test_a_straight_line_is_left_to_the_linear_model() -> None:
    contract = make_contract("regression", **ORDERED)
    params, choice = choose(line(), contract, PARAMS)
    assert choice is not None
    assert (params.model, choice["chosen"]) == ("linear", "linear")
    assert (choice["folds"], choice["loss"]) == (f"{BLOCKS} blocks in time", "absolute_error")
    default, slower, linear = choice["candidates"]
    assert [default["name"], slower["name"], linear["name"]] == [DEFAULT, SLOWER, "linear"]
    assert linear["high"] < 0 < default["loss"]
    assert linear["difference"] == pytest.approx(linear["loss"] - default["loss"], abs=2e-6)
    named = settings("linear")
    assert choose(line(), contract, named) == (named, None)


def test_the_default_stays_where_nothing_is_clearly_better() -> None:
    default = np.linspace(0.29, 0.31, 10)
    noise = np.tile([0.02, -0.021], 5)
    chosen, described = clearly_best({DEFAULT: default, SLOWER: default + noise}, 0.0)
    assert chosen == DEFAULT
    assert described[1]["difference"] < 0 < described[1]["high"]
    # A small gain in every fold is clear, unless folds share the rows that they learned from.
    losses = {DEFAULT: default, "linear": default - 0.002 + 0.1 * noise}
    assert [clearly_best(losses, share)[0] for share in (0.0, 1.0)] == ["linear", DEFAULT]


def test_too_few_rows_to_compare() -> None:
    table = pd.concat([make_table(rows=8)])
    with pytest.raises(ModelError, match="cannot be compared"):
        choose(table, make_contract(), PARAMS)
