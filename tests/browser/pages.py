"""Pages of each task on made data, for the browser to open and for Python to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from examples import people_contract
from quickstack.facts.contract import Column, Contract
from quickstack.facts.contract.model import HIGHER_IS_BETTER, Decision
from quickstack.results.exporting.axes import scale_of
from quickstack.results.exporting.histograms import Histograms
from quickstack.results.exporting.page import page_view, render_page

EVIL = "</script><img src=x onerror=alert(1)>"
CLASSES = {"binary": ("no", "yes"), "multiclass": ("walk", "bus", "car"), "regression": ()}
NAMES = {task: tuple(known) for task, known in HIGHER_IS_BETTER.items()}
MAIN = {task: names[0] for task, names in NAMES.items()}
HASHES = {"data": "d" * 64, "model": "e" * 64, "contract": "c" * 64, "reports": {}}
QUALITY = {
    "rows": {"read": 4007, "clean": 4000, "quarantined": 7},
    "files": [{}, {}],
    "rules": [{"column": "age", "rule": "minimum", "rows": 7}],
    "missing": {"region": 120},
    "newest": "2025-04-01",
}
PUBLICATION = {
    "run": "2026-10-05T052600Z-3a66daa",
    "revision": "3a66daa1b2c3d4e5f60718293a4b5c6d7e8f9012",
    "published": "2026-10-05T05:26:00Z",
    "data_arrived": "2026-10-05T02:00:00Z",
    "newest_row": "2026-10-01T00:00:00Z",
    "freshness": {"promise_hours": 840, "age_hours": 101.4, "kept": True, "lead_hours": 3.4},
    "changed": "The data are newer by one month, and the model is as good as before.",
    "reason": None,
    "history": [
        {
            "run": f"run-{week}",
            "revision": f"{week:040x}",
            "published": f"2026-{7 + week // 4:02d}-{1 + 7 * (week % 4):02d}T05:00:00Z",
            "model_version": f"{week:012x}",
            "data_version": f"{week + 40:012x}",
            "metric": "roc_auc",
            "value": 0.76 + 0.01 * (week % 3),
            "low": 0.74 + 0.01 * (week % 3),
            "high": 0.78 + 0.01 * (week % 3),
            "verdict": "alarm" if week == 9 else "stable",
            "drifted": week % 2,
            "clean": 60000 + 2500 * week,
            "quarantined": 12,
        }
        for week in range(12)
    ],
}


@dataclass
class Made:
    """What a page was made from."""

    contract: Contract
    rows: pd.DataFrame
    table: pd.DataFrame
    html: str

    @property
    def tested(self) -> pd.DataFrame:
        """The test rows whose truth is known, with everything a figure needs."""
        whole = self.rows.join(self.table)
        return whole[(whole["split"] == "test") & whole["target"].notna()]


def contract_of(task: str, segments: tuple[str, ...] = ("region", "плата"), **changes: Any) -> Any:
    columns = (
        Column("id", "string", key_position=1),
        *(Column(name, "string", description=f"Where {name}.") for name in segments),
        Column(
            "target",
            "number" if task == "regression" else "string",
            allowed=CLASSES[task],
            unit="EUR" if task == "regression" else None,
            description="What happened in the month after.",
        ),
    )
    decision = Decision(0.3, 40.0, -10.0, -5.0, 0.0, "EUR") if task == "binary" else Decision()
    settings = {
        "name": "Travel of people",
        "description": "Who does what next month?",
        "task": task,
        "target": "target",
        "positive": "yes" if task == "binary" else None,
        "columns": columns,
        "segments": segments,
        "decision": decision,
        "owners": {"data owner": "Sales"},
        "service_levels": {"freshness": "35 d"},
    }
    return people_contract(**(settings | changes))


def make_rows(task: str, rows: int = 4000, seed: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the table of predictions and the clean data: 4 periods, the first one for training."""
    rng = np.random.default_rng(seed)
    period = np.sort(rng.integers(1, 5, rows))
    region = rng.choice(["north", "south", EVIL, "=cmd()"], rows, p=[0.5, 0.3, 0.15, 0.05])
    effort = rng.normal(size=rows) + 0.6 * (region == "north")
    table = pd.DataFrame({"region": region, "плата": rng.choice(["карта", "счёт"], rows)})
    table.loc[rng.random(rows) < 0.03, "region"] = None
    split = np.where(period == 1, "train", "test")
    made: dict[str, Any] = {"period": [f"2025-{month:02d}" for month in period], "split": split}
    if task == "regression":
        predicted = 100 + 30 * effort
        table["target"] = predicted + rng.normal(4, 12, rows)
        made |= {"prediction": predicted.round(6), "low": predicted - 20, "high": predicted + 20}
    elif task == "binary":
        score = (1 / (1 + np.exp(1.2 - 1.5 * effort))).round(6)
        table["target"] = np.where(rng.random(rows) < score, "yes", "no")
        made |= {"prediction": np.where(score > 0.5, "yes", "no"), "probability": score}
    else:
        names = np.array(CLASSES[task])
        others = [rng.normal(size=rows) for _ in names[2:]]
        raw = np.exp(np.stack([effort, 0.4 - effort, *others], axis=1))
        scores = (raw / raw.sum(axis=1, keepdims=True)).round(6)
        draw = (rng.random((rows, 1)) > scores.cumsum(axis=1)).sum(axis=1)
        table["target"] = names[draw.clip(0, len(names) - 1)]
        made |= {"prediction": names[scores.argmax(axis=1)], "probability": scores.max(axis=1)}
        made |= {f"probability_{name}": scores[:, k] for k, name in enumerate(names)}
    unknown = rng.random(rows) < np.where(period == 4, 0.4, 0.0)
    table.loc[unknown, "target"] = None if task != "regression" else np.nan
    made["split"] = np.where(unknown, "unlabelled", split)
    return pd.DataFrame(made), table


