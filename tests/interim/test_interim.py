from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quickstack.data.interim.arrow_types import arrow_schema
from quickstack.data.interim.interim_tables import partitions, read_interim
from quickstack.facts.errors import SourceError

COLUMNS = [
    ("text", "string"),
    ("count", "integer"),
    ("size", "number"),
    ("flag", "boolean"),
    ("day", "date"),
    ("moment", "timestamp"),
]
ROWS = [
    ("a", 1, 0.5, True, date(2024, 2, 29), datetime(2024, 1, 1, 12, 30)),
    (None, None, None, None, None, None),
    ("c", 2**53 + 1, -1.0, False, date(1999, 12, 31), datetime(1999, 1, 1)),
]


def write(path, rows):
    schema = arrow_schema(COLUMNS)
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(cells, f.type) for cells, f in zip(columns, schema, strict=True)]
    pq.write_table(pa.table(arrays, schema=schema), path)


def test_types_and_missing_values_survive(tmp_path):
    write(tmp_path / "a.parquet", ROWS)
    table = read_interim(folder=tmp_path)
    assert [str(t) for t in table.dtypes] == [
        "str", "Int64", "float64", "boolean", "datetime64[us]", "datetime64[us]",
    ]  # fmt: skip
    assert table["count"].tolist()[2] == 2**53 + 1
    assert table.iloc[1].isna().all()
    assert table["day"].iloc[0] == datetime(2024, 2, 29)


def test_partitions_are_read_in_order_and_by_column(tmp_path):
    for name in ("b", "a", "c"):
        write(tmp_path / f"{name}.parquet", [(name, 1, None, None, None, None)])
    assert [p.stem for p in partitions(tmp_path)] == ["a", "b", "c"]
    table = read_interim(["text"], tmp_path)
    assert (list(table.columns), table["text"].tolist()) == (["text"], ["a", "b", "c"])
    assert table.index.tolist() == [0, 1, 2]


def test_an_empty_partition_keeps_its_types(tmp_path):
    write(tmp_path / "a.parquet", [])
    assert [str(t) for t in read_interim(folder=tmp_path).dtypes][:2] == ["str", "Int64"]


def test_no_partition_gets_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"there is no clean data\. To fix it: run `dvc repro`"):
        partitions(tmp_path)
