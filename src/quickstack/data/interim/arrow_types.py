"""The Arrow types of a contract's logical types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from quickstack.facts.contract.model import LogicalType

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_schema(columns: Iterable[tuple[str, LogicalType]]) -> pa.Schema:
    """Return the schema of columns given as name and logical type.

    Timestamps have microseconds and no zone.
    """
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns])
