"""`quickstack land sql` on a real PostgreSQL."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from datetime import date

import pyarrow.parquet as pq
import pytest

from quickstack.data.landing.landing_progress import LandingProgress
from quickstack.data.landing.query import Query
from quickstack.data.landing.snapshot import opened
from quickstack.data.landing.sql import land_sql

CANARY = "Zoe.Canary@example.org"


@pytest.fixture
def database(postgres, repository, monkeypatch):
    monkeypatch.setenv("QUICKSTACK_SOURCE_URL", postgres.url)
    postgres.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return postgres


def rows(path):
    return pq.read_table(path).to_pylist()


ORDERS = (
    "CREATE TABLE orders (id int PRIMARY KEY, name text, day date)",
    "INSERT INTO orders SELECT i, 'n' || i, date '2026-01-01' + i / 10 "
    "FROM generate_series(1, 50) i",
)


def test_types_arrive_exactly(database, repository):
    database.run(
        """CREATE TABLE t (id int8, small int2, flag bool, amount numeric(30, 10), ratio float8,
        single float4, name text, code char(4), day date, at timestamp, moment timestamptz,
        js jsonb, span interval, ids int[], who uuid, "odd: name %" text, big numeric)""",
        f"""INSERT INTO t VALUES (9223372036854775807, -1, true, 12345678901234567890.0123456789,
        0.1, 0.1, '{CANARY}', 'ab', '2024-02-29', '2024-02-29 12:00:00.123456',
        '2024-07-01 12:00+02', '{{"a": [1, "x"]}}', '1 day 02:00', '{{1,2}}',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '50 %: a:b', 'NaN')""",
        "INSERT INTO t VALUES (2)",
    )
    query = """SELECT * FROM t WHERE ':x %s' <> '%' -- the end: %"""
    code, output = repository.land("sql", "t", "--query", query, "--key", "id")
    assert code == 0, output
    null, row = rows(repository.raw("t/t.parquet"))
    assert set(null.values()) == {2, None}
    assert row["id"] == 2**63 - 1
    assert (row["small"], row["flag"], row["ratio"]) == (-1, True, 0.1)
    assert row["amount"] == "12345678901234567890.0123456789"
    assert row["single"] == pytest.approx(0.1)
    assert (row["name"], row["code"], row["day"]) == (CANARY, "ab  ", date(2024, 2, 29))
    assert row["at"].isoformat() == "2024-02-29T12:00:00.123456"
    assert row["moment"].isoformat() == "2024-07-01T10:00:00+00:00"
    assert (row["js"], row["span"], row["ids"]) == ('{"a": [1, "x"]}', "P1DT2H", "{1,2}")
    assert row["who"].startswith("a0eebc99")
    assert (row["odd: name %"], row["big"]) == ("50 %: a:b", "NaN")


def test_the_record_and_what_comes_next(database, repository):
    database.run(*ORDERS)
    (repository.root / "orders_of_2026.sql").write_text("SELECT id,\n  name FROM orders;\n")
    code, output = repository.land("sql", "orders", "--query", "orders_of_2026.sql", "--key", "id")
    assert code == 0, output
    assert "50 rows" in output
    assert "Next: quickstack add data/raw/orders" in output
    record = repository.record("orders/orders_of_2026")
    (file,) = record["files"]
    assert record["query"] == "SELECT id,\n  name FROM orders"
    assert record["source"] == f"postgresql://127.0.0.1:{database.port}/postgres"
    assert (file["rows"], file["file"]) == (50, "orders_of_2026.parquet")
    assert len(file["sha256"]) == 64
    assert file["landed_at"].endswith("Z")
    for secret in (database.password, database.url):
        assert secret not in output
        assert repository.holds(secret) == []


def test_same_rows_same_bytes_and_a_new_snapshot_replaces(database, repository):
    database.run(*ORDERS)
    arguments = ("sql", "orders", "--query", "SELECT * FROM orders", "--key", "id")
    repository.land(*arguments)
    before = repository.files("orders")
    database.run(
        "UPDATE orders SET name = name WHERE id % 3 = 0", "CLUSTER orders USING orders_pkey"
    )
    code, output = repository.land(*arguments)
    assert (code, "unchanged" in output, "Next:" in output) == (0, True, False)
    assert repository.files("orders") == before
    database.run("DELETE FROM orders WHERE id = 7")
    repository.land(*arguments)
    assert len(rows(repository.raw("orders/orders.parquet"))) == 49
    assert repository.staged("orders") == []


INCREMENTAL = ("sql", "orders", "--query", "SELECT * FROM orders", "--key", "id")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("timestamptz", ["2026-01-01 10:00+01", "2026-01-01 10:00:00.01+01", "2026-03-29 02:30Z"]),
        ("timestamp", ["2026-01-01 10:00", "2026-01-02 10:00", "2026-03-29 02:30"]),
        ("date", ["2026-01-01", "2026-01-02", "2027-01-01"]),
        ("int8", ["-5", "9", "10"]),
        ("numeric", ["9.50", "10.5", "100"]),
        ("text", ["a", "b", "Ä"]),
    ],
)  # fmt: skip
def test_each_landing_takes_what_is_new(database, repository, column, values):
    first, second, third = values
    database.run(
        f"CREATE TABLE orders (id int, name text, at {column} NOT NULL)",
        f"INSERT INTO orders VALUES (1, 'a', '{first}'), (2, 'b', '{second}')",
        f"INSERT INTO orders VALUES (3, 'c', '{second}')",
    )
    since = (*INCREMENTAL, "--since-column", "at")
    assert "3 rows" in repository.land(*since)[1]
    before = repository.files("orders")
    assert "nothing new" in repository.land(*since)[1]
    assert repository.files("orders") == before

    # The same highest value again, also as the very same row, and a greater one.
    database.run(
        f"INSERT INTO orders VALUES (4, 'd', '{second}'), (3, 'c', '{second}'), (5, 'e', '{third}')"
    )
    code, output = repository.land(*since)
    assert code == 0, output
    assert "3 rows" in output
    assert "nothing new" in repository.land(*since)[1]
    parts = sorted(repository.raw("orders").glob("*.parquet"))
    assert [p.name for p in parts] == ["orders-000001.parquet", "orders-000002.parquet"]
    assert parts[0].read_bytes() == before["orders-000001.parquet"]
    landed = Counter(row["id"] for part in parts for row in rows(part))
    assert landed == {1: 1, 2: 1, 3: 2, 4: 1, 5: 1}
    assert [f["rows"] for f in repository.record("orders/orders")["files"]] == [3, 3]


def test_rows_committed_late_are_found_with_an_overlap(database, repository):
    database.run(
        "CREATE TABLE orders (id int, at timestamp)",
        "INSERT INTO orders SELECT i, timestamp '2026-01-01' + i * interval '1 min' "
        "FROM generate_series(1, 100) i",
    )
    since = (*INCREMENTAL, "--since-column", "at")
    repository.land(*since)
    database.run("INSERT INTO orders VALUES (101, '2026-01-01 01:30:30')")
    assert "nothing new" in repository.land(*since)[1]
    assert "1 rows" in repository.land(*since, "--overlap", "15m")[1]
    assert "nothing new" in repository.land(*since, "--overlap", "15m")[1]
    assert repository.land(*since, "--overlap", "15")[0] == 1


def test_a_row_that_changes_while_another_landing_reads(database, repository):
    """The cursor reads one snapshot: what is committed meanwhile comes with the next landing."""
    database.run(
        "CREATE TABLE orders (id int, at int, name text)",
        "INSERT INTO orders SELECT i, i, repeat('x', 500) FROM generate_series(1, 60000) i",
    )

    class Meddler(LandingProgress):
        done = False

        def advance(self, *_):
            if not self.done:
                database.run("INSERT INTO orders VALUES (0, 70000, 'late'), (-1, 59999, 'mid')")
                self.done = True

    query = Query("SELECT * FROM orders", "at", None, ("id",))
    with opened(repository.root, "orders", "orders") as landing:
        found = land_sql(landing, database.url, "X", query, seconds=60, progress=Meddler())
        assert found.summary.startswith("60,000 rows")
        again = land_sql(landing, database.url, "X", query, seconds=60, progress=LandingProgress())
        assert again.summary.startswith("1 rows")


REFUSED = {
    "missing table": ("SELECT *\nFROM nowhere", [], "the query, line 2: the query names a table"),
    "missing column": (f"SELECT '{CANARY}',\n\n nope FROM orders", [], "line 3"),
    "no SQL": (f"SELEC '{CANARY}'", [], "the query, line 1: this is not correct SQL"),
    "no value of its type": (f"SELECT id, '{CANARY}'::int AS x FROM orders", [], "SQLSTATE 22P02"),
    "a value that fails on the way": ("SELECT id, 1 / (40 - id) AS x FROM orders", [], "22012"),
    "writing": ("SELECT nextval('counter') AS n", [], "would change the database"),
    "deleting": ("DELETE FROM orders RETURNING *", [], "not correct SQL"),
    "two statements": ("SELECT 1 AS a; DROP TABLE orders", [], "not correct SQL"),
    "forbidden": ("SELECT * FROM private", [], "may not read"),
    "infinite date": ("SELECT 'infinity'::date AS d", [], "outside the years"),
    "date before Christ": ("SELECT '0044-03-15 BC'::date AS d", [], "outside the years"),
    "nothing": ("SELECT * FROM orders WHERE false", [], "gives no rows"),
    "two columns of one name": ("SELECT id, id FROM orders", [], "two columns are named id"),
    "no name": ("SELECT 1 + 1", [], "has no name"),
    "no such key": ("SELECT id FROM orders", ["--key", "nr"], "no column nr"),
    "no such since column": ("SELECT id FROM orders", ["--since-column", "nr"], "no column nr"),
    "since without order": ("SELECT true AS f", ["--since-column", "f"], "without an order"),
    "since that is null": (
        "SELECT id, nullif(id, 3) AS v FROM orders", ["--since-column", "v"], "COALESCE",
    ),
    "overlap alone": ("SELECT 1 AS a", ["--overlap", "1h"], "add --since-column"),
    "too slow": ("SELECT id, pg_sleep(9)::text AS s FROM orders", ["--timeout", "1"], "--timeout"),
    "no file": ("nowhere.sql", [], "nowhere.sql: there is no such file"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence_and_nothing_changed(
    database, repository, monkeypatch, query, options, sentence
):
    database.run(
        *ORDERS, "CREATE SEQUENCE counter", "CREATE TABLE private (a int)",
        "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'r'",
        "GRANT USAGE ON SCHEMA public TO reader", "GRANT SELECT ON orders TO reader",
        "GRANT ALL ON counter TO reader",
    )  # fmt: skip
    monkeypatch.setenv(
        "QUICKSTACK_SOURCE_URL", f"postgres://reader:r@127.0.0.1:{database.port}/postgres"
    )
    good = ("sql", "orders", "--query", "SELECT * FROM orders", "--key", "id", "--name", "before")
    repository.land(*good)
    before = repository.files("orders")
    code, output = repository.land("sql", "orders", "--query", query, *options, "--name", "x")
    assert code == 1, output
    assert sentence in output
    assert CANARY not in output
    assert "Traceback" not in output
    assert repository.files("orders") == before
    assert repository.staged("orders") == []
    database.run("DROP OWNED BY reader", "DROP ROLE reader")


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


URLS = {
    "not set": (None, "QUICKSTACK_SOURCE_URL: it is not set"),
    "no address": ("s3cr3t", "this is not a database URL"),
    "unknown kind": ("nosql://u:s3cr3t@h/d", "not known"),
    "no driver": ("mysql+pymysql://u:s3cr3t@h/d", "driver for this kind of database is not inst"),
    "wrong password": ("postgresql://landing:s3cr3t@127.0.0.1:{port}/postgres", "user or password"),
    "unknown user": ("postgresql://s3cr3t:s3cr3t@127.0.0.1:{port}/postgres", "user or password"),
    "no such database": ("{url}_s3cr3t", "no database of that name"),
    "nobody listens": ("postgresql://u:s3cr3t@127.0.0.1:{closed}/d", "nothing listens"),
    "unknown host": ("postgresql://u:s3cr3t@nowhere.invalid/d", "name of the database server"),
    "no port": ("postgresql://u:s3cr3t@h:port/d", "this is not a database URL"),
    "no TLS": ("{url}?sslmode=require", "TLS"),
}


@pytest.mark.parametrize(("url", "sentence"), URLS.values(), ids=URLS)
def test_an_address_that_cannot_be_used(database, repository, monkeypatch, url, sentence):
    monkeypatch.delenv("QUICKSTACK_SOURCE_URL")
    if url:
        made = url.format(port=database.port, url=database.url, closed=_closed_port())
        monkeypatch.setenv("QUICKSTACK_SOURCE_URL", made)
    code, output = repository.land("sql", "orders", "--query", "SELECT 1 AS a", "--key", "a")
    assert code == 1, output
    assert sentence in output
    assert "To fix it:" in output
    assert not [secret for secret in ("s3cr3t", database.password) if secret in output]
    assert repository.files("orders") == {}


def test_the_address_may_stand_in_the_environment_file(database, repository, monkeypatch):
    monkeypatch.delenv("QUICKSTACK_SOURCE_URL")
    (repository.root / ".env").write_text(f"# ours\nexport SALES = '{database.url}'\nOTHER=1\n")
    query = ("--query", "SELECT 1 AS a", "--key", "a", "--url-variable")
    assert repository.land("sql", "orders", *query, "SALES")[0] == 0
    code, output = repository.land("sql", "orders", *query, database.url)
    assert code == 1
    assert "not a name of an environment variable" in output
    assert database.password not in output


def test_a_connection_that_ends_in_the_middle(database, repository):
    database.run(
        "CREATE TABLE wide AS SELECT i AS id, repeat('x', 2000) AS t "
        "FROM generate_series(1, 90000) i"
    )
    arguments = ("sql", "wide", "--query", "SELECT * FROM wide", "--key", "id")

    class Killer(LandingProgress):
        def advance(self, *_):
            database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'quickstack land'"
            )

    from quickstack.facts.errors import SourceError

    query = Query("SELECT * FROM wide", key=("id",))
    with opened(repository.root, "wide", "wide") as landing, pytest.raises(SourceError) as caught:
        land_sql(landing, database.url, "X", query, seconds=60, progress=Killer())
    assert "land again" in str(caught.value)
    assert repository.files("wide") == {}
    assert repository.staged("wide") == []
    assert "90,000 rows" in repository.land(*arguments)[1]


def sleeping(database):
    """Return how many statements are in the middle of pg_sleep."""
    import psycopg

    with psycopg.connect(database.url) as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        return connection.execute(asked).fetchone()[0]


def test_interrupted(database, repository):
    code = (
        "import sys; from quickstack.cli.main import app; "
        "app(['land', 'sql', 'x', '--key', 'a', '--query', "
        "'SELECT i AS a, pg_sleep(0.01)::text AS s FROM generate_series(1, 100000) i'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository.root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert "connected" in process.stderr.readline()
    while not sleeping(database):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(2)
    _, error = process.communicate()
    assert process.returncode == 130, error
    assert error.strip().endswith("Interrupted. The previous data are untouched.")
    assert repository.files("x") == {}
    assert repository.staged("x") == []


MEASURED = """
import resource, sys
from quickstack.cli.main import app
try:
    app(["land", "sql", "big", "--key", "id", "--name", sys.argv[1], "--query",
         f"SELECT * FROM big WHERE id <= {sys.argv[1]}"])
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def test_memory_does_not_grow_with_the_table(database, repository):
    """200,000 rows of 650 bytes, 130 MB as text, cost hardly more memory than 20,000."""
    database.run(
        "CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 20) AS t, i * 1.5 AS amount "
        "FROM generate_series(1, 200000) i"
    )
    peaks = []
    for count in ("20000", "200000"):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, count], cwd=repository.root, text=True,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split("peak")[1]))
        assert pq.ParquetFile(repository.raw(f"big/{count}.parquet")).metadata.num_rows == int(
            count
        )
    assert peaks[1] < peaks[0] + 60, peaks


