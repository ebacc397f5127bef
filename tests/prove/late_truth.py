"""Real data whose truth is hidden: does the interval of the estimated loss hold the true one?

A model of the first half scores the other half, period by period. Each period's loss is estimated
before its truth is known, from the periods before it. A run looks at one period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import TimeSeriesSplit
from verdicts import Outcome, Scenario

from helpers import real_data
from quickstack.data.sample.generate import sample_months
from quickstack.models.modeling.expected_loss import describe_losses
from quickstack.models.modeling.period_quality import describe_quality
from quickstack.models.monitoring.performance import Outcomes, judge

#: Periods of the second half; the first half has as many.
PERIODS = 12


def bank() -> pd.DataFrame:
    """Calls in the order of time: inputs and outcomes change."""
    table = pd.read_csv(real_data("bank_marketing/bank-additional-full.csv"), sep=";")
    return table.drop(columns="duration").rename(columns={"y": "_truth"})


def telco(ascending: bool | None) -> pd.DataFrame:
    """Customers by tenure, or shuffled: only inputs change, or nothing."""
    table = pd.read_csv(real_data("telco_churn/Telco-Customer-Churn.csv"), na_values=[" "])
    table = table.drop(columns="customerID").rename(columns={"Churn": "_truth"})
    if ascending is None:
        return table.sample(frac=1, random_state=0)
    return table.sort_values("tenure", ascending=ascending, kind="stable")


def sample() -> pd.DataFrame:
    """The built-in data set; in its last months people use the product less."""
    texts = (StringIO(text) for _, text in sample_months(24_000, 2024))
    months = [pd.read_csv(text, on_bad_lines="skip") for text in texts]
    table = pd.concat(months)[lambda t: t["churned_next_month"].isin(["yes", "no"])]
    kept = table.drop(columns=["customer_id", "month", "full_name", "email", "phone", "birth_date"])
    names = ["tenure_months", "monthly_fee", "usage_hours", "support_tickets", "satisfaction"]
    kept[names] = kept[names].apply(pd.to_numeric, errors="coerce")
    return kept.rename(columns={"churned_next_month": "_truth"})


def scored(table: pd.DataFrame) -> Iterator[tuple[bool, bool]]:
    """Say of each period of the second half whether its loss was estimated, and held."""
    truth = table.pop("_truth").str.lower().eq("yes").to_numpy(dtype="float64")
    inputs = np.column_stack([_numbers(table[name]) for name in table])
    half = len(truth) // 2
    held_out = [(learned, rows) for learned, rows in TimeSeriesSplit(5).split(inputs[:half])
                if 2 * len(learned) >= half]  # fmt: skip
    rows = np.concatenate([rows for _, rows in held_out])
    scores = np.concatenate([_fit(inputs[a], truth[a])(inputs[b]) for a, b in held_out])
    labels = np.array([f"a{n:02d}" for n in np.arange(len(rows)) * (PERIODS // 2) // len(rows)])
    losses = (scores - truth[rows]) ** 2
    known: dict[str, Any] = {
        "loss": {"name": "brier", "mean": losses.mean(), "standard_deviation": losses.std()},
        "quality": describe_quality("binary", truth[rows], scores, 2, labels),
        "expected_loss": describe_losses("binary", truth[rows], scores, labels),
    }
    later = _fit(inputs[:half], truth[:half])(inputs[half:])
    periods = np.arange(len(later)) * PERIODS // len(later)
    for period in range(PERIODS):
        seen, own = periods <= period, periods == period
        said = np.where(own, np.nan, truth[half:])[seen]
        names = np.array([f"b{n:02d}" for n in periods[seen]], dtype=object)
        found = judge(Outcomes(names, said, later[seen]), "binary", "brier", known)[-1].estimated
        true = ((later - truth[half:]) ** 2)[own].mean()
        yield found is not None, found is None or bool(found.low <= true <= found.high)


def _numbers(column: pd.Series) -> Any:
    return column.to_numpy(float) if column.dtype.kind in "if" else pd.factorize(column)[0]


def _fit(inputs: Any, truth: Any) -> Callable[[Any], Any]:
    model = HistGradientBoostingClassifier(max_iter=80, max_leaf_nodes=12, random_state=0)
    fitted = model.fit(inputs, truth)
    return lambda rows: fitted.predict_proba(rows)[:, 1]


def hidden(read: Callable[[], pd.DataFrame]) -> Callable[[int], Mapping[str, Outcome]]:
    """Look at one period a run; all are looked at equally often."""
    looked = cache(lambda: list(scored(read())))

    def run(seed: int) -> Mapping[str, Outcome]:
        estimated, held = looked()[seed % PERIODS]
        return {HELD: (held, None), "a loss is estimated": (estimated, None)}

    return run


HELD = "the interval holds it, or says none"
CLAIMS = {HELD: (0.9, 1.0), "a loss is estimated": (0.0, 1.0)}
SCENARIOS = (
    Scenario("late truth: bank, in order", hidden(bank), CLAIMS),
    Scenario("late truth: telco, tenure up", hidden(lambda: telco(True)), CLAIMS),
    Scenario("late truth: telco, tenure down", hidden(lambda: telco(False)), CLAIMS),
    Scenario("late truth: telco, shuffled", hidden(lambda: telco(None)), CLAIMS),
    Scenario("late truth: sample", hidden(sample), CLAIMS),
)
