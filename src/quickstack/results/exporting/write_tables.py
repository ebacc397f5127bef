"""Write a table as CSV and Parquet, in the dialects that Power BI reads without settings.

Every text cell of the CSV is quoted, and nothing else: an empty text is `""`, a missing value is
nothing. A text that a spreadsheet would compute, as it begins with one of FORMULA_SIGNS (after any
number of `'`), has one `'` more before it. So nothing runs where the CSV is opened, and whoever
takes that one `'` away has the text again: the queries of Power BI do. Parquet holds texts as they
are, and what is loaded into databases comes from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from quickstack.data.interim.arrow_types import arrow_schema
from quickstack.facts.errors import DataError
from quickstack.results.exporting.export_tables import Layout
from quickstack.results.exporting.manifest import file_facts
from quickstack.results.exporting.spill import PartitionSpill

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: Rows of a row group, whatever the partitions, so that bytes depend on the rows alone.
GROUP_ROWS = 1 << 17
#: What a formula begins with, also as a full-width letter, or after what a spreadsheet skips
#: (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA = f"^'*[{''.join(FORMULA_SIGNS).replace('-', chr(92) + '-')}]"
#: File names of a partitioned table where no row has a value to part it by, and where some lack it.
WHOLE, UNKNOWN = "all", "unknown"


def write_table(folder: Path, layout: Layout, frames: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Write `<name>.csv` and `<name>.parquet`, or one pair per value of `layout.partition`.

    Parameters
    ----------
    folder
        Where to write; it exists.
    layout, frames
        As `Outgoing` takes them.

    Returns
    -------
    dict
        As `Outgoing.finish` does.

    Raises
    ------
    DataError
        Where a column does not have the type of the layout.
    """
    with TemporaryDirectory(dir=folder, prefix=".spill-") as waiting, writers(1) as threads:
        table = Outgoing(Path(waiting), layout, frames)
        table.start(folder, threads)
        return table.finish()


@contextmanager
def writers(workers: int) -> Iterator[Executor]:
    """Give threads that write files; what has not begun when something fails never does."""
    threads = ThreadPoolExecutor(workers)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


class Outgoing:
    """A table on its way: its rows are all known and wait to be written.

    The files of a partitioned table are `<name>/<value>.csv` and so on. Those of one value depend
    on its own rows, their order, and nothing else.

    CSV: UTF-8 without BOM, CRLF, RFC 4180, `.` decimals, ISO 8601 dates, `true` and `false`, empty
    for null. Parquet: format 1.0, data page 1.0, snappy, plain strings, no Arrow schema, timestamps
    without zone in microseconds, `date32`. NaN and infinities become null in both.

    Parameters
    ----------
    waiting
        A folder for rows that wait on disk; the caller removes it when the table is finished.
    layout
        Names and types of the columns; other columns of the frames are left out.
    frames
        The rows, one partition at a time. Memory holds one of them beside what the spill keeps.

    Attributes
    ----------
    description
        What the manifest says about the table: name, description, key, partition, rows, columns
        and files, each with its path and rows.

    Raises
    ------
    DataError
        Where a column does not have the type of the layout.
    """

    def __init__(self, waiting: Path, layout: Layout, frames: Iterable[pd.DataFrame]) -> None:
        self._layout = layout
        self._spill = PartitionSpill(waiting / layout.name, layout.partition)
        for frame in frames:
            self._spill.add(to_arrow(frame, layout))
        self._files = [
            (f"{stem}.{ending}", value)
            for value, stem in _stems(layout, self._spill.values()).items()
            for ending in ("csv", "parquet")
        ]
        self._facts: list[Future[dict[str, Any]]] = []
        counts = [self._spill.count(value) for _, value in self._files]
        self.description: dict[str, Any] = {
            "name": layout.name,
            "description": layout.description,
            "key": list(layout.key),
            "partition": layout.partition,
            "rows": sum(counts[::2]),
            "columns": [
                {name: getattr(field, name) for name in ("name", "type", "description", "unit")}
                for field in layout.fields
            ],
            "files": [
                {"path": path, "rows": rows}
                for (path, _), rows in zip(self._files, counts, strict=True)
            ],
        }

    def start(self, folder: Path, threads: Executor) -> None:
        """Begin to write the files into `folder`, each by one thread."""
        if self._layout.partition is not None:
            (folder / self._layout.name).mkdir()
        self._facts = [threads.submit(self._write, folder, *file) for file in self._files]

    def finish(self) -> dict[str, Any]:
        """Wait for the files; return the description with the bytes and SHA-256 of each."""
        files = [
            {**fact.result(), "rows": file["rows"]}
            for fact, file in zip(self._facts, self.description["files"], strict=True)
        ]
        return {**self.description, "files": files}

    def _write(self, folder: Path, path: str, value: str | None) -> dict[str, Any]:
        schema = table_schema(self._layout)
        write = _write_csv if path.endswith(".csv") else _write_parquet
        write(folder / path, schema, _groups(self._spill.rows(value), schema))
        return file_facts(folder / path, folder)


