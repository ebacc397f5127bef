"""Check typed columns against the contract, all rules at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from quickstack.contract import Column
from quickstack.errors import ContractError
from quickstack.quality.parse import TYPE_NAMES

if TYPE_CHECKING:
    import pyarrow as pa


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


def check_column(column: Column, values: pa.Array, wrong: pa.Array) -> list[Broken]:
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
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[tuple[str, str, Any]] = [("type", f"it is not {TYPE_NAMES[column.type]}", wrong)]
    if column.required:
        absent = pc.and_(pc.is_null(values), pc.invert(wrong))
        found.append(("required", "it is empty, and must not be", absent))
    if column.allowed:
        allowed = pa.array(column.allowed).cast(values.type)
        other = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=allowed)))
        found.append(("allowed", "it is none of the allowed values", other))
    for rule, reason, limit, compare in (
        ("minimum", "it is below the minimum", column.minimum, pc.less),
        ("maximum", "it is above the maximum", column.maximum, pc.greater),
        ("minimum", "it is not above the minimum", column.exclusive_minimum, pc.less_equal),
        ("maximum", "it is not below the maximum", column.exclusive_maximum, pc.greater_equal),
    ):
        if limit is not None:
            found.append((rule, reason, compare(values, _limit(column, limit, values.type))))
    if column.type == "string":
        found += _text_rules(column, values)
    broken = []
    for rule, reason, mask in found:
        rows = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))
        if len(rows):
            broken.append(Broken(column.name, rule, reason, rows))
    return broken


def _text_rules(column: Column, values: pa.Array) -> list[tuple[str, str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[tuple[str, str, Any]] = []
    if column.min_length is not None:
        short = pc.less(pc.utf8_length(values), column.min_length)
        found.append(("length", "it is too short", short))
    if column.max_length is not None:
        long = pc.greater(pc.utf8_length(values), column.max_length)
        found.append(("length", "it is too long", long))
    if column.pattern is not None:
        try:
            other = pc.invert(pc.match_substring_regex(values, column.pattern))
        except pa.ArrowInvalid:
            raise ContractError(
                f"the pattern of column '{column.name}' uses what RE2 does not have",
                fix="write it without look-around and back-references",
            ) from None
        found.append(("pattern", "it does not match the pattern", other))
    return found


def _limit(column: Column, limit: float | str, type_: pa.DataType) -> pa.Scalar:
    import pyarrow as pa

    if column.type == "date":
        return pa.scalar(date.fromisoformat(str(limit)), type_)
    if column.type == "timestamp":
        return pa.scalar(datetime.fromisoformat(str(limit)), type_)
    return pa.scalar(float(limit), pa.float64())
