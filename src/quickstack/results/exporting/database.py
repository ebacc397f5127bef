"""Load the exported tables into a database, all of them in one transaction.

Rows are replaced by deleting and inserting, so that views, grants and readers that hold the table
stay, and nobody sees half of it. What was loaded stands in the table `quickstack_tables`: a table
of the same name that is not listed there belongs to somebody else and is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.data.landing.connection import database, told
from quickstack.facts.errors import DataError
from quickstack.results.exporting.manifest import file_hash, value_hash

if TYPE_CHECKING:
    import sqlalchemy as sa

RECORD = "quickstack_tables"
BATCH_ROWS = 10_000
#: By SQLSTATE: what it means here.
_STATES = {
    "42501": (
        "this user may not create or fill tables here",
        "ask for the right to, or name another --schema",
    ),
    "3F": ("there is no schema of that name", "create it, or name another --schema"),
    "2BP01": (
        "a table has other columns now, and a view of yours needs the old ones",
        "drop the view, load, and create it again",
    ),
    "22021": (
        "a text holds the character NUL, which this database cannot keep",
        "let the contract refuse it by a pattern, and run `dvc repro`",
    ),
    "23505": (
        "two rows of an exported table have the same key",
        "let the contract's primaryKey name columns that tell rows apart, and run `dvc repro`",
    ),
    "55P03": ("somebody else holds a lock on a table", "load again later"),
}


def load_tables(
    folder: Path, url: str, variable: str, schema: str | None, say: Callable[[str], None]
) -> list[str]:
    """Load every table of an export that differs from what the database has.

    Parameters
    ----------
    folder
        The export, with its `manifest.json`.
    url, variable
        The database's address, and the environment variable it came from.
    schema
        Where the tables belong; the database's own default where None.
    say
        Called with one line per step.

    Returns
    -------
    list of str
        The names of the tables that were loaded; empty where nothing had changed.

    Raises
    ------
    DataError
        Where there is no export, its files are not those of its manifest, or a table of the
        database belongs to somebody else.
    SourceError
        Where the database cannot be used.
    """
    import sqlalchemy as sa

    tables = _described(folder)
    engine = database(url, variable, "quickstack load")
    loaded: list[str] = []
    with told(variable, states=_STATES), engine.begin() as connection:
        metadata = sa.MetaData(schema=schema)
        record = sa.Table(
            RECORD,
            metadata,
            sa.Column("table_name", sa.String(200), primary_key=True),
            sa.Column("content", sa.String(64), comment="Hash of its files and columns."),
            sa.Column("row_count", sa.BigInteger),
            comment="What quickstack load put here; it replaces these tables and no other.",
        )
        inspector = sa.inspect(connection)
        record.create(connection, checkfirst=True)
        if engine.dialect.name == "postgresql":
            # Two loads at once: the second waits, and finds nothing to do.
            connection.execute(sa.text(f"LOCK TABLE {_named(record, engine)} IN EXCLUSIVE MODE"))
        known = {name: content for name, content, _ in connection.execute(sa.select(record))}
        for described in tables:
            name, content = described["name"], _content(described)
            there = inspector.has_table(name, schema=schema)
            if there and name not in known:
                raise DataError(
                    f"the table '{name}' is there already and was not loaded by quickstack",
                    where=f"environment variable {variable}",
                    fix="name a --schema of its own",
                )
            if there and known[name] == content:
                continue
            say(f"{name}: {described['rows']:,} rows")
            table = _table(described, metadata)
            _prepare(connection, inspector, table, there=there)
            _fill(connection, table, folder, described)
            connection.execute(sa.delete(record).where(record.c.table_name == name))
            connection.execute(
                sa.insert(record).values(
                    table_name=name, content=content, row_count=described["rows"]
                )
            )
            loaded.append(name)
    return loaded


def _described(folder: Path) -> list[dict[str, Any]]:
    """Return the tables of the manifest, once every file has proved to be the one it names."""
    place = (folder / "manifest.json").as_posix()
    try:
        tables = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["tables"]
        for table in tables:
            for file in table["files"]:
                if file_hash(folder / file["path"]) != file["sha256"]:
                    raise DataError(
                        f"{file['path']} is not the file that the manifest names",
                        where=place,
                        fix="run `dvc repro`, or `dvc checkout exports`",
                    )
    except FileNotFoundError:
        raise DataError(
            "there is no whole export", where=place, fix="run `dvc repro`, or `dvc pull exports`"
        ) from None
    except (json.JSONDecodeError, KeyError, TypeError):
        raise DataError("this is not a manifest", where=place, fix="run `dvc repro`") from None
    return tables


def _content(described: Mapping[str, Any]) -> str:
    parts = ("columns", "key", "description")
    hashes = [file["sha256"] for file in described["files"] if file["path"].endswith(".parquet")]
    return value_hash([*(described[part] for part in parts), hashes])


def _table(described: Mapping[str, Any], metadata: sa.MetaData) -> sa.Table:
    """Return the table that SQLAlchemy creates: types, key and descriptions of the manifest."""
    import sqlalchemy as sa

    types: dict[str, Any] = {
        # A key of unlimited text is not allowed everywhere; PostgreSQL and SQLite mind neither.
        "string": sa.Text().with_variant(sa.String(500), "mysql", "mariadb", "mssql", "oracle"),
        "integer": sa.BigInteger(),
        "number": sa.Double(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(),
    }
    columns = [
        sa.Column(
            column["name"],
            types[column["type"]],
            primary_key=column["name"] in described["key"],
            autoincrement=False,
            comment=column["description"] + (f" ({column['unit']})" if column["unit"] else ""),
        )
        for column in described["columns"]
    ]
    return sa.Table(described["name"], metadata, *columns, comment=described["description"])


def _prepare(
    connection: sa.Connection, inspector: sa.Inspector, table: sa.Table, *, there: bool
) -> None:
    """Empty a table, or make it anew where its columns or key are not those it needs."""
    import sqlalchemy as sa
    from sqlalchemy.schema import SetColumnComment, SetTableComment

    dialect = connection.dialect
    if there:
        columns = inspector.get_columns(table.name, schema=table.schema)
        key = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
        has = [(column["name"], column["type"].compile(dialect)) for column in columns]
        needs = [(column.name, column.type.compile(dialect)) for column in table.columns]
        if has != needs or sorted(key) != sorted(column.name for column in table.primary_key):
            table.drop(connection)
            there = False
    if not there:
        table.create(connection)
        return
    connection.execute(sa.delete(table))
    if dialect.supports_comments and not dialect.inline_comments:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))


def _fill(
    connection: sa.Connection, table: sa.Table, folder: Path, described: Mapping[str, Any]
) -> None:
    """Insert the rows of the exported Parquet: by COPY where the database has it."""
    import pyarrow.parquet as pq
    import sqlalchemy as sa

    copies = connection.dialect.name == "postgresql" and connection.dialect.driver == "psycopg"
    for file in described["files"]:
        if not file["path"].endswith(".parquet"):
            continue
        batches = pq.ParquetFile(folder / file["path"]).iter_batches(BATCH_ROWS)
        if copies:
            _copy(connection, table, batches)
            continue
        for batch in batches:
            if batch.num_rows:
                connection.execute(sa.insert(table), batch.to_pylist())


def _copy(connection: sa.Connection, table: sa.Table, batches: Iterable[Any]) -> None:
    """Send rows as CSV: quoted text, nothing for null, ISO 8601, `.` decimals."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    statement = f"COPY {_named(table, connection)} FROM STDIN (FORMAT csv)"
    settings = pa_csv.WriteOptions(include_header=False)
    cursors: Any = connection.connection
    with cursors.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle TO 'ISO, YMD'")
        with cursor.copy(statement) as copy:
            for batch in batches:
                text = pa.BufferOutputStream()
                pa_csv.write_csv(batch, text, settings)
                copy.write(text.getvalue().to_pybytes())


def _named(table: sa.Table, place: sa.Engine | sa.Connection) -> str:
    return place.dialect.identifier_preparer.format_table(table)
