"""Read Parquet: values keep the types the file gives them where the contract wants those."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quickstack.data.readers.blocks import Block, ReadOptions, Rejected, RowLocation
from quickstack.data.readers.header import check_header
from quickstack.data.readers.parquet_types import ColumnReader, column_reader, json_values
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.streams import open_partition
from quickstack.facts.contract import Contract, Source
from quickstack.facts.errors import SourceError

#: A column's values are read through a buffer of this size, not a row group at once.
_BUFFER = 1 << 20


def blocks(partition: Partition, contract: Contract, options: ReadOptions) -> Iterator[Block]:
    """Yield a Parquet file in blocks; columns are matched by name.

    Raises
    ------
    SourceError
        Where it is not a whole Parquet file, its columns are not the contract's, or one of them is
        nested or binary.
    """
    where = partition.shown
    with open_partition(partition, contract.source.max_unpacked) as stream:
        try:
            if not stream.seekable():
                raise SourceError(
                    "a Parquet file cannot be read out of an archive",
                    where=where,
                    fix="deliver it unpacked; Parquet is packed by itself",
                )
            file = pq.ParquetFile(
                pa.PythonFile(stream, "r"),
                buffer_size=_BUFFER,
                pre_buffer=False,
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
            )
            schema = file.schema_arrow
            check_header(
                list(schema.names),
                contract,
                where,
                any_names=options.any_names,
                folders=partition.values,
            )
            readers = [
                column_reader(c, schema.field(c.name).type, contract, where)
                for c in contract.columns
                if c.name in schema.names
            ]
            first = 1
            for batch in file.iter_batches(
                options.rows, columns=list(schema.names), use_threads=False
            ):
                yield _block(batch, readers, first)
                first += batch.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(
                "this is not a whole Parquet file", where=where, fix="deliver it again"
            ) from None


def _block(batch: pa.RecordBatch, readers: list[ColumnReader], first: int) -> Block:
    columns, bad = [], np.zeros(batch.num_rows, bool)
    reasons: dict[int, str] = {}
    for reader in readers:
        values, wrong = reader.convert(batch.column(reader.name))
        columns.append(values)
        if wrong is not None and wrong.any():
            for row in np.flatnonzero(wrong & ~bad).tolist():
                reasons[row] = f"column {reader.name} {reader.reason}"
            bad |= wrong
    table = pa.table(columns, names=[reader.name for reader in readers])
    positions = np.arange(batch.num_rows)
    if reasons:
        positions = np.flatnonzero(~bad)
        table = table.take(pa.array(positions))

    def locations(rows: Sequence[int]) -> list[RowLocation]:
        return _locations(batch, positions[list(rows)].tolist(), first)

    at = _locations(batch, sorted(reasons), first)
    rejected = [Rejected(p, reasons[r]) for p, r in zip(at, sorted(reasons), strict=True)]
    return Block(table, locations, rejected)


def _locations(batch: pa.RecordBatch, rows: list[int], first: int) -> list[RowLocation]:
    if not rows:
        return []
    taken = batch.take(pa.array(rows, pa.int64()))
    columns = [json_values(column) for column in taken.columns]
    locations = []
    for row, values in zip(rows, zip(*columns, strict=True), strict=True):
        raw = json.dumps(dict(zip(batch.schema.names, values, strict=True)), ensure_ascii=False)
        locations.append(RowLocation(first + row, None, raw.encode("utf-8", "backslashreplace")))
    return locations


def without_rows(
    stream: BinaryIO,
    out: BinaryIO,
    rows: Sequence[RowLocation],
    source: Source,  # noqa: ARG001 - as the other formats
    where: str,
) -> None:
    """Write a Parquet file again without some rows, see `write_without`."""
    try:
        file = pq.ParquetFile(pa.PythonFile(stream, "r"))
        kept = np.ones(file.metadata.num_rows, bool)
        kept[[row.line - 1 for row in rows]] = False
        with pq.ParquetWriter(out, file.schema_arrow, compression="zstd") as writer:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number)
                mask, kept = kept[: group.num_rows], kept[group.num_rows :]
                writer.write_table(_without_leftovers(group.filter(pa.array(mask))))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            "this Parquet file cannot be written again", where=where, fix="deliver it anew"
        ) from None


def _without_leftovers(rows: pa.Table) -> pa.Table:
    """Make dictionaries again: those of filtered rows keep the values that no row has any more."""
    for index, kind in enumerate(rows.schema):
        if pa.types.is_dictionary(kind.type):
            plain = rows.column(index).cast(kind.type.value_type)
            rows = rows.set_column(index, kind, plain.dictionary_encode().cast(kind.type))
    return rows
