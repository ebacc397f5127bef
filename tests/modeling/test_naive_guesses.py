"""Naive guesses know what the horizon lets them know, each entity for itself, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import real_data
from modeling.cases import make_contract
from quickstack.facts.contract.model import Column, Span, Split
from quickstack.models.evaluation.naive_guesses import naive_guesses
from quickstack.models.modeling.fit import encode_target
from quickstack.models.modeling.metrics import measure_all
from quickstack.models.modeling.split import TEST, split_labels

CLASSES = ("a", "b", "c")


def guessed(table, target, task="regression", split="2024-03-01", **changes):
    columns = (
        Column("shop", "string"), Column("at", changes.pop("kind", "timestamp")), target
    )  # fmt: skip
    contract = replace(
        make_contract(task, columns=columns, time_column="at", period="month"),
        split=Split(from_time=split), target=target.name, **changes,
    )  # fmt: skip
    labels = split_labels(table, contract)
    return naive_guesses(table, labels, contract), table[labels == TEST]


def hours(count, shops=1):
    """Return rows by the hour, shop after shop within an hour; the target numbers the hours."""
    at = np.repeat(np.arange(count), shops)
    return pd.DataFrame(
        {
            "shop": np.tile([f"s{n}" for n in range(shops)], count),
            "at": pd.Timestamp("2024-01-01").to_datetime64() + at.astype("timedelta64[h]"),
            "y": at + 10_000.0 * np.tile(np.arange(shops), count),
        }
    ).astype({"at": "datetime64[us]"})


@pytest.mark.parametrize(
    ("horizon", "back", "season"),
    [(None, 1, 24), (Span(1, "hour"), 1, 24), (Span(30, "hour"), 30, 48), (Span(5, "row"), 5, 0)],
)
def test_the_last_known_one_and_a_season_before_of_each_entity(horizon, back, season):
    told = f", {horizon} before" if horizon else ""
    target = Column("y", "number")
    found, test = guessed(hours(1600, 3), target, group="shop", horizon=horizon)
    assert np.array_equal(found[f"the last known one{told}"], test["y"] - back)
    names = [f"the one of {season // 24} day{'s' * (season > 24)} before"] if season else []
    assert np.array_equal(*[[*found][4:5], names])
    for name in names:
        assert np.array_equal(found[name], test["y"] - season)
    assert len({*found["the mean of each `shop`"]}) == 3


def test_a_season_of_months_goes_by_the_calendar():
    months = pd.date_range("2020-01-01", periods=60, freq="MS").astype("datetime64[us]")
    table = pd.DataFrame({"shop": "s", "at": months, "y": np.arange(60.0)})
    found, test = guessed(table, Column("y", "number"), split="2024-01-01", kind="date")
    assert np.array_equal(found["the one of 12 months before"], test["y"] - 12)


def test_classes_are_guessed_by_what_followed_them_in_training():
    table = hours(1600)
    table["y"] = np.array(CLASSES)[np.arange(1600) // 4 % 3]  # each stays for four hours
    target = Column("y", "string", allowed=CLASSES)
    found, test = guessed(table, target, "multiclass", positive=None)
    last = found["the last known one"]
    assert np.allclose(last.sum(axis=1), 1)
    known = np.array([CLASSES.index(name) for name in table["y"]])[test.index - 1]
    assert np.array_equal(last.argmax(axis=1), known)
    assert last.max(axis=1) == pytest.approx(0.75, abs=0.01)
    assert np.isnan(last).sum() == 0


def test_no_guess_sees_the_row_itself_or_a_row_after_the_horizon():
    table = hours(1600, 2)
    for span in (None, Span(24, "hour"), Span(3, "row")):
        found, test = guessed(table, Column("y", "number"), group="shop", horizon=span)
        other = table.copy()
        other.loc[test.index[-1], "y"] = 1e9  # the last row of all is known to none
        again, _ = guessed(other, Column("y", "number"), group="shop", horizon=span)
        assert all(np.array_equal(found[name], again[name]) for name in found)


def test_bike_sharing_at_a_horizon_of_an_hour_and_of_a_day():
    table = pd.read_csv(real_data("bike_sharing/hour.csv"), parse_dates=["dteday"])
    table = table.rename(columns={"dteday": "at"}).astype({"at": "datetime64[us]"})
    table["shop"] = "s"
    reached = {}
    for span in (Span(1, "hour"), Span(24, "hour")):
        target = Column("cnt", "integer")
        found, test = guessed(table, target, split="2012-07-01", kind="date", horizon=span)
        truth = encode_target(test, replace(make_contract("regression"), target="cnt"))
        reached |= {name: measure_all("regression", truth, g)["mae"] for name, g in found.items()}
    assert reached["the mean"] > 170
    assert 80 < reached["the last known one, 1 hour before"] < 90
    assert 75 < reached["the last known one, 24 hours before"] < 85
    assert 60 < reached["the one of 7 days before"] < 75
