"""Check typed columns against the contract, all rules at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from quickstack.data.quality.parse import PROBLEMS, TYPE_NAMES
from quickstack.facts.contract import Column, Contract
from quickstack.facts.contract.value_options import INT64, NUMBER_FORMATS, STRING_FORMATS
from quickstack.facts.errors import ContractError

if TYPE_CHECKING:
    import pyarrow as pa

#: No text has more letters.
_LONGEST = (1 << 31) - 1


@dataclass(frozen=True)
class Broken:
    """A rule that some rows break.

    Attributes
    ----------
    rows : numpy.ndarray of int64
        Positions within the block.
    """

    column: str
    rule: str
    reason: str
    rows: Any


def check_column(column: Column, values: pa.Array, wrong: Any) -> list[Broken]:
    """Return the rules of one column that rows break.

    Parameters
    ----------
    column
        What the contract says.
    values, wrong
        As `parse_column` returns them.

    Raises
    ------
    ContractError
        Where the pattern is none that RE2 (https://github.com/google/re2) can run.
    """
    import numpy as np
    import pyarrow.compute as pc

    found: list[tuple[str, str, Any]] = []
    if wrong is not None:
        for code in np.unique(wrong[wrong > 0]).tolist():
            rule, words = PROBLEMS[code]
            found.append((rule, words.format(type=TYPE_NAMES[column.type]), wrong == code))
    if column.required and values.null_count:
        absent = np.asarray(pc.is_null(values))
        absent = absent if wrong is None else absent & (wrong == 0)
        found.append(("required", "it is empty, and must not be", absent))
    if column.allowed:
        mask = over_distinct(values, lambda distinct: _not_in(distinct, column.allowed))
        found.append(("allowed", "it is none of the allowed values", mask))
    found += _limits(column, values)
    if column.multiple_of is not None:
        mask = _no_multiple(values, column.multiple_of)
        found.append(("multiple", f"it is not a multiple of {column.multiple_of:g}", mask))
    if column.type == "string":
        found += [
            (rule, reason, over_distinct(values, test)) for rule, reason, test in _texts(column)
        ]
    return [
        Broken(column.name, rule, reason, rows)
        for rule, reason, mask in found
        if mask is not None and len(rows := np.flatnonzero(mask))
    ]


def over_distinct(values: pa.Array, test: Callable[[pa.Array], pa.Array]) -> Any:
    """Apply a test to distinct values where there is a dictionary, to all of them elsewhere.

    Returns
    -------
    numpy.ndarray of bool, one per row, False where there is no value; None where all are False.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(values.type):
        mask = pc.fill_null(test(values), False)
        if values.null_count:
            mask = pc.and_(mask, values.is_valid())
        return np.asarray(mask) if pc.any(mask).as_py() else None
    distinct = pc.fill_null(test(values.dictionary), False)
    if not pc.any(distinct).as_py():
        return None
    return np.asarray(pc.fill_null(distinct.take(values.indices), False))


def _not_in(values: pa.Array, allowed: tuple[Any, ...]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    wanted = [float(v) for v in allowed] if pa.types.is_floating(kind) else list(allowed)
    return pc.invert(pc.is_in(values, value_set=pa.array(wanted, kind)))


def _limits(column: Column, values: pa.Array) -> list[tuple[str, str, Any]]:
    import numpy as np
    import pyarrow.compute as pc

    limits = [
        ("minimum", "it is below the minimum", column.minimum, pc.less),
        ("maximum", "it is above the maximum", column.maximum, pc.greater),
        ("minimum", "it is not above the minimum", column.exclusive_minimum, pc.less_equal),
        ("maximum", "it is not below the maximum", column.exclusive_maximum, pc.greater_equal),
    ]
    if column.type in ("integer", "number") and column.format is not None:
        low, high = NUMBER_FORMATS[column.format]
        reason = f"it does not fit {column.format}"
        limits += [("format", reason, low, pc.less), ("format", reason, high, pc.greater)]
    if all(limit is None for _, _, limit, _ in limits):
        return []
    extremes = pc.min_max(values)
    found = []
    for rule, reason, limit, beyond in limits:
        if limit is None:
            continue
        if column.type == "integer" and not isinstance(limit, str):
            limit = _whole(limit, up=beyond in (pc.less, pc.greater_equal))
        bound = _limit(column, limit, values.type)
        # Nothing is looked at row by row where the smallest and the largest value keep the limit.
        if beyond(extremes["min"], bound).as_py() or beyond(extremes["max"], bound).as_py():
            found.append((rule, reason, np.asarray(pc.fill_null(beyond(values, bound), False))))
    return found


def _whole(limit: float, *, up: bool) -> int:
    """Return the whole number that limits whole ones alike; a fraction would make them floats."""
    within = min(max(limit, INT64[0]), INT64[1])
    return math.ceil(within) if up else math.floor(within)


def _no_multiple(values: pa.Array, step: float) -> Any:
    """Return which numbers are no multiples; of fractions, to the last bit that a number has."""
    import numpy as np
    import pyarrow.compute as pc

    present = np.asarray(values.is_valid())
    numbers = np.asarray(pc.fill_null(values, 0))
    if numbers.dtype == np.int64 and float(step).is_integer():
        return present & (numbers % np.int64(step) != 0)
    numbers = numbers.astype(np.float64)
    with np.errstate(over="ignore"):  # beyond all numbers, every one is near a multiple
        nearest = np.round(numbers / step) * step
    far = np.isfinite(nearest) & (np.abs(numbers - nearest) > 2 * np.spacing(np.abs(numbers)))
    return present & far


def _texts(column: Column) -> list[tuple[str, str, Callable[[pa.Array], pa.Array]]]:
    import pyarrow.compute as pc

    found: list[tuple[str, str, Callable[[pa.Array], pa.Array]]] = []
    if column.min_length is not None:
        least = min(column.min_length, _LONGEST)
        found.append(("length", "it is too short", lambda v: pc.less(pc.utf8_length(v), least)))
    if column.max_length is not None:
        most = min(column.max_length, _LONGEST)
        found.append(("length", "it is too long", lambda v: _longer(v, most)))
    if column.pattern is not None:
        pattern = column.pattern
        reason = "it does not match the pattern"
        found.append(("pattern", reason, lambda v: _mismatch(v, pattern, column.name)))
    if column.format is not None:
        form, name = STRING_FORMATS[column.format]
        whole = f"^(?:{form})$"
        reason = f"it is not {name}"
        found.append(("format", reason, lambda v: _mismatch(v, whole, column.name)))
    return found


def _longer(values: pa.Array, most: int) -> pa.Array:
    """Return which texts have more letters; where none has so many bytes, they are not counted."""
    import pyarrow.compute as pc

    sizes = pc.binary_length(values)
    longest = pc.max(sizes).as_py()
    letters = sizes if longest is None or longest <= most else pc.utf8_length(values)
    return pc.greater(letters, most)


def _mismatch(values: pa.Array, pattern: str, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.invert(pc.match_substring_regex(values, pattern))
    except pa.ArrowInvalid:
        raise ContractError(
            f"the pattern of column '{name}' uses what RE2 does not have",
            fix="write it without look-around and back-references",
        ) from None


def _limit(column: Column, limit: float | str, type_: pa.DataType) -> pa.Scalar:
    import pyarrow as pa

    if column.type == "date":
        return pa.scalar(date.fromisoformat(str(limit)), type_)
    if column.type == "timestamp":
        return pa.scalar(_in_utc(datetime.fromisoformat(str(limit)), column), type_)
    if column.type == "integer":
        return pa.scalar(int(limit), pa.int64())
    return pa.scalar(float(limit), pa.float64())


def _in_utc(moment: datetime, column: Column) -> datetime:
    """Return a time of the contract as the clean times of a column are."""
    if moment.tzinfo is None and column.zone is not None:
        moment = moment.replace(tzinfo=ZoneInfo(column.zone))
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def count_metrics(
    contract: Contract, columns: dict[str, pa.Array], counts: Counter[tuple[str, ...]]
) -> None:
    """Count the clean rows that each rule's metric counts.

    `nullValues` and `rowCount` follow from other counts, `duplicateValues` needs all files.

    Parameters
    ----------
    columns
        Typed columns of clean rows.
    counts
        (column, position of the rule in the column's `quality`) to rows; added to.
    """
    for column in contract.columns:
        values = columns[column.name]
        for index, rule in enumerate(column.quality):
            if rule.metric == "missingValues":
                mask = over_distinct(values, partial(_among, values=rule.missing))
                rows = values.null_count + (0 if mask is None else int(mask.sum()))
            elif rule.metric == "invalidValues":
                rows = _invalid(values, rule.valid, rule.pattern)
            else:
                continue
            if rows:
                counts[(column.name, str(index))] += rows


def _invalid(values: pa.Array, valid: tuple[object, ...], pattern: str | None) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wrong = np.zeros(len(values), bool)
    if valid:
        mask = over_distinct(values, lambda v: _not_in(v, valid))
        wrong |= False if mask is None else mask
    if pattern is not None:
        mask = over_distinct(
            values, lambda v: pc.invert(pc.match_substring_regex(v.cast(pa.string()), pattern))
        )
        wrong |= False if mask is None else mask
    return int(wrong.sum())


def _among(cells: pa.Array, values: tuple[object, ...]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    marks = pa.array([str(value) for value in values], pa.string())
    return pc.is_in(cells.cast(pa.string()), value_set=marks)
