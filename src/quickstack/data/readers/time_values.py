"""Dates and times that a format has typed itself, as the contract's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


#: 1 January of the year 1 and 31 December 9999, in days since 1970-01-01.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_DAY = 86_400_000_000
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}


def plain(values: pa.Array) -> pa.Array:
    """Take values out of dictionaries, and text out of its large and viewing variants."""
    import pyarrow as pa

    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    return values


def dates(wanted: str) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Return what brings dates to a type of the contract, and marks those it cannot hold."""

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        import pyarrow as pa

        days = plain(values).cast(pa.date32())
        wrong = outside(days.cast(pa.int32()).fill_null(0), _FIRST_DAY, _LAST_DAY)
        if wrong is not None:
            days = blanked(days, wrong)
        return days if wanted == "date" else days.cast(pa.timestamp("us")), wrong

    return convert


def times(wanted: str) -> Callable[[pa.Array], tuple[pa.Array, Any]]:
    """Return what brings times to a type of the contract, and marks those it cannot hold."""

    def convert(values: pa.Array) -> tuple[pa.Array, Any]:
        import numpy as np
        import pyarrow as pa

        times = plain(values)
        factor = _UNITS[times.type.unit]
        ticks = np.asarray(times.cast(pa.int64()).fill_null(0))
        least, most = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1
        if factor > 0:
            wrong = (ticks < -(-least // factor)) | (ticks > most // factor)
            micros = np.where(wrong, 0, ticks) * factor
        else:
            micros, wrong = ticks // -factor, ticks % -factor != 0
        if wanted == "date":
            wrong |= micros % _DAY != 0
        found = pa.array(micros, pa.int64(), mask=np.asarray(times.is_null()) | wrong)
        found = found.cast(pa.timestamp("us"))
        return found.cast(pa.date32()) if wanted == "date" else found, wrong

    return convert


def outside(values: pa.Array, least: int, most: int) -> Any:
    """Return which values lie outside two limits; None where none does."""
    import numpy as np

    numbers = np.asarray(values)
    wrong = (numbers < least) | (numbers > most)
    return wrong if wrong.any() else None


def blanked(values: pa.Array, wrong: Any) -> pa.Array:
    """Return the values without those that are wrong."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(wrong), pa.scalar(None, values.type), values)
