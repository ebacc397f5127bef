"""Read the rows of a source file, whatever its format: the one way in."""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module

from quickstack.data.readers.blocks import Block, ReadOptions
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract
from quickstack.facts.formats import FORMATS


def read_blocks(
    partition: Partition, contract: Contract, options: ReadOptions | None = None
) -> Generator[Block, None, None]:
    """Yield the rows of a file in the contract's format, in file order.

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
    yield from reader.blocks(partition, contract, options or ReadOptions())
