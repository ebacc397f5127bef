"""Whether a model is better, worse or the same within noise, and how that is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quickstack.facts import paths
from quickstack.facts.contract.model import HIGHER_IS_BETTER, Contract, Task
from quickstack.models.evaluation.intervals import compare
from quickstack.models.modeling.metrics import DECIMALS
from quickstack.models.modeling.split import TEST
from quickstack.results.comparing.revision_objects import RevisionObjects
from quickstack.runtime.repository.revisions import Revision

#: How the difference of two models is known.
PAIRED = "paired difference on the same test rows"
OVERLAP = "whether the intervals overlap, since {}"
ABSENT = "predictions of both are not at hand"
OTHER_ROWS = "the test rows are not the same"
SAME = "the same predictions"
#: The table of predictions among the exports: one file, or one of each period in a folder.
_PREDICTIONS = re.compile(r"predictions(/[^/]+)?\.parquet")
#: Resamples and seed where params.yaml does not say.
RESAMPLES, SEED = 500, 0


def compare_metrics(
    before: Revision, after: Revision, objects: RevisionObjects, contract: Contract | None
) -> dict[str, Any]:
    """Compare the metrics of two revisions, with a verdict for each.

    The predictions that both exported for the same test rows are drawn again and again, in pairs
    (`modeling.intervals.compare`). Where they are not at hand, or the test rows differ, a metric
    is better or worse only where the intervals do not overlap, which is the more cautious rule.

    Returns
    -------
    dict
        `how`, and `metrics`: name, `main`, before and after with `low` and `high`, `difference`
        with its own where it is paired, and `verdict`: `better`, `worse`, `within noise` or
        `same`; None where there is nothing to compare.
    """
    one, other = before.json(paths.METRICS), after.json(paths.METRICS)
    tasks = {side.json(paths.TRAINING).get("task") for side in (before, after)}
    task: Any = tasks.pop() if len(tasks) == 1 else None
    if task not in HIGHER_IS_BETTER or not one or not other:
        return {"how": "there are no metrics of the same task on both sides", "metrics": []}
    differences: dict[str, Any] = {}
    how = OVERLAP.format(ABSENT)
    hashes = [_predictions(objects, side) for side in (before, after)]
    if all(hashes) and hashes[0] == hashes[1]:
        how = SAME
    elif contract is not None and all(hashes):
        found = _test_rows_of(objects, (before, after), hashes, contract, task)
        if found is not None and _same_rows(*found):
            how, differences = PAIRED, _paired(*found, after.params, task)
        elif found is not None:
            how = OVERLAP.format(OTHER_ROWS)
    known = HIGHER_IS_BETTER[task]
    main = next(iter(known)) if contract is None else contract.main_metric
    rows = []
    for name, higher in known.items():
        values = [_value(side, name) for side in (one, other)]
        row = {"name": name, "main": name == main, "higher_is_better": higher}
        row |= {"before": values[0], "after": values[1]}
        if how == PAIRED:
            difference = differences[name]
            # Exported predictions are rounded, so that their own difference is a little another.
            ends = {key: difference[key] for key in ("low", "high")}
            row["difference"] = {"value": _minus(values[1], values[0]), **ends}
            row["verdict"] = _named(difference["better"])
        elif how == SAME or one == other:
            row["verdict"] = "same"
        else:
            row["verdict"] = _by_overlap(values[0], values[1], higher=higher)
        rows.append(row)
    return {"how": how, "metrics": rows}


def _value(metrics: dict[str, Any], name: str) -> dict[str, float | None]:
    interval = (metrics.get("interval") or {}).get(name) or {}
    return {
        "value": metrics.get(name),
        "low": interval.get("low"),
        "high": interval.get("high"),
    }


def _minus(one: dict[str, float | None], other: dict[str, float | None]) -> float | None:
    if one["value"] is None or other["value"] is None:
        return None
    return round(one["value"] - other["value"], DECIMALS)


def _named(better: bool | None) -> str:
    return "within noise" if better is None else "better" if better else "worse"


def _by_overlap(
    before: dict[str, float | None], after: dict[str, float | None], *, higher: bool
) -> str | None:
    ends = [side[end] for side in (before, after) for end in ("low", "high")]
    if any(end is None for end in ends):
        return None
    low, high, new_low, new_high = (float(end or 0.0) for end in ends)
    if new_low > high:
        return _named(higher)
    return _named(not higher) if new_high < low else _named(None)


def _predictions(objects: RevisionObjects, side: Revision) -> dict[str, str]:
    """Return the files that hold the predictions, in their order, and their hashes."""
    listing = objects.listing(side, paths.EXPORTS) or {}
    return {name: listing[name] for name in sorted(listing) if _PREDICTIONS.fullmatch(name)}


def _test_rows_of(
    objects: RevisionObjects,
    sides: tuple[Revision, Revision],
    hashes: list[dict[str, str]],
    contract: Contract,
    task: Task,
) -> tuple[Any, Any] | None:
    found = []
    for side, wanted in zip(sides, hashes, strict=True):
        places = objects.files(side, paths.EXPORTS, wanted).values()
        here = [place for place in places if place is not None]
        rows = _test_rows(here, contract, task, side) if len(here) == len(wanted) else None
        if rows is None:
            return None
        found.append(rows)
    return found[0], found[1]


def _same_rows(one: Any, other: Any) -> bool:
    return bool(one[0].equals(other[0]) and np.array_equal(one[1], other[1]))


def _paired(one: Any, other: Any, params: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """Return the differences of the measures, after minus before."""
    compared = compare(
        task,
        one[1],
        other[2],
        {"before": one[2]},
        resamples=params.get("evaluate.resamples", RESAMPLES),
        seed=params.get("evaluate.seed", SEED),
    )
    return compared["difference"]


def _test_rows(places: list[Path], contract: Contract, task: Task, side: Revision) -> Any:
    """Return what identifies the test rows, in their order, their truth and their scores."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(places[0])
    classes = side.json(paths.TRAINING).get("classes") or []
    scores = _score_columns(schema.names, task, len(classes))
    # What stands before the period identifies a row: its position or key, and its time.
    named = schema.names[: schema.names.index("period")] if "period" in schema.names else []
    if not named or not scores or not {"split", "actual", *scores} <= set(schema.names):
        return None
    columns, tested = [*named, "actual", *scores], [("split", "=", TEST)]
    table = pa.concat_tables(
        pq.read_table(place, columns=columns, filters=tested, use_threads=False) for place in places
    )
    if not table.num_rows:
        return None
    actual = table.column("actual").to_pandas()
    if task == "binary":
        truth = (actual == contract.positive).to_numpy().astype("int64")
    elif task == "multiclass":
        truth = actual.map({name: code for code, name in enumerate(classes)}).to_numpy()
    else:
        truth = actual.to_numpy()
    found = np.column_stack([table.column(name).to_numpy() for name in scores])
    return table.select(named), truth, found if task == "multiclass" else found[:, 0]


def _score_columns(names: list[str], task: Task, classes: int) -> list[str]:
    if task == "multiclass":
        return names[-classes:] if classes else []
    wanted = "prediction" if task == "regression" else "probability"
    return [name for name in names if name == wanted]
