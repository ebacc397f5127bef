"""Read what a contract says about its task, and what follows from a prediction."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

from quickstack.facts.contract.custom_properties import Mistakes, check_keys, choose
from quickstack.facts.contract.model import (
    HIGHER_IS_BETTER,
    Column,
    Contract,
    Decision,
    Period,
    Span,
    Task,
)
from quickstack.facts.contract.splitting import check_rows, check_split
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

#: Columns that become segments where the contract names none.
DEFAULT_SEGMENTS = 3
#: Units of a span as people write them, each with how many of which unit of `Span` it is.
_UNITS: dict[str, tuple[int, Any]] = {
    "min": (1, "minute"),
    "h": (1, "hour"),
    "d": (1, "day"),
    "w": (7, "day"),
    "m": (1, "month"),
    "q": (3, "month"),
    "y": (12, "month"),
}
_SPAN = re.compile(r"\s*([1-9][0-9]*)\s*(min|[hdwmqy])[a-z]*\s*", re.IGNORECASE)
_OUTCOMES = ("truePositive", "falsePositive", "falseNegative", "trueNegative")
Place = Callable[[str], Path]


def check_main_metric(contract: Contract, place: Path, mistakes: Mistakes) -> None:
    """Check that `mainMetric` is a metric of the task."""
    known = HIGHER_IS_BETTER.get(contract.task)
    if contract.chosen_metric is not None and known is not None:
        subject = f"mainMetric of a {contract.task} task"
        choose(contract.chosen_metric, list(known), subject, place, mistakes)


def check_task(contract: Contract, place: Place, mistakes: Mistakes) -> None:
    """Check what the contract says about the task against its own columns.

    Parameters
    ----------
    place
        Gives the place of a custom property by its name.
    """
    columns = {column.name: column for column in contract.columns}
    if contract.task not in get_args(Task):
        mistakes.add(place("task"), f"task must be one of: {', '.join(get_args(Task))}")
    target = columns.get(contract.target)
    if target is None:
        hint = closest(contract.target, list(columns)) or "; name the column to predict"
        mistakes.add(place("target"), f"target '{contract.target}' is not a column{hint}")
    else:
        _check_target(contract, target, place, mistakes)
    if contract.time_column is not None:
        _check_time(contract, columns.get(contract.time_column), place, mistakes)
    check_split(contract, place, mistakes)
    check_rows(contract, place, mistakes)


def _check_target(contract: Contract, target: Column, place: Place, mistakes: Mistakes) -> None:
    there, name = place("target"), target.name
    if contract.task == "regression" and target.type not in ("integer", "number"):
        mistakes.add(
            there, f"regression needs a number; the target '{name}' is of type {target.type}"
        )
    elif contract.task != "regression" and not target.allowed and target.type != "boolean":
        mistakes.add(there, f"the target '{name}' needs its classes as `enum` values")
    if target.personal:
        mistakes.add(there, f"the target '{name}' cannot be personal data")
    if contract.task == "binary":
        classes = target.allowed or (False, True)
        if len(classes) != 2:
            mistakes.add(there, f"binary needs a target of two classes; here are {len(classes)}")
        if contract.positive not in classes:
            mistakes.add(
                place("positiveLabel"), "positiveLabel must name one of the target's two classes"
            )


def _check_time(contract: Contract, time: Column | None, place: Place, mistakes: Mistakes) -> None:
    there, name = place("timeColumn"), contract.time_column
    if time is None or time.type not in ("date", "timestamp"):
        mistakes.add(there, f"timeColumn '{name}' must be a column of type date or timestamp")
    elif time.dropped:
        mistakes.add(there, f"timeColumn '{name}' is dropped; keep it")
    elif time.personal == "generalise":
        mistakes.add(
            there, f"timeColumn '{name}' is generalised, and no longer orders rows; keep it"
        )
    if contract.period not in get_args(Period):
        choices = ", ".join(get_args(Period))
        mistakes.add(place("period"), f"a timeColumn needs a period: one of {choices}")


def read_span(
    name: str, written: str | int | None, contract: Contract, place: Place, mistakes: Mistakes
) -> Span | None:
    """Read `horizon` or `season`: a number of rows, or of units of time."""
    if written is None:
        return None
    found = None if isinstance(written, int) else _SPAN.fullmatch(written)
    if not contract.ordered:
        mistakes.add(place(name), f"{name} needs a timeColumn or rowsPerPeriod: rows in order")
    elif isinstance(written, int) and written >= 1:
        return Span(written, "row")
    elif found is None:
        mistakes.add(place(name), f"{name} must be like '24 h', '7 d', '1 month', or rows: 24")
    elif contract.time_column is None:
        mistakes.add(place(name), f"{name} must be a number of rows where their order is time")
    else:
        times, unit = _UNITS[found[2].lower()]
        return Span(int(found[1]) * times, unit)
    return None


def read_decision(
    written: dict[str, Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> Decision:
    """Read `decision: {threshold: 0.3, truePositive: 40, falsePositive: -10, unit: EUR}`.

    Without a threshold it is the one from which acting pays when probabilities are calibrated
    (C. Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, equation 2).
    """
    if contract.task != "binary":
        if written is not None:
            mistakes.add(place, "decision needs a binary task; remove it")
        return Decision()
    if written is not None and contract.class_cost:
        mistakes.add(place, "decision and classCost both say when to act; keep one")
    given = written or _threshold_of(contract)
    check_keys(given, ("threshold", "unit", *_OUTCOMES), "decision", place, mistakes)
    threshold = given.get("threshold")
    worth = {name: given.get(name, 0) for name in _OUTCOMES}
    numbers = worth if threshold is None else {**worth, "threshold": threshold}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            mistakes.add((*place, name), f"{name} of decision must be a number")
            return Decision()
    tp, fp, fn, tn = (float(value) for value in worth.values())
    valued = any((tp, fp, fn, tn))
    if valued and not (tp > fn and tn > fp):
        mistakes.add(
            place,
            "a right decision must be worth more than a wrong one: truePositive above "
            "falseNegative, trueNegative above falsePositive",
        )
        return Decision()
    if threshold is None:
        threshold = (tn - fp) / ((tn - fp) + (tp - fn)) if valued else 0.5
    elif not 0 < threshold < 1:
        mistakes.add((*place, "threshold"), "threshold of decision must lie between 0 and 1")
    unit = given.get("unit")
    if valued and not isinstance(unit, str):
        mistakes.add(place, "decision needs the unit of its values, such as EUR")
    return Decision(float(threshold), tp, fp, fn, tn, unit)


def _threshold_of(contract: Contract) -> dict[str, Any]:
    """Return the decision that follows from the cost of missing a class."""
    if not contract.class_cost:
        return {}
    costs = contract.class_cost
    hit = 1.0 if contract.positive is None else costs.get(contract.positive, 1.0)
    other = next((cost for name, cost in costs.items() if name != contract.positive), 1.0)
    return {"threshold": other / (hit + other)}


def read_segments(
    written: list[Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> tuple[str, ...]:
    """Read `segments: [region, plan]`: columns with few values by which results are shown.

    Without it: the first columns, in contract order, whose `enum` names their values.
    """
    allowed = {
        column.name: column
        for column in contract.interim_columns
        if column.personal in (None, "keep") and column.name != contract.target
    }
    if written is None:
        named = [name for name, column in allowed.items() if column.allowed]
        return tuple(named[:DEFAULT_SEGMENTS])
    for index, name in enumerate(written):
        if name not in allowed:
            hint = closest(str(name), list(allowed)) or "; name columns that are not personal"
            mistakes.add((*place, index), f"'{name}' cannot be a segment{hint}")
    if len({str(name) for name in written}) < len(written):
        mistakes.add(place, "a column of segments stands here twice; keep one")
    return tuple(str(name) for name in written if name in allowed)
