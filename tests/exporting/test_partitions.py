"""Tables that grow: one file per value, whatever order the rows come in."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from quickstack.results.exporting import spill, write_tables
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.write_tables import write_table

LAYOUT = Layout(
    "rows",
    "One row per row.",
    (
        Field("number", "integer", "Its number."),
        Field("period", "string", "Its period."),
        Field("text", "string", "Its text."),
    ),
    key=("number",),
    partition="period",
)


def frame(rows=1000, periods=("p1", "p2", "p3", None), seed=0):
    rng = np.random.default_rng(seed)
    values = np.array(periods, dtype=object)[rng.integers(0, len(periods), rows)]
    text = [f'{number}\r\n"x' for number in range(rows)]
    return pd.DataFrame({"number": np.arange(rows), "period": values, "text": text})


def parts(whole, count):
    return [whole.iloc[rows] for rows in np.array_split(np.arange(len(whole)), count)]


def contents(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(autouse=True, params=[0, 3000, spill.HELD_BYTES], ids=["disk", "both", "memory"])
def small_groups(request, monkeypatch):
    monkeypatch.setattr(write_tables, "GROUP_ROWS", 70)
    monkeypatch.setattr(spill, "HELD_BYTES", request.param)


def written(folder, frames, layout=LAYOUT):
    folder.mkdir()
    return write_table(folder, layout, frames), contents(folder)


def test_each_value_has_its_rows_in_order_and_nothing_is_lost(tmp_path):
    whole = frame()
    facts, files = written(
        tmp_path / "a", [whole.iloc[:333], whole.iloc[333:400], whole.iloc[400:]]
    )
    assert sorted(files) == sorted(
        f"rows/{name}.{kind}"
        for name in ("p1", "p2", "p3", "unknown")
        for kind in ("csv", "parquet")
    )
    for name in ("p1", "p2", "p3", None):
        expected = whole[whole["period"] == name] if name else whole[whole["period"].isna()]
        path = tmp_path / "a/rows" / f"{name or 'unknown'}.parquet"
        assert pq.read_table(path)["number"].to_pylist() == expected["number"].tolist()
        groups = pq.ParquetFile(path).metadata
        assert groups.row_group(0).num_rows == 70
        csv = pd.read_csv(path.with_suffix(".csv"))
        assert csv["text"].tolist() == expected["text"].tolist()
    assert facts["rows"] == 1000
    assert (facts["key"], facts["partition"]) == (["number"], "period")
    for file in facts["files"]:
        content = files[file["path"]]
        assert (file["bytes"], file["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        if file["path"].endswith(".parquet"):
            assert file["rows"] == pq.read_metadata(tmp_path / "a" / file["path"]).num_rows


def test_bytes_know_nothing_of_partitions_or_of_other_values(tmp_path):
    whole = frame()
    _, one = written(tmp_path / "a", [whole])
    _, many = written(tmp_path / "b", parts(whole, 17))
    assert one == many
    more = frame(400, periods=("p0", "p9"), seed=1)
    mixed = pd.concat([more.iloc[:100], whole.iloc[:500], more.iloc[100:], whole.iloc[500:]])
    _, grown = written(tmp_path / "c", [mixed.iloc[:450], mixed.iloc[450:]])
    assert {name: grown[name] for name in one} == one
    assert len(grown) == len(one) + 4


@pytest.mark.parametrize("frames", [[], [frame(0)], [frame(5, periods=(None,))]])
def test_without_a_value_there_is_one_file(tmp_path, frames):
    facts, files = written(tmp_path / "a", frames)
    assert sorted(files) == ["rows/all.csv", "rows/all.parquet"]
    assert facts["rows"] == sum(map(len, frames))
    assert files["rows/all.csv"].startswith(b"number,period,text")


def test_a_table_that_does_not_grow_is_cut_into_the_same_groups(tmp_path):
    whole, layout = frame(), replace(LAYOUT, partition=None)
    _, one = written(tmp_path / "a", [whole], layout)
    _, many = written(tmp_path / "b", parts(whole, 17), layout)
    assert one == many
    groups = pq.ParquetFile(tmp_path / "b/rows.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [70] * 14 + [20]


def test_hundreds_of_periods_of_many_files_are_sorted_on_disk(tmp_path):
    whole = frame(6000, periods=tuple(f"{n:04}" for n in range(300)))
    facts, _ = written(tmp_path / "a", parts(whole, 10))
    assert len(facts["files"]) == 600
    assert facts["rows"] == 6000
    assert not list((tmp_path / "a").glob(".spill*"))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_threads_writes_the_same(tmp_path, workers):
    whole = frame(600)
    expected, files = written(tmp_path / "a", [whole])
    (tmp_path / "b").mkdir()
    (tmp_path / "waiting").mkdir()
    with write_tables.writers(workers) as threads:
        table = write_tables.Outgoing(tmp_path / "waiting", LAYOUT, parts(whole, 3))
        table.start(tmp_path / "b", threads)
        assert table.finish() == expected
    assert contents(tmp_path / "b") == files


def test_categories_are_written_as_their_texts(tmp_path):
    whole = frame()
    _, texts = written(tmp_path / "a", parts(whole, 4))
    # One category more than there are, in another order.
    known = pd.Categorical(whole["period"], ["p9", "p3", "p1", "p2"])
    _, codes = written(tmp_path / "b", parts(whole.assign(period=known), 4))
    assert codes == texts


def test_what_has_not_begun_never_does_when_something_fails(tmp_path):
    begun, given_up = [], threading.Event()
    with pytest.raises(OSError, match="full"), write_tables.writers(1) as threads:
        threads.submit(given_up.wait, 600)
        threads.submit(begun.append, 1).add_done_callback(lambda _: given_up.set())
        raise OSError("full")
    assert not begun
    assert given_up.is_set()
