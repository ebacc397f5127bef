"""Small exports of each task, written as the export stage writes them, and what breaks names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from examples import people_contract
from quickstack.facts.contract import Column, Contract, Split
from quickstack.facts.contract.model import Decision
from quickstack.results.exporting import export_tables
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.powerbi.project import write_project
from quickstack.results.exporting.write_tables import write_table

CLASSES = ("a", "b", "c")
READ: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: {"true": True, "false": False}[text],
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


@dataclass(frozen=True)
class Case:
    """An export: `rows` is what its CSV files say, typed again as the generated M does."""

    contract: Contract
    layouts: tuple[Layout, ...]
    project: Path
    rows: dict[str, list[dict[str, Any]]]

    @property
    def measured(self) -> pd.DataFrame:
        """The rows that quality is measured on."""
        frame = pd.DataFrame(self.rows["predictions"])
        return frame[(frame.split == "test") & frame.actual.notna()]


def contract_of(task: str, *, ordered: bool = True, segments: tuple[str, ...] = ("region",)):
    """Give the people a region, a task and a decision."""
    columns = people_contract().columns
    region = Column("region", "string", allowed=("north", "south"), description="Sales region.")
    settings: dict[str, Any] = {
        "name": "People",
        "columns": (*columns, region),
        "task": task,
        "target": "amount" if task == "regression" else "kind",
        "segments": segments,
        "service_levels": {"freshness": "1 d"},
    }
    if task == "binary":
        settings["decision"] = Decision(0.3, 60.0, -8.0, -1.5, 0.25, "EUR")
    if ordered:
        settings |= {
            "time_column": "day",
            "period": "month",
            "split": Split(from_time="2024-02-01"),
        }
    return people_contract(**settings)


def predictions_of(contract: Contract) -> Layout:
    """Describe the predictions as the export stage does."""
    own = {
        "binary": [("probability", "number"), ("acted", "boolean"), ("value", "number")],
        "multiclass": [(f"probability_{name}", "number") for name in CLASSES],
        "regression": [("low", "number"), ("high", "number")],
    }[contract.task]
    kind = "number" if contract.task == "regression" else "string"
    named = [*contract.key, *([contract.time_column] if contract.time_column else [])]
    of_contract = [
        Field(c.name, c.interim_type, c.description, c.unit, c.name)
        for c in map(contract.column, dict.fromkeys([*named, *contract.segments]))
    ]
    fields = [
        *of_contract,
        Field("period", "string", "The period."),
        Field("split", "string", "train, test or unlabelled."),
        Field("actual", kind, "The truth.", source=contract.target),
        Field("prediction", kind, "What the model predicts."),
        *(Field(name, own_kind, "Predicted.") for name, own_kind in own),
        Field("model_version", "string", "The model."),
    ]
    return Layout("predictions", "One row per person.", tuple(fields), tuple(contract.key))


def frame_of(contract: Contract, rows: int = 300, seed: int = 0, one_class: bool = False):
    """Make predictions up: two months, a third of them unlabelled, some segments unknown."""
    rng = np.random.default_rng(seed)
    month = np.where(np.arange(rows) % 2, 1, 2)
    split = np.where(month == 1, "train", np.where(rng.random(rows) < 0.3, "unlabelled", "test"))
    frame = pd.DataFrame({"id": [f"p{i}" for i in range(rows)]})
    frame["day"] = [date(2024, int(m), 1 + i % 28) for i, m in enumerate(month)]
    frame["region"] = rng.choice(["north", "south", None], rows, p=[0.5, 0.4, 0.1])
    ordered = contract.time_column is not None
    frame["period"] = [f"2024-{m:02d}" if ordered else None for m in month]
    frame["split"], frame["model_version"] = split, "0123456789ab"
    score = rng.random(rows).round(2)
    if contract.task == "binary":
        decision = contract.decision
        case = np.ones(rows, bool) if one_class else rng.random(rows) < score
        frame["actual"], frame["probability"] = np.where(case, "a", "b"), score
        frame["prediction"] = np.where(score > 0.5, "a", "b")
        frame["acted"] = score >= decision.threshold
        act = score * decision.true_positive + (1 - score) * decision.false_positive
        leave = score * decision.false_negative + (1 - score) * decision.true_negative
        frame["value"] = np.where(frame.acted, act, leave).round(6)
    elif contract.task == "multiclass":
        chances = rng.dirichlet(np.ones(3), rows).round(4)
        frame[[f"probability_{name}" for name in CLASSES]] = chances
        frame["prediction"] = np.array(CLASSES)[chances.argmax(axis=1)]
        lucky = np.where(rng.random(rows) < 0.6, frame.prediction, rng.choice(CLASSES, rows))
        frame["actual"] = "a" if one_class else lucky
    else:
        frame["prediction"] = (score * 100).round(3)
        truth = frame.prediction + rng.normal(0, 5, rows).round(3)
        frame["actual"] = 7.0 if one_class else truth
        frame["low"], frame["high"] = frame.prediction - 8, frame.prediction + 8
    frame["actual"] = frame["actual"].where(frame.split != "unlabelled", None)
    return frame


def other_rows(
    contract: Contract, null_metrics: bool = False
) -> dict[str, Sequence[Sequence[Any]]]:
    """Give the other tables some rows; runs only where a run was published."""
    metric, nothing = contract.main_metric, [None] * 3
    figures = nothing if null_metrics else [0.8, 0.7, 0.9]
    periods = ("2024-01", "2024-02") if contract.time_column else ("test",)
    old = ["old", datetime(2024, 1, 2), "r", "m", "d", metric, *figures, "stable", 0, 9, 1,
           datetime(2024, 1, 1), None, 24.0, None, 24.0, True, None, False]  # fmt: skip
    new = ["new", datetime(2024, 3, 2), "r", "m", "d", metric, *figures, "alarm", 1, 90, 4,
           datetime(2024, 2, 28, 12), datetime(2024, 3, 1), 60.0, 24.0, 48.0, False, None,
           True]  # fmt: skip
    return {
        "metrics": [
            ["test", "all", "all", metric, *figures, 0.5, 100],
            ["test", "region", "north", metric, *figures, 0.5, 60],
            ["cross_validation", "all", "all", metric, 0.75, *nothing, None],
        ],
        "drift": [
            [period, feature, psi, 0.1, psi > 0.1 and period != "2024-01", True]
            for period in periods
            for feature, psi in (("amount", 0.4), ("Amount", 0.02), ("region", 0.15))
        ],
        "importance": [
            ["amount", 0.2, 0.01, 0.3, "higher raises it"],
            ["region", -0.01, 0.01, None, None],
        ],
        "quality": [["a.csv", 100, 96, 4, 0], ["b.csv", 50, 50, 0, 1]],
        "quality_rules": [["amount", "minimum", 3], ["", "layout", 1]],
        "runs": [old, new],
    }


def write_case(folder: Path, contract: Contract, rows: int = 300, **changes: Any) -> Case:
    """Write the tables and the project, and read the CSV files again."""
    null_metrics = changes.pop("null_metrics", False)
    layouts = (
        predictions_of(contract),
        export_tables.METRICS,
        export_tables.DRIFT,
        export_tables.IMPORTANCE,
        export_tables.QUALITY,
        export_tables.QUALITY_RULES,
        export_tables.RUNS,
    )
    folder.mkdir(parents=True, exist_ok=True)
    frames = {
        name: pd.DataFrame(content, columns=_names(layouts, name), dtype=object)
        for name, content in other_rows(contract, null_metrics).items()
    }
    frames["predictions"] = frame_of(contract, max(rows, 1), **changes).iloc[:rows]
    for layout in layouts:
        write_table(folder, layout, [frames[layout.name]])
    write_project(folder / "powerbi", contract, layouts)
    read = {layout.name: read_csv(folder / f"{layout.name}.csv", layout) for layout in layouts}
    return Case(contract, layouts, folder / "powerbi", read)


def read_csv(path: Path, layout: Layout) -> list[dict[str, Any]]:
    """Read a CSV as the generated M does: empty is null, types by the layout."""
    with path.open(encoding="utf-8", newline="") as file:
        types = {field.name: READ[field.type] for field in layout.fields}
        return [
            {name: types[name](text) if text else None for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def renamed(contract: Contract, **names: str) -> Contract:
    """Give columns of a contract other names."""
    new = {old: names.get(old, old) for old in (c.name for c in contract.columns)}
    return replace(
        contract,
        columns=tuple(replace(c, name=new[c.name]) for c in contract.columns),
        target=new[contract.target],
        time_column=contract.time_column and new[contract.time_column],
        segments=tuple(new[name] for name in contract.segments),
    )


def _names(layouts: Sequence[Layout], name: str) -> list[str]:
    return next([f.name for f in layout.fields] for layout in layouts if layout.name == name)
