"""Compare `train.model: auto` with the default on rows that neither saw.

Run it in the root of a clone: `python benchmarks/choosing.py`. It takes the four real data sets of
the tests (`QUICKSTACK_TEST_DATA`) and seven that generators of scikit-learn and of this file make,
none of which served to design the rule. Each is cut in two: the older half trains, the newer half
tests; where there is no order, every second row. The loss is that of cross-validation (Brier score
or absolute error); the gain is the logarithm of the ratio of the two losses. `auto` may become the
default only where the 95 % interval of the mean gain excludes zero and its worst loss is at most
2 %.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn import datasets

from quickstack.facts.contract.model import Column, Contract, Source, Split, Task
from quickstack.facts.params import read_params
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.choosing import DEFAULT, choose
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import encode_target, fit
from quickstack.models.modeling.metrics import row_losses
from quickstack.models.modeling.predict import score_rows

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("QUICKSTACK_TEST_DATA") or ROOT.parent / "shared" / "data")
ROWS = 6000


def contract_of(name: str, table: pd.DataFrame, task: Task, *, ordered: bool) -> Contract:
    """Describe a table: numbers, and text as categories."""
    columns = []
    for column in table:
        number = pd.api.types.is_numeric_dtype(table[column])
        allowed = () if number else tuple(sorted(table[column].dropna().unique()))
        columns.append(Column(str(column), "number" if number else "string", allowed=allowed))
    return Contract(
        id=name, name=name, version="1", description="", grain="", source=Source("none"),
        columns=tuple(columns), task=task, target="target", split=Split(from_row=len(table) // 2),
        positive="yes" if task == "binary" else None,
        rows_per_period=max(len(table) // 40, 1) if ordered else None,
    )  # fmt: skip


def real() -> Iterator[tuple[str, pd.DataFrame, Task, bool]]:
    """Give the real data sets without the columns that know the target."""
    bank = pd.read_csv(DATA / "bank_marketing/bank-additional-full.csv", sep=";")
    yield "bank", bank.drop(columns="duration").rename(columns={"y": "target"}), "binary", True
    telco = pd.read_csv(DATA / "telco_churn/Telco-Customer-Churn.csv").drop(columns="customerID")
    telco["TotalCharges"] = pd.to_numeric(telco["TotalCharges"], errors="coerce")
    telco["target"] = telco.pop("Churn").str.lower()
    yield "telco", telco, "binary", False
    bike = pd.read_csv(DATA / "bike_sharing/hour.csv").rename(columns={"cnt": "target"})
    bike = bike.drop(columns=["instant", "dteday", "casual", "registered"])
    yield "bike", bike, "regression", True
    flights = pd.read_csv(DATA / "nycflights13/flights.csv.gz").dropna(subset=["arr_delay"])
    flights = flights.sort_values(["month", "day", "hour"], kind="stable")
    late = flights["arr_delay"] >= 30
    taken = ["month", "day", "hour", "minute", "carrier", "origin", "distance"]
    yield "flights", flights[taken].assign(target=np.where(late, "yes", "no")), "binary", True


def generated() -> Iterator[tuple[str, pd.DataFrame, Task, bool]]:
    """Give invented data sets."""
    rng = np.random.default_rng(11)

    def table(x: Any, y: Any) -> pd.DataFrame:
        found = pd.DataFrame(x, columns=[f"x{number}" for number in range(x.shape[1])])
        return found.assign(target=y)

    for number in (1, 2, 3):
        make = getattr(datasets, f"make_friedman{number}")
        x, y = make(ROWS, noise=1.0 if number < 3 else 0.2, random_state=number)
        yield f"friedman {number}", table(x, y), "regression", False
    x, y = datasets.make_classification(
        ROWS, 20, n_informative=6, n_redundant=4, flip_y=0.1, random_state=4
    )
    yield "clusters", table(x, np.where(y, "yes", "no")), "binary", False
    x = rng.normal(size=(ROWS, 12))
    chance = 1 / (1 + np.exp(-x @ rng.normal(size=12)))
    yield "a plane", table(x, np.where(rng.random(ROWS) < chance, "yes", "no")), "binary", False
    x, y = datasets.make_hastie_10_2(ROWS, random_state=6)
    yield "a ball", table(x, np.where(y > 0, "yes", "no")), "binary", False
    x = np.column_stack([np.arange(ROWS) / ROWS, rng.normal(size=(ROWS, 6))])
    slope = np.linspace(1, -1, ROWS)[:, None]
    signal = (x[:, 1:4] * slope).sum(axis=1) + x[:, 4] + rng.normal(size=ROWS)
    yield "drifting", table(x, np.where(signal > 0, "yes", "no")), "binary", True


def loss_of(train: pd.DataFrame, test: pd.DataFrame, contract: Contract, params: Any) -> float:
    """Fit on some rows, and return the mean loss on others."""
    pipeline = fit(train, contract, params)
    frame = feature_frame(test, features(contract, train))
    scores = score_rows(pipeline, frame, contract.task)
    return float(row_losses(contract.task, encode_target(test, contract), scores).mean())


def main() -> None:
    """Print a line for each data set, and whether `auto` proves itself."""
    params = read_params(TrainParams, ROOT / "params.yaml")
    params = params.model_copy(update={"model": "auto"})
    gains = []
    print("| data | default | auto | gain | chosen |\n|---|--:|--:|--:|---|", flush=True)
    for name, whole, task, ordered in (*real(), *generated()):
        step = max(len(whole) // (2 * ROWS), 1)
        table = whole.iloc[::step].reset_index(drop=True)
        contract = contract_of(name, table, task, ordered=ordered)
        half = np.arange(len(table)) % 2 == 0
        if ordered:
            half = np.arange(len(table)) < len(table) // 2
        train, test = (table[rows].reset_index(drop=True) for rows in (half, ~half))
        chosen, choice = choose(train, contract, params)
        assert choice is not None
        before = after = loss_of(
            train, test, contract, params.model_copy(update={"model": DEFAULT})
        )
        if choice["chosen"] != DEFAULT:
            after = loss_of(train, test, contract, chosen)
        gains.append(np.log(before / after))
        line = f"{before:.4f} | {after:.4f} | {gains[-1]:+.2%} | {choice['chosen']}"
        print(f"| {name} | {line} |", flush=True)
    mean, spread = np.mean(gains), np.std(gains, ddof=1) / len(gains) ** 0.5
    half_width = t.ppf(0.975, len(gains) - 1) * spread
    print(
        f"\nmean gain {mean:+.2%}, 95 % interval {mean - half_width:+.2%} to "
        f"{mean + half_width:+.2%}; worst {min(gains):+.2%}"
    )
    proved = mean - half_width > 0 and min(gains) >= -0.02
    print("auto may be the default" if proved else "the default stays")


if __name__ == "__main__":
    main()
