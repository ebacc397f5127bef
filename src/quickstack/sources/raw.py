"""Find the files that a contract's source names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quickstack.contract import Contract
from quickstack.errors import SourceError


@dataclass(frozen=True)
class Partition:
    """One source file, and the name its result gets."""

    path: Path
    name: str


def find_partitions(contract: Contract) -> list[Partition]:
    """Return the source files in the order of their names.

    Raises
    ------
    SourceError
        Where there is none.
    """
    pattern = contract.source.path
    paths = sorted(found for found in Path().glob(pattern) if found.is_file())
    if not paths:
        origin = contract.source.origin
        raise SourceError(
            "there is no such file",
            where=pattern,
            fix=f"take it from {origin} and put it there" if origin else "put the data there",
        )
    return [Partition(path, _name(path)) for path in paths]


def _name(path: Path) -> str:
    """Keep the file's name, whole: two files that differ in their ending are two partitions."""
    return path.name.removesuffix(".csv").replace(".", "_")
