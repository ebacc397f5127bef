"""Contracts and tables that the tests of modelling share: invented ones, and the real data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from helpers import ROOT, real_data
from quickstack.facts.contract.model import Column, Contract, Source, Split, Task
from quickstack.facts.params import read_params
from quickstack.models.modeling.candidates import CANDIDATES, TrainParams

PLANS = ("basic", "plus", "pro")
DEFAULTS = read_params(TrainParams, ROOT / "params.yaml")
MODELS = tuple(CANDIDATES)

COLUMNS = (
    Column("id", "string", required=True, key_position=1),
    Column("month", "date", required=True),
    Column("email", "string", personal="pseudonym"),
    Column("phone", "string", personal="drop"),
    Column("plan", "string", allowed=PLANS),
    Column("age", "integer"),
    Column("fee", "number", unit="EUR"),
    Column("member", "boolean"),
    Column("rating", "integer", allowed=(1, 2, 3)),
    Column("note", "string"),
    Column("row_number", "integer", feature=False),
    Column("outcome_date", "date"),
    Column("refund", "number", leaks_target=True),
)
TARGETS: dict[Task, Column] = {
    "binary": Column("target", "string", allowed=("yes", "no"), description="Whether it ended."),
    "multiclass": Column("target", "string", allowed=("low", "middle", "high")),
    "regression": Column("target", "number", unit="EUR"),
}


def make_contract(task: Task = "binary", **changes: Any) -> Contract:
    """Return a contract of the invented table; split by the hash of the key, without an order."""
    contract = Contract(
        id="toy",
        name="Toy",
        version="1.0.0",
        description="What will happen?",
        grain="One row per person.",
        source=Source("data/raw/toy.csv"),
        columns=(*COLUMNS, TARGETS[task]),
        task=task,
        target="target",
        split=Split(share=0.3),
        positive="yes" if task == "binary" else None,
        owners={"data owner": "Sales", "model owner before deployment": "Data science"},
    )
    return replace(contract, **changes)


ORDERED: dict[str, Any] = {
    "split": Split(from_time="2024-07-01"), "time_column": "month", "period": "month"
}  # fmt: skip


def make_table(task: Task = "binary", rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Return interim rows, typed as `read_interim` types them, with missing values."""
    rng = np.random.default_rng(seed)
    plan = rng.integers(0, 3, rows)
    fee = rng.gamma(4.0, 10.0, rows)
    age = rng.integers(18, 90, rows)
    signal = 0.05 * fee + 1.0 * plan - 0.02 * age + rng.normal(size=rows)
    if task == "binary":
        target: Any = np.where(signal > np.median(signal), "yes", "no")
    elif task == "multiclass":
        target = np.array(["low", "middle", "high"])[pd.qcut(signal, 3, labels=False)]
    else:
        target = 10 * signal
    table = pd.DataFrame(
        {
            "id": [f"K{number:06d}" for number in range(rows)],
            "month": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 366, rows), "D"),
            "email": [f"{number:032x}" for number in range(rows)],
            "plan": np.array(PLANS)[plan],
            "age": pd.array(age, "Int64"),
            "fee": fee,
            "member": pd.array(rng.random(rows) < 0.5, "boolean"),
            "rating": pd.array(rng.integers(1, 4, rows), "Int64"),
            "note": "free text",
            "row_number": pd.array(np.arange(rows), "Int64"),
            "outcome_date": pd.Timestamp("2024-02-01"),
            "refund": rng.random(rows),
            "target": target,
        }
    )
    table["month"] = table["month"].astype("datetime64[us]")
    for name in ("plan", "age", "fee", "member"):
        table.loc[rng.random(rows) < 0.1, name] = None
    return table.sort_values("month", kind="stable", ignore_index=True)


def settings(model: str, **changes: Any) -> TrainParams:
    """Return the parameters of params.yaml with another model, and few trees."""
    few = {
        "random_forest": DEFAULTS.random_forest.model_copy(update={"trees": 20}),
        "gradient_boosting": DEFAULTS.gradient_boosting.model_copy(update={"iterations": 40}),
    }
    return DEFAULTS.model_copy(update={"model": model, **few, **changes})


def telco() -> tuple[pd.DataFrame, Contract]:
    """Return the Telco churn data, every row labelled: numbers, and text as categories."""
    table = pd.read_csv(real_data("telco_churn/Telco-Customer-Churn.csv"))
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    columns = [Column("customerID", "string", key_position=1, personal="pseudonym")]
    for name in table.columns[1:]:
        number = pd.api.types.is_numeric_dtype(table[name])
        allowed = () if number else tuple(sorted(table[name].unique()))
        columns.append(Column(name, "number" if number else "string", allowed=allowed))
    contract = make_contract(columns=tuple(columns))
    return table, replace(contract, target="Churn", positive="Yes", split=Split(share=0.3))
