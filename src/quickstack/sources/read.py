"""Read the formats that are no delimited text, block by block."""

from __future__ import annotations

from collections.abc import Iterator

from quickstack.contract import Contract
from quickstack.sources.blocks import Block
from quickstack.sources.raw import Partition


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
        from quickstack.sources.parquet import blocks
    elif contract.source.format == "jsonl":
        from quickstack.sources.jsonl import blocks
    else:
        from quickstack.sources.excel import blocks
    yield from blocks(partition, contract, rows)
