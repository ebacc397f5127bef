"""Land the result of a query as Parquet, whole or by what is new since the landing before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.data.landing.connection import connected, told
from quickstack.data.landing.increments import Watermark, landed_rows, typed, without
from quickstack.data.landing.landing_progress import Landed, LandingProgress, readable
from quickstack.data.landing.query import (
    ORDERED,
    Query,
    ResultColumn,
    as_table,
    result_columns,
    select,
    settle,
)
from quickstack.data.landing.secret import shown_url
from quickstack.data.landing.snapshot import Landing, described, put_in_place, read_record, stands
from quickstack.facts.errors import DataError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

KIND = "sql"
#: Bytes that one fetch and one row group are kept near; both follow from the rows alone, so that
#: the same rows make the same file.
FETCH_BYTES, GROUP_BYTES = 4 << 20, 32 << 20
FETCH_ROWS, GROUP_ROWS = 10_000, 100_000


def land_sql(
    landing: Landing,
    url: str,
    variable: str,
    query: Query,
    *,
    seconds: int,
    progress: LandingProgress,
) -> Landed:
    """Land a query's result, read through a server-side cursor in one snapshot.

    Parameters
    ----------
    url, variable
        The database's address, and the environment variable it came from.
    seconds
        Longest time for one statement.

    Raises
    ------
    SourceError
        Where the database, the query or an earlier landing cannot be used.
    DataError
        Where the rows have no order or types to land them by.
    """
    record = read_record(landing, KIND)
    files: list[dict[str, Any]] = record["files"] if record else []
    _check_continues(landing, record, query)
    landed: Counter[bytes] = Counter()
    mark = lower = None
    if query.since and record:
        mark = Watermark.read(record["watermark"])
        lower = mark.lower(query.overlap)
        landed = landed_rows(landing, files, query.since, lower)
    name = (
        f"{landing.name}-{len(files) + 1:06d}.parquet" if query.since else f"{landing.name}.parquet"
    )
    staged = landing.staging / name
    rows = 0
    with connected(url, variable, seconds) as connection, told(variable, query.bare):
        progress.say("connected; the query runs")
        columns = result_columns(connection, variable, query)
        with _rows_file(staged) as write:
            for columns, table in _tables(connection, columns, query, lower):  # noqa: B020
                if query.since:
                    mark = _highest(columns, table, query.since, mark)
                new = without(table, landed)
                _check_columns(landing, record, columns, query)
                write(new)
                rows += new.num_rows
                progress.advance(new.num_rows)
    if not rows:
        if files:
            return Landed((), "nothing new since the landing before")
        raise SourceError("the query gives no rows", where="the query", fix="correct it")
    file = described(staged, name, rows=rows)
    if query.since and mark:
        file["watermark"] = mark.document()
    elif files and files[0]["sha256"] == file["sha256"] and stands(landing, files[0]):
        return Landed((), f"unchanged: the same {rows:,} rows as before")
    new_record = {
        "kind": KIND,
        "source": _shown(url),
        **query.facts(),
        "columns": [{"name": c.name, "type": c.kind} for c in columns],
        "watermark": mark.document() if mark else None,
        "files": [*files, file] if query.since else [file],
    }
    put_in_place(landing, new_record, {name: name})
    summary = f"{rows:,} rows, {readable(file['bytes'])}"
    return Landed((landing.shown(landing.folder / name),), summary)


@contextmanager
def _rows_file(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Give what writes tables into one Parquet file, whose columns are those of the first."""
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False)
        if table.num_rows:
            writer.write_table(table, row_group_size=GROUP_ROWS)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _shown(url: str) -> str:
    return shown_url(url).replace("+psycopg:", ":", 1)


def _check_continues(landing: Landing, record: dict[str, Any] | None, query: Query) -> None:
    if record is None or not (query.since or record["since_column"]):
        return
    other = [fact for fact, value in query.facts().items() if record[fact] != value]
    if other:
        raise SourceError(
            f"the landing before had another {', '.join(other).replace('_', ' ')}, "
            "so this one cannot go on from it",
            where=landing.shown(landing.record).as_posix(),
            fix="ask as before, or land under another --name",
        )


def _tables(
    connection: sa.Connection, columns: Sequence[ResultColumn], query: Query, lower: Any
) -> Iterator[tuple[list[ResultColumn], pa.Table]]:
    """Give the result in tables of about GROUP_BYTES, in the order of `since` and the key."""
    import pyarrow as pa

    statement, values = select(connection, columns, query, lower)
    result = connection.execution_options(stream_results=True).execute(statement, values)
    settled: list[ResultColumn] = []
    waiting: list[pa.Table] = []
    size = count = 0
    with result:
        fetch = 100
        while rows := result.fetchmany(fetch):
            settled = settled or settle(columns, rows)
            table = as_table(settled, rows)
            waiting.append(table)
            size, count = size + table.nbytes, count + table.num_rows
            # Rows may be of any width: the next fetch goes by those seen.
            fetch = max(1, min(FETCH_ROWS, FETCH_BYTES * len(rows) // max(1, table.nbytes)))
            if size >= GROUP_BYTES or count >= GROUP_ROWS:
                yield settled, pa.concat_tables(waiting)
                waiting, size, count = [], 0, 0
    if waiting:
        yield settled, pa.concat_tables(waiting)


def _highest(
    columns: Sequence[ResultColumn], table: pa.Table, since: str, mark: Watermark | None
) -> Watermark:
    column = next(c for c in columns if c.name == since)
    if column.kind not in ORDERED or (column.as_text and column.kind != "numeric"):
        raise DataError(
            f"column '{since}' has a type without an order to go on from",
            where="--since-column",
            fix="name a column of whole or decimal numbers, dates, times or text",
        )
    values = table[since]
    if values.null_count:
        raise DataError(
            f"rows have no value in column '{since}', so no later landing could place them",
            where="--since-column",
            fix="give them one in the query with COALESCE, or leave them out there",
        )
    # The rows arrive in the database's own order of this column.
    last = Watermark(str(column.kind), typed(str(column.kind), values[-1].as_py()))
    return mark if mark and not isinstance(last.value, str) and mark.value > last.value else last


def _check_columns(
    landing: Landing, record: dict[str, Any] | None, columns: Sequence[ResultColumn], query: Query
) -> None:
    if record is None or not query.since:
        return
    before = {column["name"]: column["type"] for column in record["columns"]}
    now = {column.name: column.kind for column in columns}
    if list(before.items()) != list(now.items()):
        other = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
        raise DataError(
            f"the query's columns differ from before: {', '.join(other) or 'their order'}",
            where=landing.shown(landing.record).as_posix(),
            fix="name the earlier columns in the query, or land under another --name",
        )
