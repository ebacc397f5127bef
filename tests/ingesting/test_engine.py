from __future__ import annotations

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import HEADER, people_contract, write
from quickstack.contract import Column
from quickstack.errors import SourceError
from quickstack.ingesting.duplicates import quarantine_duplicates
from quickstack.ingesting.partition import Job, ingest_partition
from quickstack.sources.raw import Partition, find_partitions

KEY = b"k" * 32
CONTRACT = people_contract()


def ingest(folder, files, contract=CONTRACT, block_rows=3):
    interim, quarantine = folder / "interim", folder / "quarantine"
    interim.mkdir(exist_ok=True)
    quarantine.mkdir(exist_ok=True)
    jobs = [
        Job(
            Partition(write(folder / f"{name}.csv", HEADER + body), name),
            contract,
            KEY,
            block_rows,
            interim,
            quarantine,
        )
        for name, body in files.items()
    ]
    outcomes = [ingest_partition(job) for job in jobs]
    quarantine_duplicates(jobs, outcomes)
    tables = {job.partition.name: pq.read_table(job.clean_path).to_pylist() for job in jobs}
    refused = {
        job.partition.name: [json.loads(line) for line in job.quarantine_path.open()]
        for job in jobs
        if job.quarantine_path.exists()
    }
    return tables, refused, [o.counts for o in outcomes]


def row(i, kind="a", amount="1", day="2024-01-01"):
    return f"{i},Name {i},{kind},{amount},{day}\n"


def test_clean_rows_are_typed_and_protected(tmp_path):
    tables, refused, (counts,) = ingest(tmp_path, {"x": row(1) + row(2, "b", "", "")})
    first, second = tables["x"]
    assert list(first) == ["id", "kind", "amount", "day"]
    assert len(first["id"]) == 32
    assert (first["kind"], first["amount"], str(first["day"])) == ("a", 1.0, "2024-01-01")
    assert (second["amount"], second["day"]) == (None, None)
    assert refused == {}
    assert (counts.read, counts.clean, counts.missing["amount"]) == (2, 2, 1)


def test_a_broken_row_goes_to_quarantine_with_all_that_is_wrong(tmp_path):
    body = row(1) + "2,Bo,z,-1,2024-02-30\n" + "3,short\n" + row(4)
    tables, refused, (counts,) = ingest(tmp_path, {"x": body})
    assert len(tables["x"]) == 2
    first, second = refused["x"]
    assert (first["line"], second["line"]) == (3, 4)
    assert {(p["column"], p["rule"]) for p in first["problems"]} == {
        ("kind", "allowed"),
        ("amount", "minimum"),
        ("day", "type"),
    }
    assert second["problems"] == [
        {"column": "", "rule": "layout", "reason": "2 cells where the header has 5"}
    ]
    assert first["raw"] == "2,Bo,z,-1,2024-02-30"
    assert all("Bo" not in p["reason"] for p in first["problems"])
    assert (counts.read, counts.clean, counts.quarantined) == (4, 2, 2)


def test_nothing_raw_is_left_in_the_clean_file(tmp_path):
    ingest(tmp_path, {"x": row(1) + row(2)})
    content = (tmp_path / "interim" / "x.parquet").read_bytes()
    assert b"Name" not in content


@pytest.mark.parametrize("block_rows", [1, 2, 100])
def test_the_first_of_equal_keys_stays_across_files(tmp_path, block_rows):
    files = {"a": row(1) + row(2), "b": row(2, "b") + row(3), "c": row(1) + row(1)}
    tables, refused, counts = ingest(tmp_path, files, block_rows=block_rows)
    assert [len(t) for t in tables.values()] == [2, 1, 0]
    assert tables["a"][1]["kind"] == "a"
    assert [(r["line"], r["problems"][0]["rule"]) for r in refused["c"]] == [
        (2, "unique"),
        (3, "unique"),
    ]
    assert [(c.read, c.clean, c.quarantined) for c in counts] == [(2, 2, 0), (2, 1, 1), (2, 0, 2)]