def _stems(layout: Layout, values: list[str | None]) -> dict[str | None, str]:
    """Name the files of each value, without their endings."""
    if layout.partition is None:
        return {None: layout.name}
    if not any(values):
        return {None: f"{layout.name}/{WHOLE}"}
    return {value: f"{layout.name}/{value or UNKNOWN}" for value in values}


def _write_csv(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    import pyarrow.csv as pa_csv

    settings = pa_csv.WriteOptions(eol="\r\n", quoting_style="needed", quoting_header="none")
    with pa_csv.CSVWriter(path, schema, write_options=settings) as writer:
        for group in groups:
            writer.write_table(_harmless(group))


def _harmless(table: pa.Table) -> pa.Table:
    """Put `'` before each text that a spreadsheet would compute, and those that look so then."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = table.column(index)
            formulas = pc.match_substring_regex(texts, _FORMULA)
            if pc.any(formulas).as_py():
                marked = pc.binary_join_element_wise("'", texts, "")
                table = table.set_column(index, field, pc.if_else(formulas, marked, texts))
    return table


def _write_parquet(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(
        path,
        schema,
        version="1.0",
        data_page_version="1.0",
        compression="snappy",
        use_dictionary=False,
        store_schema=False,
    ) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=GROUP_ROWS)


def _groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Cut tables into groups of `GROUP_ROWS` rows in one piece; the last one is smaller."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        start = 0
        while count + table.num_rows - start >= GROUP_ROWS:
            end = start + GROUP_ROWS - count
            waiting.append(table.slice(start, end - start).cast(schema))
            yield pa.concat_tables(waiting).combine_chunks()
            waiting, count, start = [], 0, end
        waiting.append(table.slice(start).cast(schema))
        count += table.num_rows - start
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


def table_schema(layout: Layout) -> pa.Schema:
    """Return the types of a table as it is written."""
    return arrow_schema((field.name, field.type) for field in layout.fields)


def to_arrow(frame: pd.DataFrame, layout: Layout) -> pa.Table:
    """Convert a table to the types of the layout; NaN and infinities become null.

    Categories stay a dictionary of values of that type, to be written out where they are needed.

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
            values = frame[field.name]
            if field.type == "number":
                numbers = values.to_numpy(dtype="float64", na_value=np.nan)
                odd = ~np.isfinite(numbers)
                array = pa.array(numbers, mask=odd if odd.any() else None)
            elif isinstance(values.dtype, pd.CategoricalDtype):
                array = pa.array(values, from_pandas=True)
                texts = array.dictionary.cast(kind.type)
                array = pa.DictionaryArray.from_arrays(array.indices, texts)
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
    return pa.Table.from_arrays(arrays, names=[field.name for field in layout.fields])