def test_another_query_does_not_go_on_from_the_first(database, repository):
    database.run(*ORDERS)
    repository.land(*INCREMENTAL, "--since-column", "day")
    for other in (
        [*INCREMENTAL, "--since-column", "id"],
        [*INCREMENTAL],
        ["sql", "orders", "--query", "SELECT id, day FROM orders", "--since-column", "day"],
    ):
        code, output = repository.land(*other)
        assert code == 1, output
        assert "--name" in output


def test_columns_that_change_between_landings(database, repository):
    database.run(*ORDERS)
    since = (*INCREMENTAL, "--since-column", "day")
    repository.land(*since)
    before = repository.files("orders")
    database.run(
        "ALTER TABLE orders ADD COLUMN extra text",
        "INSERT INTO orders VALUES (99, 'x', '2027-01-01', 'y')",
    )
    code, output = repository.land(*since)
    assert code == 1
    assert "extra" in output
    assert repository.files("orders") == before


def test_what_an_earlier_landing_left_is_needed(database, repository):
    database.run(*ORDERS)
    since = (*INCREMENTAL, "--since-column", "day")
    repository.land(*since)
    repository.raw("orders/orders-000001.parquet").unlink()
    code, output = repository.land(*since)
    assert code == 1
    assert "dvc pull" in output


