"""Find the files that a contract's source names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quickstack.contract import Contract
from quickstack.errors import SourceError


@dataclass(frozen=True)
class Partition:
    """One source file or object, and the name its result gets.

    Attributes
    ----------
    path
        The file; for an object that stays on S3, the file that lists it.
    name
        The name of its results, unique within the data set.
    url
        `s3://bucket/key` of an object that is read where it is; None for a file.
    etag
        The version of that object that is pinned.
    size
        Bytes as stored.
    """

    path: Path
    name: str
    url: str | None = None
    etag: str | None = None
    size: int = 0

    @property
    def shown(self) -> str:
        """How messages and reports name it."""
        return self.url or self.path.as_posix()


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
    return [Partition(path, _name(path), size=path.stat().st_size) for path in paths]


def _name(path: Path) -> str:
    """Keep the file's name, whole: two files that differ in their ending are two partitions."""
    return path.name.removesuffix(".csv").replace(".", "_")
