"""The columns of a query's result: their names, types in Parquet, and how they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from quickstack.data.landing.connection import told
from quickstack.facts.errors import DataError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

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


@dataclass(frozen=True)
class Query:
    """What is asked of the database.

    Attributes
    ----------
    text
        One SELECT.
    since
        The column by which rows grow; None lands the whole result each time.
    overlap
        How far back rows may still have been committed; see `Watermark.lower`.
    key
        Columns that tell rows apart, and so put them in order.
    """

    text: str
    since: str | None = None
    overlap: str | None = None
    key: tuple[str, ...] = ()

    @property
    def bare(self) -> str:
        """The text without the semicolon that may end it."""
        return self.text.strip().rstrip(";").rstrip()

    def facts(self) -> dict[str, Any]:
        """Return what a record says of it; an incremental landing goes on only where it agrees."""
        return {"query": self.bare, "since_column": self.since, "key": list(self.key)}


def result_columns(connection: sa.Connection, variable: str, query: Query) -> list[ResultColumn]:
    """Ask for no rows, and so for the columns alone.

    Raises
    ------
    SourceError
        Where the query is refused, or lacks a column that `since` or the key names.
    """
    before = "SELECT * FROM (\n"
    with told(variable, query.bare, len(before)):
        result = connection.execute(_statement(f"{before}{query.bare}\n) AS landing WHERE 1 = 0"))
        description = result.cursor.description if result.cursor else []
        result.close()
    columns = described_columns(description, connection.dialect.name == "postgresql")
    names = [column.name for column in columns]
    for option, wanted in (("--since-column", (query.since,)), ("--key", query.key)):
        if missing := [name for name in wanted if name and name not in names]:
            raise SourceError(
                f"the query gives no column {', '.join(missing)}",
                where=option,
                fix=f"name one of its columns: {', '.join(names)}",
            )
    return columns


def select(
    connection: sa.Connection, columns: Sequence[ResultColumn], query: Query, lower: Any
) -> tuple[sa.TextClause, dict[str, Any]]:
    """Return the statement for the rows at or above `lower`, in order, and its parameters."""
    preparer = connection.dialect.identifier_preparer

    def quote(name: str) -> str:
        # The dialect's own function doubles `%` for the driver, and so does the text below.
        end = preparer.final_quote
        return f"{preparer.initial_quote}{name.replace(end, end * 2)}{end}"

    selected = ", ".join(
        f"landing.{quote(c.name)}::text AS {quote(c.name)}"
        if c.as_text
        else f"landing.{quote(c.name)}"
        for c in columns
    )
    # The query is the user's own, and the transaction reads only.
    text = f"SELECT {selected} FROM (\n{query.bare}\n) AS landing"  # noqa: S608 - the user's own
    values: dict[str, Any] = {}
    where = ""
    if query.since and lower is not None:
        # Rows without a value are asked for too, so that they are refused and not left out.
        since = f"landing.{quote(query.since)}"
        where = f" WHERE ({since} >= :lower OR {since} IS NULL)"
        values["lower"] = lower
    # With the table's name: an output column of that name may be text, which has another order.
    order = ", ".join(f"landing.{quote(c)}" for c in dict.fromkeys([query.since, *query.key]) if c)
    return _statement(text, where, f" ORDER BY {order}" if order else ""), values


def _statement(text: str, where: str = "", order: str = "") -> sa.TextClause:
    """Make a statement in which no colon of the user's query begins a parameter."""
    import sqlalchemy as sa

    return sa.text(text.replace(":", r"\:") + where + order.replace(":", r"\:"))
