"""Read what a contract says about its rows: which test, what they belong to, what they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes, check_keys
from quickstack.facts.contract.model import Contract
from quickstack.facts.contract.quality import fits
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

Place = Callable[[str], Path]
Where = tuple[str, tuple[str | int | float | bool, ...]]


def read_rows(
    custom: dict[str, Any], contract: Contract, place: Place, mistakes: Mistakes
) -> Contract:
    """Return the contract with `testWhere` and `classCost` as its custom properties say them.

    Parameters
    ----------
    custom
        The custom properties of the contract, by name.
    place
        Gives the place of a custom property by its name.
    """
    split, cost = contract.split, {}
    if "testWhere" in custom:
        where = _read_where(custom["testWhere"], contract, place("testWhere"), mistakes)
        split = replace(split, where=where)
    if "classCost" in custom:
        cost = _read_cost(custom["classCost"], contract, place("classCost"), mistakes)
    return replace(contract, split=split, class_cost=cost)


def check_split(contract: Contract, place: Place, mistakes: Mistakes) -> None:
    """Check that one property chooses the test rows, and that it can."""
    split = contract.split
    ways = (split.from_time, split.from_row, split.share, split.where)
    if len([way for way in ways if way is not None]) != 1:
        mistakes.add(
            place(""),
            "one of testFrom, testFromRow, testShare and testWhere must choose the test rows",
        )
    if split.from_time is not None and not _is_iso_time(split.from_time):
        mistakes.add(place("testFrom"), f"testFrom '{split.from_time}' is not an ISO 8601 time")
    if split.from_time is not None and contract.time_column is None:
        mistakes.add(place("testFrom"), "testFrom needs a timeColumn")
    if split.from_row is not None and contract.rows_per_period is None:
        mistakes.add(
            place("testFromRow"), "testFromRow needs rowsPerPeriod: it says that row order is time"
        )
    if split.from_row is not None and split.from_row < 1:
        mistakes.add(
            place("testFromRow"),
            "testFromRow is a position counted from 0, and needs rows before it to train on; "
            "write 1 or more",
        )
    parted = contract.ordered and contract.group is None
    if split.share is not None and (parted or not 0 < split.share < 1):
        mistakes.add(
            place("testShare"),
            "testShare must lie between 0 and 1, for data without an order in time, or with a "
            "group",
        )


def check_rows(contract: Contract, place: Place, mistakes: Mistakes) -> None:
    """Check the columns that `group` and `sampleWeight` name."""
    if contract.group is not None:
        _check_named(contract, "group", contract.group, place, mistakes)
    if contract.weight is not None and _check_named(
        contract, "sampleWeight", contract.weight, place, mistakes
    ):
        column = contract.column(contract.weight)
        if column.interim_type not in ("integer", "number"):
            mistakes.add(place("sampleWeight"), f"sampleWeight '{column.name}' is not a number")


def _check_named(
    contract: Contract, role: str, name: str, place: Place, mistakes: Mistakes
) -> bool:
    """Return whether a column of that name is there after ingest, and is not the target."""
    kept = [column.name for column in contract.interim_columns if column.name != contract.target]
    if name in kept:
        return True
    hint = closest(name, kept) or "; name another column that ingest keeps"
    mistakes.add(place(role), f"{role} '{name}' cannot be used{hint}")
    return False


def _read_where(
    written: dict[str, Any], contract: Contract, place: Path, mistakes: Mistakes
) -> Where:
    """Read `testWhere: {column: part, value: [test, held out]}`."""
    check_keys(written, ("column", "value"), "testWhere", place, mistakes)
    name, value = str(written.get("column")), written.get("value")
    if not _check_named(contract, "testWhere", name, lambda _: place, mistakes):
        return name, ()
    values = tuple(value) if isinstance(value, list) else (value,)
    kind = contract.column(name).interim_type
    if not values or kind in ("date", "timestamp") or not all(fits(one, kind) for one in values):
        mistakes.add(
            place,
            f"testWhere needs a `value` of the type of '{name}', {kind}, or a list of such values"
            + ("; for times write testFrom" if kind in ("date", "timestamp") else ""),
        )
    return name, values


def _read_cost(
    written: dict[Any, Any], contract: Contract, place: Path, mistakes: Mistakes
) -> dict[str | int | float | bool, float]:
    """Read `classCost: {"yes": 5, "no": 1}`."""
    names = {column.name: column for column in contract.columns}
    if contract.task == "regression" or contract.target not in names:
        mistakes.add(place, "classCost needs a binary or multiclass task; remove it")
        return {}
    classes = names[contract.target].allowed or (False, True)
    costs = {}
    for name, cost in written.items():
        if name not in classes:
            mistakes.add(place, "a key of classCost is not a class of the target; quote text")
        elif isinstance(cost, bool) or not isinstance(cost, int | float) or not cost > 0:
            mistakes.add(place, "a cost in classCost must be a number above 0")
        else:
            costs[name] = float(cost)
    return costs


def _is_iso_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
