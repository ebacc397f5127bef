from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import uuid
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples import people_contract, write
from quickstack.data.readers.blocks import ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Column, Source
from quickstack.facts.errors import SourceError


def contract(*columns, **source):
    return replace(
        people_contract(), columns=columns, source=Source(path="x", format="parquet", **source)
    )


def read(path, wanted, rows=1000):
    return list(read_blocks(Partition(path, "x"), wanted, ReadOptions(rows=rows)))


def one(tmp_path, type_, values, rows=1000, format_=None, **source):
    """Read one column; give its values, its Arrow type, and (row, reason) of the rejected."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": values}), path)
    found = read(path, contract(Column("c", type_, format=format_), **source), rows)
    kinds = {str(b.table.schema.field("c").type) for b in found}
    values = [v for b in found for v in b.table.column("c").to_pylist()]
    return values, kinds, [(r.location.line, r.reason) for b in found for r in b.rejected]


DAY, NOON = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12)
MIDNIGHT = dt.datetime(2024, 2, 29)
UTC_NOON = NOON.replace(tzinfo=dt.UTC)
TYPES = {
    "text": ("string", pa.array(["a", "", None]), ["a", None, None], "string"),
    "large text": ("string", pa.array(["a"], pa.large_string()), ["a"], "string"),
    "text view": ("string", pa.array(["a"], pa.string_view()), ["a"], "string"),
    "dictionary": ("string", pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"],
                   "string"),
    "nothing": ("string", pa.nulls(2), [None, None], "string"),
    "whole as text": ("string", pa.array([7, None]), ["7", None], "string"),
    "truth as text": ("string", pa.array([True]), ["true"], "string"),
    "date as text": ("string", pa.array([DAY]), ["2024-02-29"], "string"),
    "whole float as text": ("string", pa.array([7.0, 0.5, 1e17]), ["7", "0.5", str(10**17)],
                            "string"),
    "int8": ("integer", pa.array([-5, None], pa.int8()), [-5, None], "int64"),
    "int64": ("integer", pa.array([2**62 + 1]), [2**62 + 1], "int64"),
    "uint64": ("integer", pa.array([2**63], pa.uint64()), [str(2**63)], "string"),
    "whole floats": ("integer", pa.array([5.0, None, 0.5, 1e17]), ["5", None, "0.5", "1e+17"],
                     "string"),
    "text of numbers": ("integer", pa.array(["5", "x"]), ["5", "x"], "string"),
    "truth as whole": ("integer", pa.array([True]), ["true"], "string"),
    "decimal": ("number", pa.array([decimal.Decimal("1.50")]), ["1.50"], "string"),
    "whole as number": ("number", pa.array([5, 2**53 - 1]), [5.0, 2.0**53 - 1], "double"),
    "long whole as number": ("number", pa.array([5, 2**53 + 1]), ["5", str(2**53 + 1)], "string"),
    "float": ("number", pa.array([0.5], pa.float32()), [0.5], "double"),
    "half": ("number", pa.array(np.array([0.5], np.float16)), [0.5], "double"),
    "not finite": ("number", pa.array([0.1, math.inf, math.nan]), ["0.1", "inf", "nan"], "string"),
    "truth": ("boolean", pa.array([True, None]), [True, None], "bool"),
    "whole as truth": ("boolean", pa.array([1, 0]), ["1", "0"], "string"),
    "date": ("date", pa.array([DAY, None]), [DAY, None], "date32[day]"),
    "date64": ("date", pa.array([DAY], pa.date64()), [DAY], "date32[day]"),
    "midnight": ("date", pa.array([MIDNIGHT]), [DAY], "date32[day]"),
    "text as date": ("date", pa.array(["2024-02-30"]), ["2024-02-30"], "string"),
    "time": ("timestamp", pa.array([NOON, None]), [NOON, None], "timestamp[us]"),
    "seconds": ("timestamp", pa.array([NOON], pa.timestamp("s")), [NOON], "timestamp[us]"),
    "ns": ("timestamp", pa.array([NOON], pa.timestamp("ns")), [NOON], "timestamp[us]"),
    "UTC": ("timestamp", pa.array([NOON], pa.timestamp("us", "UTC")), [UTC_NOON],
            "timestamp[us, tz=UTC]"),
    "zone": ("timestamp", pa.array([NOON], pa.timestamp("ms", "Asia/Tokyo")), [UTC_NOON],
             "timestamp[us, tz=UTC]"),
    "zone as text": ("string", pa.array([NOON], pa.timestamp("us", "UTC")),
                     ["2024-02-29T12:00:00Z"], "string"),
    "time as text": ("string", pa.array([NOON, MIDNIGHT, NOON.replace(microsecond=86_000)]),
                     ["2024-02-29T12:00:00", "2024-02-29", "2024-02-29T12:00:00.086000"],
                     "string"),
    "date as time": ("timestamp", pa.array([DAY]), [MIDNIGHT], "timestamp[us]"),
}  # fmt: skip


@pytest.mark.parametrize(("type_", "values", "expected", "kind"), TYPES.values(), ids=TYPES)
def test_types(tmp_path, type_, values, expected, kind):
    found, kinds, rejected = one(tmp_path, type_, values)
    assert found == expected
    assert kinds == {kind}
    assert rejected == []


REJECTED = {
    "a time of day in a date": ("date", pa.array([NOON, MIDNIGHT]), [DAY], "holds a time of day"),
    "nanoseconds": ("timestamp", pa.array([1, 1000], pa.timestamp("ns")),
                    [dt.datetime(1970, 1, 1, microsecond=1)], "finer than microseconds"),
    "a year beyond": ("date", pa.array([3_000_000, 0], pa.int32()).cast(pa.date32()),
                      [dt.date(1970, 1, 1)], "years 1 to 9999"),
    "a year before": ("date", pa.array([-800_000, 0], pa.int32()).cast(pa.date32()),
                      [dt.date(1970, 1, 1)], "years 1 to 9999"),
    "a time beyond": ("timestamp", pa.array([2**62, 0], pa.timestamp("ms")),
                      [dt.datetime(1970, 1, 1)], "years 1 to 9999"),
}  # fmt: skip


@pytest.mark.parametrize(("type_", "values", "expected", "reason"), REJECTED.values(), ids=REJECTED)
def test_values_that_the_type_cannot_hold_reject_their_row_only(
    tmp_path, type_, values, expected, reason
):
    found, _, rejected = one(tmp_path, type_, values)
    assert found == expected
    assert [line for line, _ in rejected] == [1]
    assert rejected[0][1].startswith("column c ")
    assert reason in rejected[0][1]


def test_bytes_that_are_no_text_reject_their_row_only(tmp_path):
    raw = pa.array([b"a", b"\xff", None, "ä".encode(), b"a\0"], pa.binary())
    values = pa.Array.from_buffers(pa.string(), 5, raw.buffers())
    found, _, rejected = one(tmp_path, "string", values)
    assert found == ["a", None, "ä"]
    reason = "column c holds bytes that are no text, or NUL"
    assert rejected == [(2, reason), (5, reason)]


@pytest.mark.parametrize(
    ("values", "missing", "expected"),
    [
        (["NA", "", "x"], ("NA",), [None, "", "x"]),
        ([math.nan, 0.5], ("NaN",), [None, "0.5"]),
        ([math.nan, 0.5], ("",), ["nan", "0.5"]),
    ],
)
def test_missing_values(tmp_path, values, missing, expected):
    kind = "string" if isinstance(values[0], str) else "number"
    assert one(tmp_path, kind, pa.array(values), missing=missing)[0] == expected


def test_the_declared_decimal_separator(tmp_path):
    values = pa.array([decimal.Decimal("1.5")])
    assert one(tmp_path, "number", values, decimal=",")[0] == ["1,5"]


REFUSED = {
    "list": (pa.array([[1]]), "column c is nested (list)"),
    "struct": (pa.array([{"name": 1}]), "column c is nested (struct)"),
    "map": (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "column c is nested (map)"),
    "binary": (pa.array([b"x"]), "column c is binary"),
    "fixed": (pa.array([b"xx"], pa.binary(2)), "column c is fixed size binary"),
    "uuid": (pa.array([uuid.UUID(int=1).bytes], pa.uuid()), "column c is fixed size binary"),
    "duration": (pa.array([dt.timedelta(1)]), "column c is duration"),
}


@pytest.mark.parametrize(("values", "sentence"), REFUSED.values(), ids=REFUSED)
def test_types_that_are_no_cell(tmp_path, values, sentence):
    with pytest.raises(SourceError) as caught:
        one(tmp_path, "string", values)
    assert sentence in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_a_zone_that_the_contract_denies(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": pa.array([NOON], pa.timestamp("us", "UTC"))}), path)
    with pytest.raises(SourceError, match="the contract says `timezone: false`"):
        read(path, contract(Column("c", "timestamp", offsets=False)))


TABLE = pa.table({"b": pa.array(range(10)), "a": [f"x{i}" for i in range(10)]})
WANTED = contract(Column("a", "string"), Column("b", "integer"))


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("group", [2, 1000])
def test_blocks_and_places(tmp_path, rows, group):
    path = tmp_path / "t.parquet"
    pq.write_table(TABLE, path, row_group_size=group)
    found = read(path, WANTED, rows)
    assert all(b.table.num_rows <= rows for b in found)
    assert all(b.table.column_names == ["a", "b"] for b in found)
    assert (
        pa.concat_tables(b.table for b in found).to_pylist() == TABLE.select(["a", "b"]).to_pylist()
    )
    places = [p for b in found for p in b.locations(range(b.table.num_rows))]
    assert [p.line for p in places] == list(range(1, 11))
    assert json.loads(places[4].raw) == {"b": 4, "a": "x4"}
    assert all(p.offset is None for p in places)


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_the_verdict_on_a_value_does_not_depend_on_its_block(tmp_path, rows):
    values = pa.array([5.0, 1e17, math.inf, 0.1, None, 3.0])
    texts = [None if v is None else float(v) for v in one(tmp_path, "number", values, rows)[0]]
    assert texts == values.to_pylist()
    assert one(tmp_path, "integer", values, rows)[0] == ["5", "1e+17", "inf", "0.1", None, "3"]


def test_places_skip_rejected_rows(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": [MIDNIGHT, NOON, MIDNIGHT]}), path)
    (block,) = read(path, contract(Column("c", "date")))
    assert [p.line for p in block.locations([0, 1])] == [1, 3]
    assert json.loads(block.rejected[0].location.raw) == {"c": "2024-02-29 12:00:00.000000"}


def whole():
    import io

    out = io.BytesIO()
    pq.write_table(TABLE, out, write_page_checksum=True, compression="none")
    return out.getvalue()


def flipped(position):
    data = bytearray(whole())
    data[position] ^= 0xFF
    return bytes(data)


BROKEN = {
    "empty": b"",
    "text": b"a,b\n1,2\n",
    "cut off": whole()[:-100],
    "without its beginning": whole()[200:],
    "a changed page": flipped(whole().index(b"x4")),
    "a changed footer": flipped(-6),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file(tmp_path, data):
    with pytest.raises(SourceError, match=r"t.parquet: this is not a whole Parquet file"):
        read(write(tmp_path / "t.parquet", data), WANTED)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a"], "not have column b"),
        (["a", "b", "c"], "holds column c, which the contract does not name"),
        (["a", "b", "b"], "names column b more than once"),
        (["x", "y"], "holds 0 of the contract's 2 column names"),
    ],
)
def test_the_names_must_be_those_of_the_contract(tmp_path, names, sentence):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * len(names), names=names), path)
    with pytest.raises(SourceError, match=sentence):
        read(path, WANTED)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"a": [f"{i:064}" for i in range(300_000)], "b": pa.array(range(300_000))})
    pq.write_table(table, path, use_dictionary=False, compression="none")
    size = table.nbytes
    del table
    before, peak = pa.total_allocated_bytes(), 0
    for block in read_blocks(Partition(path, "x"), WANTED, ReadOptions(rows=4096)):
        peak = max(peak, pa.total_allocated_bytes() - before)
        assert block.table.num_rows <= 4096
    assert peak < size / 3
