"""The exported tables in a real PostgreSQL, read back through ODBC as Power BI reads them."""

from __future__ import annotations

import json
from datetime import date, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from helpers import make_repository, needs_odbc
from quickstack.cli.main import app
from quickstack.results.exporting.database import load_tables
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.write_tables import write_table

LAYOUT = Layout(
    "predictions",
    "One row per person. It's said.",
    (
        Field("id", "string", "The key."),
        Field("select", "integer", "A reserved word.", "pieces"),
        Field("value", "number", "Number."),
        Field("flag", "boolean", "Truth."),
        Field("day", "date", "Day."),
        Field("moment", "timestamp", "Moment."),
        Field("period", "string", "Period."),
    ),
    key=("id",),
    partition="period",
)
EVIL = ["</script><img onerror=…>", "=cmd()", 'x"\r\n,\\.', "", "\\."]
PYTHON = {
    pa.string(): str, pa.int64(): int, pa.float64(): float, pa.bool_(): bool,
    pa.date32(): date, pa.timestamp("us"): datetime,
}  # fmt: skip


def frame(rows=200):
    return pd.DataFrame(
        {
            "id": [f"{EVIL[n % len(EVIL)]}{n:04}" for n in range(rows)],
            "select": pd.array([None, *range(2**62, 2**62 + rows - 1)], "Int64"),
            "value": [None, 0.1, 1e-300, -1.7976931348623157e308, *[1 / 3] * (rows - 4)],
            "flag": pd.array([True, None] * (rows // 2), "boolean"),
            "day": pd.to_datetime(["2024-02-29", None] * (rows // 2)),
            "moment": pd.to_datetime(["2024-02-29 23:59:59.123456", None] * (rows // 2)),
            "period": [*["2024-01"] * (rows - 50), *["2024-02"] * 40, *[None] * 10],
        }
    )


def export(root, *frames, layout=LAYOUT):
    folder = root / "exports"
    folder.mkdir(exist_ok=True)
    for old in folder.rglob("*.*"):
        old.unlink()
    if (folder / layout.name).exists():
        (folder / layout.name).rmdir()
    described = write_table(folder, layout, frames)
    (folder / "manifest.json").write_text(json.dumps({"tables": [described]}))
    return [
        row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = make_repository(tmp_path / "clone")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("QUICKSTACK_SINK_URL", raising=False)
    return folder


@pytest.fixture
def database(postgres, monkeypatch):
    monkeypatch.setenv("QUICKSTACK_SINK_URL", postgres.url)
    postgres.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return postgres


def load(*arguments):
    result = CliRunner().invoke(app, ["load", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def through_odbc(postgres, query):
    pyodbc = needs_odbc("PostgreSQL Unicode")
    # As strings of unlimited length, and truth as truth, which the driver's defaults are not.
    place = (
        "DRIVER={PostgreSQL Unicode};SERVER=127.0.0.1;DATABASE=postgres;UID=landing;"
        f"PORT={postgres.port};PWD={postgres.password};BoolsAsChar=0;TextAsLongVarchar=1;"
        "MaxLongVarcharSize=0;LFConversion=0;ByteaAsLongVarBinary=1"
    )
    with pyodbc.connect(place) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        kinds = [column[1] for column in cursor.description]
        return kinds, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_odbc_returns_the_rows_and_types_of_the_parquet(root, database):
    rows = export(root, frame())
    assert load()[0] == 0
    kinds, found = through_odbc(database, 'SELECT * FROM predictions ORDER BY id COLLATE "C"')
    assert found == sorted(rows, key=lambda row: row["id"])
    path = next((root / "exports/predictions").glob("*.parquet"))
    assert kinds == [PYTHON[field.type] for field in pq.read_schema(path)]


def test_descriptions_and_keys_arrive(root, database):
    export(root, frame())
    load()
    _, key = through_odbc(
        database,
        "SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
        "AND a.attnum = ANY(i.indkey) WHERE i.indrelid = 'predictions'::regclass AND indisprimary",
    )
    assert key == [{"name": "id"}]
    _, said = through_odbc(
        database,
        "SELECT obj_description('predictions'::regclass) AS t, "
        "col_description('predictions'::regclass, 2) AS c",
    )
    assert said == [{"t": LAYOUT.description, "c": "A reserved word. (pieces)"}]


def test_a_second_load_does_nothing_and_a_changed_one_replaces(root, database):
    export(root, frame())
    assert "1 tables loaded" in load()[1]
    database.run("CREATE VIEW mine AS SELECT id FROM predictions")
    assert "nothing to load" in load()[1]
    rows = export(root, frame(100))
    assert "1 tables loaded" in load()[1]
    _, found = through_odbc(database, "SELECT count(*) AS n FROM mine")
    assert found == [{"n": len(rows)}]


def test_readers_see_the_old_rows_until_all_is_loaded(root, database):
    def two(rows):
        export(root, frame(rows))
        manifest = root / "exports/manifest.json"
        (one,) = json.loads(manifest.read_text())["tables"]
        manifest.write_text(json.dumps({"tables": [one, {**one, "name": "copied"}]}))

    seen = []

    def say(text):
        counts = [
            through_odbc(database, f"SELECT count(*) AS n FROM {name}")[1][0]["n"]
            for name in ("predictions", "copied")
        ]
        seen.append((text.partition(":")[0], counts))

    two(200)
    load_tables(root / "exports", database.url, "X", None, print)
    two(100)
    load_tables(root / "exports", database.url, "X", None, say)
    assert seen == [("predictions", [200, 200]), ("copied", [200, 200])]
    say("after")
    assert seen[-1] == ("after", [100, 100])


def test_a_load_that_fails_changes_nothing_and_quotes_nothing(root, database):
    export(root, frame())
    load()
    twice = pd.concat([frame(100), frame(100).iloc[:1]])
    export(root, twice)
    code, output = load()
    assert code == 1
    assert "have the same key" in output
    assert "onerror" not in output
    assert database.password not in output
    _, found = through_odbc(database, "SELECT count(*) AS n FROM predictions")
    assert found == [{"n": 200}]


def test_a_table_of_somebody_else_is_left_alone(root, database):
    export(root, frame())
    database.run("CREATE TABLE predictions (mine int)", "INSERT INTO predictions VALUES (7)")
    code, output = load()
    assert code == 1
    assert "was not loaded by quickstack" in output
    database.run("CREATE SCHEMA results")
    assert load("--schema", "results")[0] == 0
    _, found = through_odbc(database, "SELECT mine FROM public.predictions")
    assert found == [{"mine": 7}]


def test_files_that_are_not_those_of_the_manifest_are_refused(root, database):
    export(root, frame())
    path = next((root / "exports/predictions").glob("*.csv"))
    path.write_bytes(path.read_bytes() + b"\r\n")
    code, output = load()
    assert code == 1
    assert "is not the file that the manifest names" in output


def test_other_databases_get_the_same_rows(root, monkeypatch):
    import sqlite3

    monkeypatch.setenv("QUICKSTACK_SINK_URL", f"sqlite:///{root / 'results.db'}")
    rows = export(root, frame())
    assert load()[0] == 0
    assert "nothing to load" in load()[1]
    with sqlite3.connect(root / "results.db") as connection:
        found = connection.execute("SELECT id, value FROM predictions").fetchall()
    assert sorted(found) == sorted((row["id"], row["value"]) for row in rows)


def test_without_an_address_it_says_where_to_write_one(root):
    code, output = load()
    assert code == 1
    assert "QUICKSTACK_SINK_URL" in output
