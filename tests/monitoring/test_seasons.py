"""What only says the time, where a period stands in its season, and whether it has only begun."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from quickstack.facts.contract.model import Span
from quickstack.models.modeling.split import period_labels
from quickstack.models.modeling.time_features import says_time
from quickstack.models.monitoring.seasons import (
    covered_shares,
    season_length,
    season_positions,
)


def contract(period="month", season=None, rows=None):
    return SimpleNamespace(
        period=None if rows else period,
        season=season,
        rows_per_period=rows,
        time_column=None if rows else "at",
        ordered=True,
    )


@pytest.mark.parametrize(
    ("given", "length"),
    [
        (contract("month"), 12),
        (contract("hour"), 168),
        (contract("hour", Span(24, "hour")), 24),
        (contract("hour", Span(7, "day")), 168),
        (contract("week", Span(12, "month")), 52),
        (contract("quarter", Span(12, "month")), 4),
        (contract("day", Span(30, "minute")), None),
        (contract("year"), None),
        (contract(rows=100), None),
        (contract(rows=100, season=Span(700, "row")), 7),
        (contract(rows=100, season=Span(150, "row")), None),
    ],
)
def test_season_in_periods(given, length):
    assert season_length(given) == length


@pytest.mark.parametrize(
    ("period", "one", "same", "other", "length"),
    [
        ("month", "2024-03", "2025-03", "2025-04", 12),
        ("quarter", "2023-Q4", "2025-Q4", "2025-Q1", 4),
        ("week", "2020-W10", "2021-W10", "2021-W11", 52),
        ("day", "2024-03-04", "2024-03-11", "2024-03-12", 7),
        ("hour", "2024-03-04T13", "2024-03-05T13", "2024-03-05T14", 24),
        (None, "0003", "0010", "0011", 7),
    ],
)
def test_the_same_season(period, one, same, other, length):
    found = season_positions([one, same, other, ""], period, length)
    assert found[one] == found[same] != found[other]


YEARS = pd.date_range("2022-01-01", "2024-06-30", freq="6h").to_numpy()
RNG = np.random.default_rng(0)
DAYS = pd.DatetimeIndex(YEARS)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(len(YEARS)), True),
        (-np.arange(len(YEARS)) // 100, True),
        (DAYS.year, True),
        (DAYS.month, True),
        (DAYS.day_of_week, True),
        (np.sin(2 * np.pi * DAYS.hour / 24), True),
        (DAYS.isocalendar().week.to_numpy(), True),
        (np.asarray(DAYS.day_name(), dtype=object), True),
        ((DAYS.day_of_week > 4).astype(float), True),
        (np.arange(len(YEARS)) + RNG.normal(0, 5, len(YEARS)), False),
        (DAYS.month + RNG.integers(0, 2, len(YEARS)), False),
        (RNG.normal(size=len(YEARS)), False),
        (np.zeros(len(YEARS)), False),
        (np.repeat(RNG.normal(size=len(YEARS) // 4 + 1), 4)[: len(YEARS)], False),
    ],
)
def test_features_that_only_say_the_time(values, expected):
    values = pd.Series(np.asarray(values))
    if pd.api.types.is_numeric_dtype(values):
        values = values.astype("float64")
    order = RNG.permutation(len(values))
    assert says_time(values.iloc[order], YEARS[order]) is expected


def test_a_month_of_measurements_is_no_calendar():
    days = np.repeat(np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]"), 5)
    assert not says_time(pd.Series(np.repeat(RNG.normal(size=31), 5)), days)


def shares(at, test_from, period="month"):
    given = contract(period)
    table = pd.DataFrame({"at": at})
    periods = period_labels(table, given)
    codes = np.where(at >= np.datetime64(test_from), periods.codes, 0)
    batches = pd.Categorical.from_codes(codes, dtype=periods.dtype)
    return covered_shares(at, periods, batches, given)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (pd.date_range("2024-01-01", "2025-03-02"), {"2025-03"}),
        (pd.date_range("2024-01-01", "2025-03-30"), set()),
        # Month ends without a business day are as whole as others.
        (pd.bdate_range("2024-01-01", "2025-03-31"), set()),
        # One row a month, at its start.
        (pd.date_range("2024-01-01", "2025-03-01", freq="MS"), set()),
    ],
)
def test_a_month_that_has_only_begun(at, expected):
    assert set(shares(at.to_numpy(), "2025-01-01")) == expected


def test_a_period_of_which_the_split_leaves_the_end_is_not_whole():
    at = pd.date_range("2024-01-01", "2025-03-31").to_numpy()
    assert set(shares(at, "2025-01-20")) == {"2025-01"}


def test_a_last_block_of_rows_that_is_not_full_has_only_begun():
    given = contract(rows=100)
    table = pd.DataFrame({"x": range(430)})
    periods = period_labels(table, given)
    assert covered_shares(np.arange(430), periods, periods, given) == {"0005": pytest.approx(0.3)}
