"""Whether one model is better than another: on the rows that both scored and neither trained on.

`diff`, `summary` and `publish` stand on `compare_runs` alone, so that they say the same of the same
pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import HIGHER_IS_BETTER, Contract, Task
from quickstack.models.evaluation.intervals import compare
from quickstack.models.evaluation.resampling import Ties
from quickstack.models.modeling.split import TRAIN
from quickstack.results.exporting.predictions import safe_names

if TYPE_CHECKING:
    import pandas as pd

#: The table of predictions among the exports: one file, or one of each period in a folder.
PREDICTIONS = re.compile(r"predictions(/[^/]+)?\.parquet")
#: Fewer common rows tell nothing.
FEWEST_ROWS = 30
BETTER, WORSE, NOISE, SAME = "better", "worse", "within noise", "same"
NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class ScoredRun:
    """One run, as far as models are compared by it.

    Attributes
    ----------
    title
        What people call it.
    classes
        In the order of their codes; none for a number.
    metrics
        As `reports/metrics.json` has them: on this run's own test rows.
    files
        The Parquet files of its predictions; None where they are not at hand.
    """

    title: str
    dataset: str | None
    task: str | None
    target: str | None
    positive: Any
    classes: Sequence[Any]
    metrics: Mapping[str, Any]
    files: Sequence[Path] | None


def compare_runs(
    before: ScoredRun, after: ScoredRun, contract: Contract | None, *, resamples: int, seed: int
) -> dict[str, Any]:
    """Compare two runs metric by metric.

    Returns
    -------
    dict
        JSON-able: `how`, a sentence; `rows`, how many both scored and neither trained on, or None;
        `metrics`, each with `name`, `main`, `higher_is_better`, `before` and `after` (`value`,
        `low`, `high`), `difference` where there is one, and `verdict`: `better`, `worse`,
        `within noise`, `same` or `not comparable`. Where the runs are compared, all figures are
        of the common rows, so that each interval holds its difference; else they are those of the
        runs' own test rows.
    """
    because = _unlike(before, after, contract)
    if because is not None or contract is None or after.task not in HIGHER_IS_BETTER:
        return _apart(before, after, contract, because or "the task is not known")
    task = after.task
    sides = [_read(run, task) for run in (before, after)]
    common = _common(sides[0], sides[1], task, after)
    if isinstance(common, str):
        return _apart(before, after, contract, common)
    truth, one, other, frame = common
    ties = _ties(frame, contract)
    equal = bool(np.array_equal(one, other))
    found = compare(task, truth, other, {"before": one}, ties, resamples=resamples, seed=seed)
    rows = []
    for name, higher in HIGHER_IS_BETTER[task].items():
        gap = found["difference"][name]
        own = {"value": found["value"][name], **found["interval"][name]}
        row = {"name": name, "main": name == contract.main_metric, "higher_is_better": higher}
        row["before"] = {"value": found["baseline"][name], "low": None, "high": None}
        row |= {"after": own, "difference": {key: gap[key] for key in ("value", "low", "high")}}
        row["verdict"] = SAME if equal else _named(gap["better"], gap["value"])
        rows.append(row)
    how = (
        f"judged on the {len(truth):,} rows that both scored and neither trained on, "
        f"{found['resampling']['words']}"
    )
    return {"how": how, "rows": len(truth), "metrics": rows}


def main_row(compared: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what `compare_runs` says of the main metric; None where it says nothing."""
    return next((row for row in compared["metrics"] if row["main"]), None)


def unchanged(run: ScoredRun, contract: Contract | None) -> dict[str, Any]:
    """Return the comparison of a run with one of the same predictions."""
    compared = _apart(run, run, contract, "")
    rows = [{**row, "verdict": SAME} for row in compared["metrics"]]
    return {"how": "the same predictions", "rows": None, "metrics": rows}


def spellings(value: Any) -> set[str]:
    """Return how a class may stand in an exported table: true as `True`, 1 as `1.0`."""
    texts = {str(value)}
    if isinstance(value, bool):
        texts.add(str(value).lower())
    elif isinstance(value, int | float) and float(value).is_integer():
        texts |= {str(int(value)), str(float(value))}
    return texts


def _unlike(before: ScoredRun, after: ScoredRun, contract: Contract | None) -> str | None:
    """Say why two runs cannot be compared, before a row is read; None where they may be."""
    pairs = {
        "they are of two data sets": (before.dataset, after.dataset),
        "they have two tasks": (before.task, after.task),
        "they predict two targets": (before.target, after.target),
        "they count two classes as positive": tuple(
            None if run.positive is None else str(run.positive).casefold()
            for run in (before, after)
        ),
        "their targets have other classes": tuple(
            tuple(str(name).casefold() for name in run.classes) or None for run in (before, after)
        ),
    }
    for sentence, (one, other) in pairs.items():
        if one is not None and other is not None and one != other:
            return sentence if isinstance(one, tuple) else f"{sentence}, {one} and {other}"
    missing = [run.title for run in (before, after) if not run.metrics]
    if missing:
        return f"there are no metrics of {' and '.join(missing)}"
    missing = [run.title for run in (before, after) if run.files is None]
    if missing:
        return f"the predictions of {' and '.join(missing)} are not at hand"
    return None if contract is not None else "there is no contract that says what the rows are"


