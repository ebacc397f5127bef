"""Make personal values coarser: bands of numbers, prefixes of texts, first dates of periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstack.facts.errors import ContractError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from quickstack.facts.contract.model import Generalisation

#: Periods that Arrow can cut a date down to, and how many of its units they span.
_PERIODS = {"month": ("month", 1), "quarter": ("quarter", 1), "year": ("year", 1)}
_PERIODS["decade"] = ("year", 10)


def generalise(values: pa.Array, rule: Generalisation) -> pa.Array:
    """Make each value coarser; a null stays null.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        For `band`: int64 or float64. For `prefix`: string or int64 (its digits). For periods:
        date32 or timestamp.
    rule
        How. A band holds the numbers from its lower limit up to, and without, the next one's:
        by 10, 37 is "30-39" and -3 is "-10--1". Bands of floating-point numbers are written with
        the next band's limit, "30-<40", because 39.5 is in them too. Infinities and NaN, which
        are in no band, become null.

    Returns
    -------
    pyarrow.StringArray or pyarrow.Date32Array

    Raises
    ------
    ContractError
        Where the rule does not fit the type of the values, or its size is below 1.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if rule.size < 1:
        raise ContractError(f"a generalisation by {rule.size} makes nothing coarser")
    kind = values.type
    if rule.kind == "band" and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _bands(values, rule.size)
    if rule.kind == "prefix" and not (pa.types.is_temporal(kind) or pa.types.is_floating(kind)):
        return pc.utf8_slice_codeunits(values.cast(pa.string()), 0, rule.size)
    if rule.kind in _PERIODS and pa.types.is_temporal(kind):
        unit, multiple = _PERIODS[rule.kind]
        days = values.cast(pa.date32(), safe=False) if pa.types.is_date(kind) else _days(values)
        return pc.floor_temporal(
            days.cast(pa.timestamp("s")), multiple, unit=unit, calendar_based_origin=False
        ).cast(pa.date32())
    raise ContractError(
        f"the generalisation '{rule.kind}' does not fit a column of type {kind}",
        fix="use band for numbers, prefix for text, and month, quarter, year or decade for dates",
    )


def _days(stamps: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.floor_temporal(stamps, unit="day").cast(pa.date32(), safe=False)


def _bands(values: pa.Array, size: int) -> pa.Array:
    """Write the band of each number; only distinct bands are written as text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.types.is_integer(values.type)
    if whole:
        numbers = values.cast(pa.int64())
        valid = numbers.is_valid().to_numpy(zero_copy_only=False)
        bands = np.floor_divide(pc.fill_null(numbers, 0).to_numpy(), size)
    else:
        numbers = values.cast(pa.float64())
        finite = pc.fill_null(pc.is_finite(numbers), fill_value=False)
        valid = finite.to_numpy(zero_copy_only=False)
        bands = np.floor_divide(np.where(valid, _floats(numbers), 0.0), size)
    distinct, position = np.unique(bands, return_inverse=True)
    texts = [_band(int(band), size, whole) for band in distinct.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(position, mask=~valid))


def _floats(numbers: pa.Array) -> np.ndarray:
    import pyarrow.compute as pc

    return pc.fill_null(numbers, 0.0).to_numpy()


def _band(band: int, size: int, whole: bool) -> str:
    low, following = band * size, (band + 1) * size
    if not whole:
        return f"{low}-<{following}"
    return f"{low}-{following - 1}" if size > 1 else str(low)