def test_a_move_that_was_cut_short_is_finished(database, repository):
    """A landing killed between moving its file and its record neither loses nor doubles rows."""
    database.run(*ORDERS)
    since = (*INCREMENTAL, "--since-column", "day")
    repository.land(*since)
    whole = repository.files("orders")
    record = json.loads(whole["orders.landing.json"])
    journal = {"record": record, "moves": {"orders-000001.parquet": "orders-000001.parquet"}}
    for cut in ("before the file", "before the record"):
        staging = repository.raw(".landing/orders/orders")
        if cut == "before the file":
            repository.raw("orders/orders-000001.parquet").rename(staging / "orders-000001.parquet")
        repository.raw("orders/orders.landing.json").unlink()
        (staging / ".journal.json").write_text(json.dumps({**journal, "removed": []}))
        assert "nothing new" in repository.land(*since)[1]
        assert repository.files("orders") == whole


def test_a_file_that_nobody_landed_is_not_replaced(database, repository):
    repository.raw("orders").mkdir(parents=True)
    repository.raw("orders/orders.parquet").write_text("mine")
    code, output = repository.land("sql", "orders", "--query", "SELECT 1 AS a", "--key", "a")
    assert code == 1
    assert "in the way" in output
    assert repository.files("orders") == {"orders.parquet": b"mine"}