def _apart(
    before: ScoredRun, after: ScoredRun, contract: Contract | None, because: str
) -> dict[str, Any]:
    """Show the metrics of both without comparing them."""
    task = after.task if before.task == after.task else None
    known = HIGHER_IS_BETTER.get(cast("Task", task), {}) if before.metrics and after.metrics else {}
    main = next(iter(known), None) if contract is None else contract.main_metric
    rows = [
        {
            "name": name,
            "main": name == main,
            "higher_is_better": higher,
            "before": _own(before.metrics, name),
            "after": _own(after.metrics, name),
            "verdict": NOT_COMPARABLE,
        }
        for name, higher in known.items()
    ]
    return {"how": f"{NOT_COMPARABLE}, because {because}", "rows": None, "metrics": rows}


def _own(metrics: Mapping[str, Any], name: str) -> dict[str, float | None]:
    ends = (metrics.get("interval") or {}).get(name) or {}
    return {"value": metrics.get(name), "low": ends.get("low"), "high": ends.get("high")}


def _named(better: bool | None, value: float | None) -> str:
    if value is None:
        return NOT_COMPARABLE  # a measure that the common rows do not have
    return NOISE if better is None else BETTER if better else WORSE


@dataclass(frozen=True)
class _UnseenRows:
    """The rows of a run that it did not train on: what names them, their truth, their scores."""

    frame: pd.DataFrame
    names: tuple[str, ...]
    scores: NDArray[np.float64]


def _read(run: ScoredRun, task: Task) -> _UnseenRows | None:
    """Read the predictions of a run; None where the table is not one of this library."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not run.files:
        return None
    columns = pq.read_schema(run.files[0]).names
    scores = _score_columns(columns, task, len(run.classes))
    # What stands before the period names a row: its position or key, its time and its group.
    names = columns[: columns.index("period")] if "period" in columns else []
    if not names or not scores or not {"split", "actual"} <= set(columns):
        return None
    wanted, unseen = [*names, "actual", *scores], [("split", "!=", TRAIN)]
    schema = pa.schema([pq.read_schema(run.files[0]).field(name) for name in wanted])
    table = pa.concat_tables(
        pq.read_table(file, columns=wanted, filters=unseen, use_threads=False).cast(schema)
        for file in run.files
    )
    frame = table.select([*names, "actual"]).to_pandas(use_threads=False)
    found = np.column_stack([table.column(name).to_numpy() for name in scores])
    return _UnseenRows(frame, tuple(names), found if task == "multiclass" else found[:, 0])


def _score_columns(names: list[str], task: Task, classes: int) -> list[str]:
    if task == "regression":
        return [name for name in names if name == "prediction"]
    if "probability" not in names:
        return []
    if task == "binary":
        return ["probability"]
    first = names.index("probability") + 1  # the classes follow, in the order of their codes
    return names[first : first + classes]


def _common(
    before: _UnseenRows | None, after: _UnseenRows | None, task: Task, run: ScoredRun
) -> str | tuple[Any, Any, Any, pd.DataFrame]:
    """Return truth, both scores and names of the common rows whose truth is known; or why not."""
    if before is None or after is None or before.names != after.names:
        return "their rows are named in two ways"
    names, sides = list(after.names), []
    for rows in (before, after):
        frame = rows.frame.assign(place=np.arange(len(rows.frame)))
        # Rows of the same name keep their order.
        frame["again"] = frame.groupby(names, dropna=False).cumcount()
        sides.append(frame)
    try:
        both = sides[0].merge(sides[1], on=[*names, "again"], suffixes=("_before", "_after"))
    except ValueError:  # a key whose type changed
        return "their rows are named in two ways"
    known = [_codes(both[f"actual_{side}"], task, run) for side in ("before", "after")]
    differ = int((~np.isnan(known[0]) & ~np.isnan(known[1]) & (known[0] != known[1])).sum())
    if differ:
        return f"the truth of {differ:,} rows is not the same"
    truth = np.where(np.isnan(known[1]), known[0], known[1])
    kept = ~np.isnan(truth)
    if kept.sum() < FEWEST_ROWS:
        return f"only {kept.sum():,} rows with a known truth were scored by both and trained no one"
    both, truth = both[kept], truth[kept] if task == "regression" else truth[kept].astype("int64")
    one = before.scores[both["place_before"].to_numpy()]
    return truth, one, after.scores[both["place_after"].to_numpy()], both


def _codes(actual: pd.Series, task: Task, run: ScoredRun) -> NDArray[np.float64]:
    """Return the truth as models take it, NaN where it is not known."""
    if task == "regression":
        return actual.to_numpy(dtype="float64", na_value=np.nan)
    if task == "multiclass":
        codes = {text: code for code, name in enumerate(run.classes) for text in spellings(name)}
        return actual.map(codes).to_numpy(dtype="float64")
    positive = actual.isin(spellings(run.positive)).to_numpy(dtype="float64")
    return np.where(actual.isna().to_numpy(dtype=bool), np.nan, positive)


def _ties(frame: pd.DataFrame, contract: Contract) -> Ties:
    """Return what ties the common rows together, by the names that exported columns have."""
    import pandas as pd

    named = {
        name: safe_names([name])[0] for name in (contract.entity, contract.time_column) if name
    }
    entity = named.get(contract.entity or "")
    time = named.get(contract.time_column or "") if contract.time_column else "row"
    group = pd.factorize(frame[entity], use_na_sentinel=False)[0] if entity in frame else None
    moments = None
    if contract.ordered and time in frame:
        moments = pd.factorize(frame[time], sort=True)[0]
    return Ties(contract.entity, group, moments)
