"""Write a table as CSV and Parquet, in the dialects that Power BI reads without settings.

Every text cell of the CSV is quoted, and nothing else: an empty text is `""`, a missing value is
nothing. A text such as `=cmd()` is therefore always inside quotes; it is not altered, because a
table that is loaded must hold what the data hold. Power BI and databases take it as text. Whoever
opens the CSV in a spreadsheet should import it as text, since spreadsheets compute cells that
begin with `=`, quoted or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.errors import DataError
from quickstack.exporting.manifest import file_facts
from quickstack.exporting.tables import Layout
from quickstack.sources.arrow import arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def write_table(folder: Path, layout: Layout, frames: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Write `<name>.csv` and `<name>.parquet`, partition by partition.

    CSV: UTF-8 without BOM, CRLF, RFC 4180, `.` decimals, ISO 8601 dates, `true` and `false`, empty
    for null. Parquet: format 1.0, data page 1.0, snappy, plain strings, no Arrow schema, timestamps
    without zone in microseconds, `date32`. NaN and infinities become null in both.

    Parameters
    ----------
    folder
        Where to write; it exists.
    layout
        Names and types of the columns; other columns of the frames are left out.
    frames
        The rows, one partition at a time. Memory holds one of them.

    Returns
    -------
    dict
        What the manifest says about the table: name, description, rows, columns and files, each
        with its bytes and SHA-256.

    Raises
    ------
    DataError
        Where a column does not have the type of the layout.
    """
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    schema = table_schema(layout)
    csv_path, parquet_path = folder / f"{layout.name}.csv", folder / f"{layout.name}.parquet"
    as_text = pa_csv.WriteOptions(eol="\r\n", quoting_style="needed", quoting_header="none")
    rows = 0
    with (
        pa_csv.CSVWriter(csv_path, schema, write_options=as_text) as csv_writer,
        pq.ParquetWriter(
            parquet_path,
            schema,
            version="1.0",
            data_page_version="1.0",
            compression="snappy",
            use_dictionary=False,
            store_schema=False,
        ) as parquet_writer,
    ):
        for frame in frames:
            table = to_arrow(frame, layout)
            csv_writer.write_table(table)
            parquet_writer.write_table(table)
            rows += table.num_rows
    return {
        "name": layout.name,
        "description": layout.description,
        "rows": rows,
        "columns": [
            {
                "name": field.name,
                "type": field.type,
                "description": field.description,
                "unit": field.unit,
            }
            for field in layout.fields
        ],
        "files": [file_facts(csv_path, folder), file_facts(parquet_path, folder)],
    }


def table_schema(layout: Layout) -> pa.Schema:
    """Return the types of a table as it is written."""
    return arrow_schema((field.name, field.type) for field in layout.fields)


def to_arrow(frame: pd.DataFrame, layout: Layout) -> pa.Table:
    """Convert a table to the types of the layout; NaN and infinities become null.

    Raises
    ------
    DataError
        Where a column is missing or has another type.
    """
    import numpy as np
    import pyarrow as pa

    arrays = []
    for field, kind in zip(layout.fields, table_schema(layout), strict=True):
        try:
            values = frame[field.name]
            if field.type == "number":
                numbers = values.to_numpy(dtype="float64", na_value=np.nan)
                array = pa.array(numbers, mask=~np.isfinite(numbers))
            elif field.type in ("date", "timestamp"):
                array = pa.array(values, from_pandas=True).cast(kind.type)
            else:
                array = pa.array(values, type=kind.type, from_pandas=True)
        except (KeyError, ValueError, TypeError, pa.ArrowException):
            # The foreign message is withheld: it quotes the value.
            raise DataError(
                f"column '{field.name}' is missing or does not hold values of type {field.type}",
                where=f"exported table '{layout.name}'",
                fix="correct the column's logicalType in the contract, and run `dvc repro`",
            ) from None
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=table_schema(layout))
