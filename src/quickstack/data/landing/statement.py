"""The statements that are sent: the user's query, wrapped to be typed, narrowed and ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstack.data.landing.connection import told
from quickstack.data.landing.result_columns import ResultColumn, described_columns
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import sqlalchemy as sa


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

    asked = ", ".join(
        f"landing.{quote(c.name)}::text AS {quote(c.name)}"
        if c.as_text
        else f"landing.{quote(c.name)}"
        for c in columns
    )
    # The query is the user's own, and the transaction reads only.
    text = f"SELECT {asked} FROM (\n{query.bare}\n) AS landing"  # noqa: S608 - the user's own
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
