"""Read the formats that are no delimited text, block by block."""

from __future__ import annotations

from collections.abc import Iterator

from quickstack.data.readers.blocks import Block
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract


def read_blocks(partition: Partition, contract: Contract, rows: int) -> Iterator[Block]:
    """Yield the blocks of a file in the contract's format.

    Parameters
    ----------
    rows
        At most how many rows a block holds.

    Raises
    ------
    SourceError
        Where the file cannot be read as the contract says.
    """
    if contract.source.format == "parquet":
        from quickstack.data.readers.parquet import blocks
    elif contract.source.format == "jsonl":
        from quickstack.data.readers.jsonl import blocks
    else:
        from quickstack.data.readers.excel import blocks
    yield from blocks(partition, contract, rows)
