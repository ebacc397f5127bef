"""The SQL for Athena is SQL, names the columns that the Parquet holds, and reads every file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

from quickstack.results.exporting import athena, export_tables
from quickstack.results.exporting.export_tables import Field, Layout
from quickstack.results.exporting.write_tables import write_table

EVIL = "It's a \\ `quoted` -- text;\nof two lines, größer " + 40 * "and longer "
LAYOUT = Layout(
    "rows",
    "One row per row. It's evil; -- x",
    (
        Field("select", "string", EVIL),
        Field("count", "integer", "Whole.", "pieces"),
        Field("value", "number", "Number."),
        Field("flag", "boolean", "Truth."),
        Field("day", "date", "Day."),
        Field("moment", "timestamp", "Moment."),
    ),
    partition="select",
)
ALL = [
    LAYOUT,
    export_tables.METRICS,
    export_tables.DRIFT,
    export_tables.IMPORTANCE,
    export_tables.QUALITY,
    export_tables.QUALITY_RULES,
    export_tables.RUNS,
]
#: How Arrow's types are called in Athena.
NAMES = {
    "string": "STRING", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN",
    "date32[day]": "DATE", "timestamp[us]": "TIMESTAMP",
}  # fmt: skip


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_a_parser_reads_the_columns_that_the_parquet_holds(tmp_path, layout):
    write_table(tmp_path, layout, [])
    (file,) = tmp_path.rglob("*.parquet")
    (statement,) = sqlglot.parse(athena.create_table(layout), dialect="athena")
    assert isinstance(statement, exp.Create)
    assert statement.this.this.name == layout.name
    found = [(c.name, c.args["kind"].sql("hive")) for c in statement.find_all(exp.ColumnDef)]
    assert found == [(f.name, NAMES[str(f.type)]) for f in pq.read_schema(file)]
    location = statement.find(exp.LocationProperty).this.name
    assert location == f"${{location}}/athena/{layout.name}/"


def test_descriptions_arrive_on_one_line_and_within_the_limit_of_the_catalogue():
    (statement,) = sqlglot.parse(athena.create_table(LAYOUT), dialect="athena")
    column = next(statement.find_all(exp.ColumnDef))
    comment = column.find(exp.CommentColumnConstraint).this.name
    assert comment.startswith("It's a \\ `quoted` -- text; of two lines, größer and longer")
    assert len(comment.encode()) <= athena.COMMENT_BYTES
    second = list(statement.find_all(exp.ColumnDef))[1]
    assert second.find(exp.CommentColumnConstraint).this.name == "Whole. (pieces)"
    assert statement.find(exp.SchemaCommentProperty).this.name == LAYOUT.description


def test_a_broken_statement_is_noticed():
    with pytest.raises(sqlglot.errors.ParseError):
        sqlglot.parse(athena.create_table(LAYOUT).replace("`count` bigint", "`count` ("), "athena")


def test_the_links_name_every_row_once(tmp_path):
    layout = Layout(
        "rows", "One row per row.",
        (Field("number", "integer", "N."), Field("period", "string", "P.")), ("number",), "period",
    )  # fmt: skip
    frame = pd.DataFrame({"number": np.arange(90), "period": np.repeat(["a", "b", None], 30)})
    table = write_table(tmp_path, layout, [frame])
    listed = athena.links(table, "s3://bucket/runs/1").splitlines()
    assert listed[0] == "s3://bucket/runs/1/rows/a.parquet"
    read = [pq.read_table(tmp_path / path.removeprefix("s3://bucket/runs/1/")) for path in listed]
    assert [n for part in read for n in part["number"].to_pylist()] == list(range(90))
