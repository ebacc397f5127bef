"""The columns of a query's result: their names, types in Parquet, and how they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from quickstack.facts.errors import DataError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa

# PostgreSQL's fixed numbers of its built-in types, from its catalog pg_type. All others arrive as
# the text that PostgreSQL itself writes: exact for numeric, and one form for every setting.
_POSTGRESQL = {
    16: "bool", 20: "int64", 21: "int64", 23: "int64", 26: "int64", 700: "float32", 701: "float64",
    18: "string", 19: "string", 25: "string", 1042: "string", 1043: "string",
    1082: "date", 1114: "timestamp", 1184: "timestamptz",
}  # fmt: skip
_NUMERIC = 1700
#: Types in which rows have an order that a later landing can go on from.
ORDERED = ("int64", "date", "timestamp", "timestamptz", "numeric", "string")


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result.

    Attributes
    ----------
    kind
        A name of Arrow's types, or `date`, `timestamp` (without zone), `timestamptz` (in UTC),
        `numeric` (as decimal text); None where only the values can tell.
    as_text
        Whether the database is asked to write it as text.
    """

    name: str
    kind: str | None
    as_text: bool = False

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of its values."""
        import pyarrow as pa

        kinds: dict[str | None, Callable[[], pa.DataType]] = {
            "bool": pa.bool_, "int64": pa.int64, "float32": pa.float32, "float64": pa.float64,
            "date": pa.date32, "timestamp": lambda: pa.timestamp("us"),
            "timestamptz": lambda: pa.timestamp("us", tz="UTC"),
        }  # fmt: skip
        return kinds.get(self.kind, pa.string)()


def described_columns(description: Sequence[Sequence[Any]], postgres: bool) -> list[ResultColumn]:
    """Return the columns that a cursor describes.

    Raises
    ------
    SourceError
        Where two have one name, or one has none.
    """
    names = [str(entry[0]) for entry in description]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names or "?column?" in names:
        raise SourceError(
            f"two columns are named {', '.join(twice)}" if twice else "a column has no name",
            where="the query",
            fix="name each column once, with AS",
        )
    if not postgres:
        return [ResultColumn(name, None) for name in names]
    found = []
    for name, entry in zip(names, description, strict=True):
        kind = "numeric" if entry[1] == _NUMERIC else _POSTGRESQL.get(entry[1])
        found.append(ResultColumn(name, kind or "string", kind in (None, "numeric")))
    return found


def settle(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> list[ResultColumn]:
    """Give the columns whose type the database does not tell the type of their first value."""
    settled = []
    for number, column in enumerate(columns):
        kind = column.kind
        if kind is None:
            first = next((row[number] for row in rows if row[number] is not None), None)
            kind = _kind(first)
        settled.append(ResultColumn(column.name, kind, column.as_text))
    return settled


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case datetime():
            return "timestamptz" if value.tzinfo else "timestamp"
        case date():
            return "date"
    return "numeric" if type(value).__name__ == "Decimal" else "string"


def as_table(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows as an Arrow table.

    Raises
    ------
    DataError
        Where a value is of another type than its column.
    """
    import pyarrow as pa

    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = []
    for column, cells in zip(columns, values, strict=True):
        if column.kind in ("numeric", "string") and not column.as_text:
            cells = [v if v is None or isinstance(v, str) else _text(v) for v in cells]
        try:
            arrays.append(pa.array(cells, column.arrow))
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            raise DataError(
                f"column '{column.name}' holds values of more than one type",
                where="the query",
                fix="CAST that column in the query",
            ) from None
    return pa.table(arrays, names=[column.name for column in columns])


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)