def test_a_unique_column_ignores_missing_values(tmp_path):
    columns = tuple(replace(c, unique=True) if c.name == "amount" else c for c in CONTRACT.columns)
    body = row(1, amount="") + row(2, amount="") + row(3, amount="5") + row(4, amount="5.0")
    tables, refused, (counts,) = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns))
    assert len(tables["x"]) == 3
    assert refused["x"][0]["line"] == 5
    assert counts.rules[("amount", "unique")] == 1
    assert counts.missing["amount"] == 2


#: type, and values of which the first and the last are equal, whatever stands between them
EQUAL = {
    "whole number beside a missing one": ("integer", ["1", "", "1"]),
    "moments at midnight and beside others": (
        "timestamp",
        ["2024-01-01 00:00:00", "2024-01-01 12:00:00", "2024-01-01 00:00:00"],
    ),
    "days": ("date", ["2024-01-01", "", "2024-01-01"]),
    "numbers written otherwise": ("number", ["1.5", "2", "1.50"]),
    "text": ("string", ["x", "", "x"]),
}


@pytest.mark.parametrize(("kind", "values"), EQUAL.values(), ids=list(EQUAL))
@pytest.mark.parametrize("block_rows", [1, 2, 3])
def test_equal_values_are_found_in_whatever_block_they_stand(tmp_path, kind, values, block_rows):
    formats = {"timestamp": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d"}
    unique = Column("amount", kind, unique=True, format=formats.get(kind))
    columns = tuple(unique if c.name == "amount" else c for c in CONTRACT.columns)
    body = "".join(row(i, amount=value) for i, value in enumerate(values))
    _, refused, _ = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns), block_rows)
    assert [r["line"] for r in refused["x"]] == [4]


def test_large_whole_numbers_that_differ_are_no_duplicates(tmp_path):
    unique = Column("amount", "integer", unique=True)
    columns = tuple(unique if c.name == "amount" else c for c in CONTRACT.columns)
    body = "".join(row(i, amount=v) for i, v in enumerate(["", str(2**53), str(2**53 + 1)]))
    tables, refused, _ = ingest(tmp_path, {"x": body}, replace(CONTRACT, columns=columns))
    assert (len(tables["x"]), refused) == (3, {})


def test_the_bytes_are_the_same_each_time(tmp_path):
    body = "".join(row(i) for i in range(50))
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        ingest(folder, {"x": body})
        results.append((folder / "interim" / "x.parquet").read_bytes())
    assert results[0] == results[1]


def test_an_integer_column_can_become_a_pseudonym(tmp_path):
    columns = (
        Column("id", "integer", key_position=1, personal="pseudonym", domain="person"),
        *CONTRACT.columns[1:],
    )
    tables, _, _ = ingest(tmp_path, {"x": row(1)}, replace(CONTRACT, columns=columns))
    assert len(tables["x"][0]["id"]) == 32


ROWS = st.lists(
    st.sampled_from([row(1), row(2), row(3), row(4, "z"), "\n", "5,x\n", '6,"open,a,1,\n']),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(lines=ROWS, block_rows=st.integers(1, 4))
def test_every_line_ends_in_exactly_one_place(tmp_path_factory, lines, block_rows):
    folder = tmp_path_factory.mktemp("property")
    tables, refused, (counts,) = ingest(folder, {"x": "".join(lines)}, block_rows=block_rows)
    assert counts.clean == len(tables["x"])
    assert counts.quarantined == len(refused.get("x", []))
    assert counts.clean + counts.quarantined + counts.blank == len(lines)


def test_no_source_file_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"data/raw/people/\*.csv: there is no such file"):
        find_partitions(CONTRACT)


def test_partitions_come_in_the_order_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.csv", "c.d.csv"):
        write(tmp_path / "data" / "raw" / "people" / name, HEADER)
    assert [p.name for p in find_partitions(CONTRACT)] == ["a", "b", "c_d"]
