"""SQL that makes the exported Parquet tables of Amazon Athena and the AWS Glue catalogue.

A table of Athena reads every object below one folder. Published runs never change, and CSV lies
beside Parquet, so a table points to a folder that holds one small list: the addresses of the
Parquet files to read (`SymlinkTextInputFormat`, as Amazon documents it for S3 Inventory). Each
published run holds such lists of its own; a table is led to another run by its location.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstack.facts.contract.model import LogicalType
from quickstack.results.exporting.export_tables import Layout

#: Where the lists lie in a published run, one folder per table with nothing else in it.
LINKS = "athena"
TYPES: dict[LogicalType, str] = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
#: The Glue catalogue takes no longer comment of a column.
COMMENT_BYTES = 255


def create_table(layout: Layout) -> str:
    """Return the statement for one table; `${location}` stands for a published run.

    Athena runs one statement at a time, so there is one text per table.
    """
    columns = ",\n".join(
        f"  `{field.name}` {TYPES[field.type]} COMMENT {_quoted(_meaning(field))}"
        for field in layout.fields
    )
    return f"""\
-- Put a published run, s3://BUCKET/PREFIX/runs/RUN, in place of ${{location}}. To lead the table
-- to another run: ALTER TABLE `{layout.name}` SET LOCATION '${{location}}/{LINKS}/{layout.name}/'.
-- After a change of columns: DROP TABLE `{layout.name}`, which leaves the files alone, then this.
CREATE EXTERNAL TABLE IF NOT EXISTS `{layout.name}` (
{columns}
)
COMMENT {_quoted(layout.description)}
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '${{location}}/{LINKS}/{layout.name}/'
"""


def links(table: Mapping[str, Any], run: str) -> str:
    """Return the list of one table's Parquet files: the object `athena/<table>/files.txt`.

    Parameters
    ----------
    table
        As `write_tables.write_table` describes it.
    run
        The address of the run's folder, such as `s3://BUCKET/PREFIX/runs/ID`, without a slash
        at its end.
    """
    paths = [file["path"] for file in table["files"] if file["path"].endswith(".parquet")]
    return "".join(f"{run}/{path}\n" for path in paths)


def _meaning(field: Any) -> str:
    return f"{field.description} ({field.unit})" if field.unit else field.description


def _quoted(text: str) -> str:
    """Write a string literal of Hive on one line, short enough for the catalogue."""
    line = " ".join(text.split())
    short = line.encode()[:COMMENT_BYTES].decode(errors="ignore")
    return "'" + short.replace("\\", "\\\\").replace("'", "\\'") + "'"
