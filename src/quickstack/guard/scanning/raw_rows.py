"""Raw rows of any version of a source file, as ingest reads them, to look for a person in them."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quickstack.data.quality.parse import record_test
from quickstack.data.readers.blocks import Block, ReadOptions
from quickstack.data.readers.partitions import (
    Partition,
    find_partitions,
    folder_values,
    read_listing,
)
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Contract
from quickstack.facts.formats import LISTING

if TYPE_CHECKING:
    import pyarrow as pa


def raw_partitions(root: Path, contract: Contract) -> list[Partition]:
    """Return the source files and pinned objects of a table; none where there are none here.

    Raises
    ------
    SourceError
        Where what has such a name cannot be a source.
    """
    pattern = contract.source.path
    if not any(path.is_file() and path.suffix != ".dvc" for path in root.glob(pattern)):
        return []
    whole = (Path(glob.escape(str(root))) / pattern).as_posix()
    return find_partitions(replace(contract, source=replace(contract.source, path=whole)))


def partitions_of(path: Path, name: str) -> list[Partition]:
    """Return a file as partitions: itself, or the objects that it lists.

    Parameters
    ----------
    path
        Where its content lies: in the workspace, or an object of DVC.
    name
        Its path in the repository, which says whether it is a listing.
    """
    if name.endswith(LISTING):
        return read_listing(path)
    return [Partition(path, "", size=path.stat().st_size, values=folder_values(name))]


def raw_blocks(partition: Partition, contract: Contract) -> Iterator[Block]:
    """Yield the rows of a file with those columns of the contract that it has.

    Raises
    ------
    SourceError
        Where it cannot be read in the contract's format and dialect.
    """
    options = ReadOptions(record_test=record_test(contract), any_names=True)
    return read_blocks(partition, contract, options)


def column_texts(table: pa.Table, name: str) -> pa.DictionaryArray:
    """Return the cells of a column as text, a dictionary of the distinct ones."""
    import pyarrow as pa

    return table.column(name).combine_chunks().cast(pa.string()).dictionary_encode()