def cells_of(
    contract: Contract, rows: pd.DataFrame, table: pd.DataFrame, parts: int = 3
) -> Histograms:
    """Count the rows in partitions."""
    cells = Histograms(contract, scale_of(contract, [table], {"rmse": 12.0}))
    for part in np.array_split(np.arange(len(rows)), parts):
        cells.add(rows.iloc[part], table.iloc[part])
    return cells


def reports(task: str) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame]:
    names, features = NAMES[task], ["age", "region", "плата"]
    metrics = {
        **dict.fromkeys(names, 0.8),
        "rows": {"train": 1000, "test": 2700, "unlabelled": 300},
        "interval": {name: {"low": 0.7, "high": 0.9} for name in names},
        "baseline": dict.fromkeys(names, 0.5),
        "difference": {name: {"better": True} for name in names},
        "cross_validation": {name: {"mean": 0.81, "standard_deviation": 0.01} for name in names},
    }
    periods = ["2025-02", "2025-03", "2025-04"]
    drift = {
        "verdict": "alarm",
        "smallest_shift": 0.3,
        "action": "Retrain; replace the model only by a better one.",
        "reasons": ["age moved further than before (PSI 0.40)."],
        "compared": "the newest period with the training rows",
        "calibrated": True,
        "features": [
            {"name": name, "psi": 0.4 / (k + 1) ** 3, "limit": 0.05, "drifted": k == 0,
             "result": "as before" if k else "drifted"}
            for k, name in enumerate(features)
        ],
        "periods": [
            {"period": p, "psi": {n: 0.1 * i / (k + 1) ** 2 for k, n in enumerate(features)},
             "limit": dict.fromkeys(features, 0.05), "judged": True, "not_judged": None,
             "drifted": ["age"] if i else []}
            for i, p in enumerate(periods)
        ],
        "performance": {
            "metric": MAIN[task],
            "loss": {"name": "brier"},
            "periods": [
                {"period": p, "rows": 1000, "labelled": 990, "metric": 0.8 - i / 50,
                 "dropped": i == 2, "fell": "ranking" if i == 2 else None, "estimated": None}
                for i, p in enumerate(periods)
            ],
        },
    }  # fmt: skip
    importance = pd.DataFrame(
        {"feature": features, "importance": [0.2, 0.1, -0.01], "standard_deviation": [0.02] * 3}
    )
    return metrics, drift, importance


def render(contract: Contract, cells: Histograms | None) -> str:
    metrics, drift, importance = reports(contract.task)
    tables = [{"name": "predictions", "rows": 4000, "description": "One row per person. More.",
               "files": [{"path": "predictions.csv"}]}]  # fmt: skip
    view = page_view(contract, metrics, drift, importance, QUALITY, tables, HASHES, cells)
    return render_page(view)


def make(task: str, **changes: Any) -> Made:
    """Make a page of a task."""
    contract = contract_of(task, **changes)
    rows, table = make_rows(task)
    return Made(contract, rows, table, render(contract, cells_of(contract, rows, table)))
