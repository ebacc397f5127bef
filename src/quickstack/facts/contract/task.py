"""Check what a contract says about its task and its anonymity against its own columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from quickstack.facts.contract.custom_properties import Mistakes
from quickstack.facts.contract.model import Contract, Task
from quickstack.facts.contract.rules import Anonymity
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

_PERIODS = ("hour", "day", "week", "month", "quarter", "year")
Place = Callable[[str], Path]


def read_anonymity(
    written: dict[str, Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> Anonymity | None:
    """Read `kAnonymity: {k: 5, columns: [...], subject: ...}`."""
    if written is None:
        return None
    for key in written:
        if key not in ("k", "columns", "subject"):
            hint = closest(str(key), ("k", "columns", "subject")) or "; known: k, columns, subject"
            mistakes.add((*place, str(key)), f"'{key}' is no key of kAnonymity{hint}")
    k, names, subject = written.get("k"), written.get("columns"), written.get("subject")
    if not isinstance(k, int) or isinstance(k, bool) or k < 2:
        mistakes.add((*place, "k"), "k of kAnonymity must be a whole number of 2 or more")
        k = 2
    if not isinstance(names, list) or not names:
        mistakes.add(
            (*place, "columns"), "kAnonymity needs columns: a list of those that others know"
        )
        names = []
    if len({str(name) for name in names}) < len(names):
        mistakes.add((*place, "columns"), "a column of kAnonymity stands here twice; keep one")
    for index, name in enumerate(names):
        _check_leaving(name, contract, (*place, "columns", index), mistakes)
    if subject is not None:
        _check_leaving(subject, contract, (*place, "subject"), mistakes)
        if subject in names:
            sentence = f"the subject '{subject}' tells persons apart; leave it out of columns"
            mistakes.add((*place, "subject"), sentence)
        if any(c.name == subject and c.generalisation for c in contract.columns):
            sentence = f"the subject '{subject}' is generalised, and no longer tells persons apart"
            mistakes.add((*place, "subject"), sentence)
    return Anonymity(
        k, tuple(str(name) for name in names), None if subject is None else str(subject)
    )


def _check_leaving(name: Any, contract: Contract, place: Path, mistakes: Mistakes) -> None:
    columns = {column.name: column for column in contract.columns}
    if not isinstance(name, str) or name not in columns:
        hint = closest(str(name), list(columns))
        mistakes.add(place, f"'{name}' in kAnonymity is no column{hint}")
    elif columns[name].dropped:
        mistakes.add(place, f"'{name}' in kAnonymity is dropped, so nobody sees it; leave it out")


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_learning(contract: Contract, place: Place, mistakes: Mistakes) -> None:
    """Check what the contract says about the task against its own columns."""
    columns = {column.name: column for column in contract.columns}
    if contract.task not in get_args(Task):
        mistakes.add(place("task"), f"task must be one of: {', '.join(get_args(Task))}")
    target = columns.get(contract.target)
    if target is None:
        hint = closest(contract.target, list(columns)) or "; name the column to predict"
        mistakes.add(place("target"), f"target '{contract.target}' is no column{hint}")
    elif contract.task == "regression" and target.type not in ("integer", "number"):
        mistakes.add(
            place("target"), f"regression needs a number as its target; '{target.name}' is none"
        )
    elif contract.task != "regression" and not target.allowed and target.type != "boolean":
        mistakes.add(
            place("target"), f"the target '{target.name}' needs its classes as `enum` values"
        )
    if target is not None and target.personal:
        mistakes.add(place("target"), f"the target '{target.name}' cannot be personal data")
    if contract.task == "binary" and target is not None:
        classes = target.allowed or (False, True)
        if len(classes) != 2:
            mistakes.add(
                place("target"), f"binary needs a target of two classes; here are {len(classes)}"
            )
        if contract.positive not in classes:
            mistakes.add(
                place("positiveLabel"), "positiveLabel must name one of the target's two classes"
            )
    time = contract.time_column
    temporal = {name for name, column in columns.items() if column.type in ("date", "timestamp")}
    if time is not None and time not in temporal:
        mistakes.add(
            place("timeColumn"), f"timeColumn '{time}' must be a column of type date or timestamp"
        )
    if time in temporal and columns[time].dropped:
        mistakes.add(place("timeColumn"), f"timeColumn '{time}' is dropped; keep it")
    if time in temporal and columns[time].personal == "generalise":
        mistakes.add(
            place("timeColumn"),
            f"timeColumn '{time}' is generalised, and no longer orders rows; keep it",
        )
    if time is not None and contract.period not in _PERIODS:
        mistakes.add(place("period"), f"a timeColumn needs a period: one of {', '.join(_PERIODS)}")
    split = contract.split
    chosen = [v for v in (split.from_time, split.from_row, split.share) if v is not None]
    if len(chosen) != 1:
        mistakes.add(
            place(""), "one of testFrom, testFromRow and testShare must choose the test rows"
        )
    if split.from_time is not None and not _is_moment(split.from_time):
        mistakes.add(place("testFrom"), f"testFrom '{split.from_time}' is no ISO 8601 date or time")
    if split.from_time is not None and time is None:
        mistakes.add(place("testFrom"), "testFrom needs a timeColumn")
    if split.from_row is not None and contract.rows_per_period is None:
        mistakes.add(
            place("testFromRow"), "testFromRow needs rowsPerPeriod: it says that row order is time"
        )
    if split.share is not None and (contract.ordered or not 0 < split.share < 1):
        mistakes.add(
            place("testShare"),
            "testShare must lie between 0 and 1, for data without an order in time",
        )
    if split.share is not None and not contract.key:
        mistakes.add(
            place("testShare"),
            "testShare needs a primaryKey: rows are chosen by the hash of their key",
        )
