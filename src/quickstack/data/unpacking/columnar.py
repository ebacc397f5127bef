"""Tables in files: every column of Parquet, Arrow and SQLite as text, and what lies beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quickstack.data.unpacking.buffers import Budget, Buffer
from quickstack.data.unpacking.parquet_pages import dictionary_page

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1 << 17
#: Below that, a float is not a number that stands for a person.
_SMALLEST_NUMBER = 1e6


def parquet(content: Buffer, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Yield metadata, statistics, dictionary pages and all values of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(content)))
    metadata = file.metadata
    for key, value in (metadata.metadata or {}).items():
        yield "key-value metadata", key + b"\n" + value
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            place = f"column {chunk.path_in_schema}"
            if chunk.is_stats_set and chunk.statistics.has_min_max:
                limits = (chunk.statistics.min, chunk.statistics.max)
                yield f"{place}, statistics", b"\n".join(map(_as_bytes, limits))
            if chunk.has_dictionary_page:
                # Values that no row holds any more stay in it.
                page = dictionary_page(content, chunk)
                budget.spend(len(page))
                yield f"{place}, dictionary page", page
    names = file.schema_arrow.names
    # A name with a dot would be taken for a path, and two equal names for one: all at once then.
    plain = len(set(names)) == len(names) and not any("." in name for name in names)
    for chosen in [[name] for name in names] if plain else [None]:
        for batch in file.iter_batches(batch_size=_ROWS, columns=chosen):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for text in texts(column):
                    budget.spend(len(text))
                    yield f"column {name}", text


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def arrow(content: Buffer, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Yield metadata, dictionaries and all values of an Arrow IPC file or stream, or Feather."""
    import pyarrow as pa
    from pyarrow import feather

    source = pa.BufferReader(pa.py_buffer(content))
    if content[:4] == b"FEA1":
        batches: Any = feather.read_table(source).to_batches()
    elif content[:6] == b"ARROW1":
        file = pa.ipc.open_file(source)
        batches = (file.get_batch(i) for i in range(file.num_record_batches))
    else:
        try:
            batches = pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError):
            return  # it begins with four 0xff and is something else
    first = True
    for batch in batches:
        for key, value in (batch.schema.metadata or {}).items() if first else ():
            yield "key-value metadata", key + b"\n" + value
        first = False
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for text in texts(column):
                budget.spend(len(text))
                yield f"column {name}", text


def texts(column: pa.Array) -> Iterator[bytes]:
    """Yield the distinct values of a column as text, a line each; of nested ones, each part."""
    import pyarrow as pa

    parts = _parts(column)
    if parts is not None:
        for part in parts:
            yield from texts(part)
    elif not (pa.types.is_null(column.type) or pa.types.is_boolean(column.type)):
        yield from _distinct(column)


def _parts(column: pa.Array) -> list[pa.Array] | None:
    """Return the columns that a column is made of; None where it holds plain values."""
    import pyarrow as pa

    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return [column.storage]
    if pa.types.is_dictionary(kind):
        return [column.dictionary]  # all of it, whether a row holds the value or not
    if pa.types.is_struct(kind):
        return [column.field(number) for number in range(kind.num_fields)]
    if pa.types.is_map(kind):
        return [column.keys, column.items]
    if pa.types.is_nested(kind):
        return [column.values if hasattr(column, "values") else column.flatten()]
    return None


def _distinct(column: pa.Array) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        wide = column.cast(pa.float64())
        large = pc.and_(
            pc.greater_equal(pc.abs(wide), _SMALLEST_NUMBER), pc.less(pc.abs(wide), 9e18)
        )
        column = wide.filter(large).cast(pa.int64(), safe=False)
    distinct = column.unique().drop_null()
    if pa.types.is_fixed_size_binary(distinct.type):
        distinct = distinct.cast(pa.binary())
    binary = pa.types.is_binary(distinct.type) or pa.types.is_large_binary(distinct.type)
    wide_type = pa.large_binary() if binary else pa.large_string()
    if len(distinct):
        edges = pa.array([0, len(distinct)], pa.int32())
        whole = pa.ListArray.from_arrays(edges, distinct.cast(wide_type))
        joined = pc.binary_join(whole, pa.scalar("\n").cast(wide_type))[0]
        yield joined.as_buffer().to_pybytes()


def sqlite(content: Buffer, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Yield all values of a SQLite file by column; numbers are stored in it as no text."""
    database = sqlite3.connect(":memory:")
    database.deserialize(bytes(content))
    database.text_factory = bytes
    try:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in found:
            quoted = '"' + table.decode().replace('"', '""') + '"'
            cursor = database.execute(f"SELECT * FROM {quoted}")  # noqa: S608 - quoted
            names = [item[0] for item in cursor.description]
            while rows := cursor.fetchmany(4096):
                for name, column in zip(names, zip(*rows, strict=True), strict=True):
                    text = b"\n".join(_as_bytes(_whole(value)) for value in column)
                    budget.spend(len(text))
                    yield f"table {table.decode()}, column {name}", text
    finally:
        database.close()


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
