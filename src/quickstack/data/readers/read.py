"""Read the rows of a source file, whatever its format: the one way in."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from quickstack.data.readers.blocks import Block, ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract
from quickstack.facts.formats import FORMATS

if TYPE_CHECKING:
    import pyarrow as pa


def read_blocks(
    partition: Partition, contract: Contract, options: ReadOptions | None = None
) -> Generator[Block, None, None]:
    """Yield the rows of a file in the contract's format, in file order.

    A column of the contract that the names of its folders hold (`year=2024`) gets that value.

    Memory holds a few blocks at a time, of a workbook all of it. The file stays open until the
    iterator ends or is closed.

    Raises
    ------
    SourceError
        Where the file cannot be read as the contract says.
    """
    # A format's module is imported where it is needed: each opens heavy packages of its own.
    entry = FORMATS[contract.source.format]
    reader = import_module(f"quickstack.data.readers.{entry.reader}")
    options = options or ReadOptions()
    values = {c.name: dict(partition.values).get(c.name) for c in contract.columns}
    given = {name: value for name, value in values.items() if value is not None}
    columns = tuple(c for c in contract.source_columns if c.name not in given)
    if columns != contract.columns:
        contract = replace(contract, columns=columns)
    if not given:
        yield from reader.blocks(partition, contract, options)
        return
    missing = contract.source.missing
    cells = {name: None if value in missing else value for name, value in given.items()}
    if (types := options.types) is not None:
        options = replace(options, types=lambda head, whole: types(_with(head, cells), whole))
    for block in reader.blocks(partition, contract, options):
        block.table = _with(block.table, cells)
        yield block


def _with(table: pa.Table, cells: dict[str, str | None]) -> pa.Table:
    """Add the values that stand in the names of a file's folders, equal in each row."""
    import pyarrow as pa

    for name, cell in cells.items():
        column = pa.repeat(pa.scalar(cell, pa.string()), table.num_rows)
        table = table.append_column(name, column)
    return table