def test_one_landing_of_a_name_at_a_time(database, repository):
    waits, ended = threading.Event(), threading.Event()

    def hold():
        with opened(repository.root, "orders", "orders"):
            waits.set()
            ended.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert waits.wait(10)
    code, output = repository.land("sql", "orders", "--query", "SELECT 1 AS a", "--key", "a")
    ended.set()
    thread.join()
    assert code == 1
    assert "another landing of this name is running" in output


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_names_that_would_leave_the_folder(database, repository, name):
    code, output = repository.land("sql", name, "--query", "SELECT 1 AS a", "--key", "a")
    assert code == 1
    assert "no name of a file" in output


def test_another_database_without_types(repository, monkeypatch, tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE t (id, amount, name)")
        rows_ = [(i, i / 2, f"n{i}") for i in range(5)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows_)
    monkeypatch.setenv("QUICKSTACK_SOURCE_URL", f"sqlite:///{tmp_path / 'x.db'}")
    arguments = ("sql", "t", "--query", "SELECT * FROM t", "--key", "id")
    assert repository.land(*arguments)[0] == 0
    assert rows(repository.raw("t/t.parquet"))[4] == {"id": 4, "amount": 2.0, "name": "n4"}
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute(f"INSERT INTO t VALUES (9, '{CANARY}', 'x')")
    code, output = repository.land(*arguments)
    assert (code, CANARY in output) == (1, False)
    assert "more than one type" in output
    code, output = repository.land("sql", "t", "--query", "SELECT * FROM u", "--key", "id")
    assert (code, "Traceback" in output) == (1, False)
