"""CSV and Parquet to the byte, and what may not be in them."""

from __future__ import annotations

import csv
import hashlib
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quickstack.facts.errors import DataError
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.write_tables import FORMULA_SIGNS, to_arrow, write_table

LAYOUT = Layout(
    "sales",
    "One row per sale.",
    (
        Field("text", "string", "Text."),
        Field("count", "integer", "Whole number.", "pieces"),
        Field("value", "number", "Number.", "EUR"),
        Field("flag", "boolean", "Truth."),
        Field("day", "date", "Day."),
        Field("moment", "timestamp", "Moment."),
    ),
)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": pd.Series(['say "hi", ünï\r\nthere', "=cmd()", "", None], dtype="str"),
            "count": pd.array([1, None, -3, 2**60], dtype="Int64"),
            "value": [0.1, np.nan, np.inf, 12345678.5],
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "day": pd.to_datetime(["2024-02-29", None, "1969-12-31", "2024-01-01"]),
            "moment": pd.to_datetime(
                ["2024-02-29 23:59:59.123456", None, "2024-01-01", "2024-01-02"], format="ISO8601"
            ),
            "not exported": ["secret"] * 4,
        }
    )


def test_the_bytes_of_the_csv(tmp_path):
    write_table(tmp_path, LAYOUT, [frame()])
    assert (tmp_path / "sales.csv").read_bytes() == (
        "text,count,value,flag,day,moment\r\n"
        '"say ""hi"", ünï\r\nthere",1,0.1,true,2024-02-29,2024-02-29 23:59:59.123456\r\n'
        '"\'=cmd()",,,false,,\r\n'
        '"",-3,,,1969-12-31,2024-01-01 00:00:00.000000\r\n'
        ",1152921504606846976,12345678.5,true,2024-01-01,2024-01-02 00:00:00.000000\r\n"
    ).encode()


@pytest.mark.parametrize(
    "cell",
    ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", '=HYPERLINK("a","b")', "\uff1d1", "a", "'a", "'",
     "'=1", "''=1", " =1", "a=1", "5-3", ""],
)  # fmt: skip
def test_text_that_a_spreadsheet_computes_has_a_mark_that_comes_off_again(tmp_path, cell):
    layout = Layout("t", "One row per x.", LAYOUT.fields[:1])
    write_table(tmp_path, layout, [pd.DataFrame({"text": [cell]})])
    content = (tmp_path / "t.csv").read_bytes().decode()
    assert content.startswith('text\r\n"')
    _, (found,) = csv.reader(io.StringIO(content, newline=""))
    assert not found.startswith(FORMULA_SIGNS)
    # As the query of Power BI does it.
    marked = found.startswith("'") and found.lstrip("'").startswith(FORMULA_SIGNS)
    assert (found[1:] if marked else found) == cell
    assert pq.read_table(tmp_path / "t.parquet").to_pydict() == {"text": [cell]}


def test_the_parquet_is_what_power_bi_reads(tmp_path):
    write_table(tmp_path, LAYOUT, [frame()])
    file = pq.ParquetFile(tmp_path / "sales.parquet")
    assert file.metadata.format_version == "1.0"
    assert b"ARROW:schema" not in (file.metadata.metadata or {})
    group = file.metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    assert {column.compression for column in columns} == {"SNAPPY"}
    assert not any(column.has_dictionary_page for column in columns)
    assert not any("DICTIONARY" in encoding for c in columns for encoding in c.encodings)
    assert file.schema_arrow.types == [
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.bool_(),
        pa.date32(),
        pa.timestamp("us"),
    ]
    assert '"isAdjustedToUTC":false' in file.schema.column(5).logical_type.to_json()
    table = file.read()
    assert table["value"].to_pylist() == [0.1, None, None, 12345678.5]
    assert table["text"].to_pylist()[2:] == ["", None]


def test_partitions_are_appended_and_described(tmp_path):
    whole = frame()
    facts = write_table(tmp_path, LAYOUT, iter([whole.iloc[:1], whole.iloc[1:1], whole.iloc[1:]]))
    assert facts["rows"] == 4
    assert facts["columns"][1] == {
        "name": "count",
        "type": "integer",
        "description": "Whole number.",
        "unit": "pieces",
    }
    for file in facts["files"]:
        content = (tmp_path / file["path"]).read_bytes()
        assert file["bytes"] == len(content)
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
    one = tmp_path / "one"
    one.mkdir()
    write_table(one, LAYOUT, [whole])
    assert (one / "sales.csv").read_bytes() == (tmp_path / "sales.csv").read_bytes()
    assert pq.read_table(one / "sales.parquet").equals(pq.read_table(tmp_path / "sales.parquet"))


@pytest.mark.parametrize("frames", [[], [frame().iloc[:0]]])
def test_a_table_without_rows_still_has_its_columns(tmp_path, frames):
    assert write_table(tmp_path, LAYOUT, frames)["rows"] == 0
    assert (tmp_path / "sales.csv").read_text().startswith("text,count,")
    assert pq.read_table(tmp_path / "sales.parquet").num_columns == 6


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("count", ["ada@example.org"] * 4),
        ("value", ["ada@example.org"] * 4),
        ("flag", ["ada@example.org"] * 4),
        ("day", ["ada@example.org"] * 4),
        ("text", None),
    ],
)
def test_a_wrong_type_is_refused_without_quoting_the_value(column, values):
    wrong = frame().drop(columns=column) if values is None else frame().assign(**{column: values})
    with pytest.raises(DataError) as caught:
        to_arrow(wrong, LAYOUT)
    assert f"'{column}'" in str(caught.value)
    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None
