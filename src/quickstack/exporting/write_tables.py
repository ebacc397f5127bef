"""Write a table as CSV and Parquet, in the dialects that Power BI reads without settings.

Every text cell of the CSV is quoted, and nothing else: an empty text is `""`, a missing value is
nothing. A text such as `=cmd()` is therefore always inside quotes; it is not altered, because a
table that is loaded must hold what the data hold. Power BI and databases take it as text. Whoever
opens the CSV in a spreadsheet should import it as text, since spreadsheets compute cells that
begin with `=`, quoted or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from quickstack.errors import DataError
from quickstack.exporting.manifest import file_facts
from quickstack.exporting.spool import Spool
from quickstack.exporting.tables import Layout
from quickstack.sources.arrow import arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: Rows of a row group, whatever the partitions, so that bytes depend on the rows alone.
GROUP_ROWS = 1 << 17
#: File names of a partitioned table where no row has a value to part it by, and where some lack it.
WHOLE, UNKNOWN = "all", "unknown"


def write_table(folder: Path, layout: Layout, frames: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Write `<name>.csv` and `<name>.parquet`, or one pair per value of `layout.partition`.

    The files of a partitioned table are `<name>/<value>.csv` and so on. Those of one value depend
    on its own rows, their order, and nothing else.

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
        What the manifest says about the table: name, description, key, partition, rows, columns
        and files, each with its bytes, SHA-256 and rows.

    Raises
    ------
    DataError
        Where a column does not have the type of the layout.
    """
    tables = (to_arrow(frame, layout) for frame in frames)
    if layout.partition is None:
        files = _write_files(folder, layout.name, layout, tables)
    else:
        files = _write_partitions(folder, layout, layout.partition, tables)
    return {
        "name": layout.name,
        "description": layout.description,
        "key": list(layout.key),
        "partition": layout.partition,
        "rows": sum(file["rows"] for file in files if file["path"].endswith(".csv")),
        "columns": [
            {
                "name": field.name,
                "type": field.type,
                "description": field.description,
                "unit": field.unit,
            }
            for field in layout.fields
        ],
        "files": files,
    }


def _write_partitions(
    folder: Path, layout: Layout, column: str, tables: Iterable[pa.Table]
) -> list[dict[str, Any]]:
    (folder / layout.name).mkdir()
    with TemporaryDirectory(dir=folder, prefix=".spool-") as temporary:
        spool = Spool(Path(temporary), column)
        for table in tables:
            spool.add(table)
        values = spool.values()
        if not any(values):
            rows = spool.rows(None) if values else iter(())
            return _write_files(folder, f"{layout.name}/{WHOLE}", layout, rows)
        return [
            file
            for value in values
            for file in _write_files(
                folder, f"{layout.name}/{value or UNKNOWN}", layout, spool.rows(value)
            )
        ]


def _write_files(
    folder: Path, stem: str, layout: Layout, tables: Iterable[pa.Table]
) -> list[dict[str, Any]]:
    """Write CSV and Parquet side by side, a row group at a time; return what they are."""
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    schema = table_schema(layout)
    paths = [folder / f"{stem}.csv", folder / f"{stem}.parquet"]
    as_text = pa_csv.WriteOptions(eol="\r\n", quoting_style="needed", quoting_header="none")
    rows = 0
    with ThreadPoolExecutor(1) as beside:
        with (
            pa_csv.CSVWriter(paths[0], schema, write_options=as_text) as csv_writer,
            pq.ParquetWriter(
                paths[1],
                schema,
                version="1.0",
                data_page_version="1.0",
                compression="snappy",
                use_dictionary=False,
                store_schema=False,
            ) as parquet_writer,
        ):
            for group in _groups(tables):
                written = beside.submit(csv_writer.write_table, group)
                parquet_writer.write_table(group, row_group_size=GROUP_ROWS)
                written.result()
                rows += group.num_rows
        facts = [beside.submit(file_facts, path, folder) for path in paths]
        return [{**fact.result(), "rows": rows} for fact in facts]


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Cut tables into groups of `GROUP_ROWS` rows in one piece; the last one is smaller."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        start = 0
        while count + table.num_rows - start >= GROUP_ROWS:
            end = start + GROUP_ROWS - count
            waiting.append(table.slice(start, end - start))
            yield pa.concat_tables(waiting).combine_chunks()
            waiting, count, start = [], 0, end
        waiting.append(table.slice(start))
        count += table.num_rows - start
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


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
    import pandas as pd
    import pyarrow as pa

    arrays = []
    for field, kind in zip(layout.fields, table_schema(layout), strict=True):
        try:
            values, dtype = frame[field.name], frame[field.name].dtype
            if field.type == "number":
                numbers = values.to_numpy(dtype="float64", na_value=np.nan)
                array = pa.array(numbers, mask=~np.isfinite(numbers))
            elif field.type in ("date", "timestamp") or isinstance(dtype, pd.CategoricalDtype):
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
