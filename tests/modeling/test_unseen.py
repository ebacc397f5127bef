"""A value that training never saw is scored as rows like it are, by every candidate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modeling.cases import make_contract, settings
from quickstack.facts.contract.model import Column
from quickstack.models.modeling.features import Feature, feature_frame, features
from quickstack.models.modeling.fit import cross_validate, describe, fit
from quickstack.models.modeling.model_file import Model
from quickstack.models.modeling.predict import model_features, predict
from quickstack.models.modeling.unseen import count_unseen, stand_ins, unseen_values, with_seen

TRAINED = ("linear", "random_forest", "gradient_boosting")
CHANNELS = ("a", "b", "new", "rare")


def channel_contract(task="binary", **changes):
    target = Column("target", "string", allowed=("yes", "no"))
    return make_contract(
        task,
        columns=(
            Column("id", "string", key_position=1),
            Column("channel", "string", allowed=CHANNELS),
            Column("size", "number"),
            Column("target", "number") if task == "regression" else target,
        ),
        **changes,
    )


def channels(rows=3000, new=0.0, seed=0):
    """Rows of which a fifth has no channel and nearly always says yes; `new` goes like a and b."""
    rng = np.random.default_rng(seed)
    channel = rng.choice(["a", "b"], rows).astype(object)
    channel[rng.random(rows) < 0.2] = None
    channel[rng.random(rows) < new] = "new"
    size = rng.random(rows)
    rate = np.where(pd.isna(channel), 0.9, np.where(size > 0.5, 0.18, 0.02))
    return pd.DataFrame(
        {
            "id": [f"K{n}" for n in range(rows)],
            "channel": channel,
            "size": size,
            "target": np.where(rng.random(rows) < rate, "yes", "no"),
        }
    )


def trained(contract, table, name) -> Model:
    params = settings(name, folds=0)
    return Model(fit(table, contract, params), describe(contract, params, {}, None, table))


@pytest.mark.parametrize("name", TRAINED)
def test_a_new_category_is_scored_as_rows_like_it(name) -> None:
    """It was scored as if it were missing: 0.907 where 10 % are true."""
    model = trained(channel_contract(), channels(), name)
    later = channels(1500, new=0.3, seed=1)
    new = (later["channel"] == "new").to_numpy()
    scored = predict(model, later)
    for part in (later["size"] > 0.5, later["size"] <= 0.5):
        rate = (later["target"][new & part] == "yes").mean()
        assert scored["probability"][new & part].mean() == pytest.approx(rate, abs=0.1)
    assert (scored["unseen"][new] == "channel").all()
    assert scored["unseen"][~new].isna().all()
    missing = later["channel"].isna()
    assert scored["probability"][missing].mean() > 0.8  # missing stays what it was


@pytest.mark.parametrize("name", TRAINED)
def test_numbers_are_averaged_by_how_often_values_were_seen(name) -> None:
    table = channels(2000)
    table["target"] = np.where(table["channel"] == "a", 10.0, 30.0) + table["size"]
    table.loc[table["channel"].isna(), "target"] = 90.0
    table = pd.concat([table[table["channel"] != "b"], table[table["channel"] == "b"].iloc[:100]])
    model = trained(channel_contract("regression"), table.reset_index(drop=True), name)
    scored = predict(model, pd.DataFrame({"channel": ["new"], "size": [0.5]}))
    shares = table["channel"].value_counts(normalize=True)
    wanted = 10 * shares["a"] + 30 * shares["b"] + 0.5
    assert scored["prediction"][0] == pytest.approx(wanted, abs=2)


def test_several_values_of_a_row_are_replaced_apart() -> None:
    known = [
        Feature("x", "category", ("a", "b", "new"), (30, 30, 0)),
        Feature("y", "category", ("a", "b", "new"), (45, 15, 0)),
        Feature("z", "numeric"),
    ]
    frame = pd.DataFrame({"x": ["new", "a"], "y": ["new", "new"], "z": [1.0, 2.0]}, dtype=object)
    unseen = unseen_values(frame, known)
    assert {name: rows.tolist() for name, rows in unseen.items()} == {
        "x": [True, False],
        "y": [True, True],
    }
    assert count_unseen(unseen, 2) == {"rows": 2, "columns": {"x": 1, "y": 2}}
    filled = stand_ins(frame, known, unseen)
    first, second = filled.iloc[::2], filled.iloc[1::2]
    assert (second["x"] == "a").all()
    assert second["y"].value_counts().to_dict() == {"a": 24, "b": 8}
    together = first.groupby(["x", "y"]).size().to_dict()
    assert min(together.values()) >= 2
    assert len(together) == 4


def test_missing_is_not_unseen() -> None:
    frame = pd.DataFrame({"x": ["a", None, "zzz"]}, dtype=object)
    known = with_seen([Feature("x", "category", ("a", "b"))], frame)
    assert known[0].seen == (1, 0)
    assert unseen_values(frame, known)["x"].tolist() == [False, False, True]
    never = with_seen([Feature("x", "category", ("a",))], frame.iloc[1:2])
    assert unseen_values(frame, never) == {}


def test_the_model_file_says_what_was_seen() -> None:
    contract, table = channel_contract(), channels()
    model = trained(contract, table, "linear")
    (channel, _) = model_features(model)
    counts = table["channel"].value_counts()
    assert channel.seen == (counts["a"], counts["b"], 0, 0)
    frame = feature_frame(table, features(contract))
    assert unseen_values(frame, model_features(model)) == {}


def test_a_fold_knows_its_own_rows_only() -> None:
    """The rare value stands in one fold: models of the others never saw it."""
    table = channels(400)
    table.loc[7, "channel"] = "rare"
    found = cross_validate(table, channel_contract(), settings("gradient_boosting", folds=2))
    assert found is not None


def test_the_class_that_costs_more_is_predicted_sooner() -> None:
    table = channels()
    plain = predict(trained(channel_contract(), table, "linear"), table)
    costly = channel_contract(class_cost={"yes": 9.0})
    weighed = predict(trained(costly, table, "linear"), table)
    assert (weighed["probability"] == plain["probability"]).all()
    assert (weighed["prediction"] == "yes").equals(plain["probability"] > 0.1)
    assert (plain["prediction"] == "yes").equals(plain["probability"] > 0.5)


@pytest.mark.parametrize("name", TRAINED)
def test_weights_reach_the_model(name) -> None:
    """Rows of weight 0 are as good as absent."""
    table = channels(1000)
    wrong = table.assign(target=np.where(table["target"] == "yes", "no", "yes"), w=0.0)
    both = pd.concat([table.assign(w=2.0), wrong], ignore_index=True)
    weighted = channel_contract(weight="w")
    scored = predict(trained(weighted, both, name), table)["probability"]
    alone = predict(trained(channel_contract(), table, name), table)["probability"]
    assert np.abs(scored - alone).mean() < 0.05
    assert np.corrcoef(scored, alone)[0, 1] > 0.95
