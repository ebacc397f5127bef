"""Find the files and objects that a contract's source names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError

#: How a file ends that lists pinned objects.
LISTING = ".objects.jsonl"


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
    version
        The bucket's id of that version, where it keeps versions.
    """

    path: Path
    name: str
    url: str | None = None
    etag: str | None = None
    size: int = 0
    version: str | None = None

    @property
    def shown(self) -> str:
        """How messages and reports name it."""
        return self.url or self.path.as_posix()


def find_partitions(contract: Contract) -> list[Partition]:
    """Return the source files, and the objects that `*.objects.jsonl` files list.

    They come in the order in which their results lie in a folder. Hidden files and DVC's own
    (`*.dvc`) are no source.

    Raises
    ------
    SourceError
        Where there is none, or what has such a name cannot be a source: a folder, a link that
        leads nowhere, a listing that is malformed.
    """
    from quickstack.data.readers.object_listing import read_listing
    from quickstack.data.readers.partition_names import partition_names

    pattern = contract.source.path
    found: list[Partition] = []
    keys: list[PurePosixPath] = []
    for path in _paths(pattern):
        if path.name.endswith(LISTING):
            listed = read_listing(path)
            found += listed
            keys += [PurePosixPath((p.url or "").removeprefix("s3://")) for p in listed]
        else:
            found.append(Partition(path, "", size=path.stat().st_size))
            keys.append(PurePosixPath(path.relative_to(_folder(pattern)).as_posix()))
    if not found:
        raise _nothing(contract)
    names = partition_names(keys, [p.url is not None for p in found])
    named = [
        Partition(p.path, name, p.url, p.etag, p.size, p.version)
        for p, name in zip(found, names, strict=True)
    ]
    # As files are sorted, with their ending: that is the order in which later stages read them.
    return sorted(named, key=lambda p: f"{p.name}.parquet")


def _folder(pattern: str) -> Path:
    """Return the part of a pattern that holds no wildcards."""
    parts = []
    for part in PurePosixPath(pattern).parts[:-1]:
        if any(mark in part for mark in "*?["):
            break
        parts.append(part)
    return Path(*parts)


def _paths(pattern: str) -> Iterator[Path]:
    last = PurePosixPath(pattern).name
    _require_readable(pattern)
    try:
        matches = sorted(_matches(pattern))
    except (ValueError, NotImplementedError):
        raise SourceError(
            "this is no pattern of files", where=pattern, fix="write it as FOLDER/*.csv"
        ) from None
    for path in matches:
        hidden = path.name.startswith(".") and not last.startswith(".")
        if hidden or path.suffix == ".dvc":
            continue
        if path.is_dir():
            if set(last) <= {"*"}:
                continue
            raise SourceError(
                "this is a folder, where a file is expected",
                where=path.as_posix(),
                fix="name the files in it: `path: …/FOLDER/*.csv` in the contract",
            )
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise SourceError(
                "the name of a file is no UTF-8",
                where=path.as_posix().encode("utf-8", "backslashreplace").decode(),
                fix="rename it",
            )
        if not path.exists():
            raise SourceError(
                "this is a link to a file that is missing",
                where=path.as_posix(),
                fix="put the file back, `dvc checkout`, or remove the link",
            )
        if not path.is_file():
            raise SourceError(
                "this is no file but a pipe or a device", where=path.as_posix(), fix="remove it"
            )
        yield path


def _matches(pattern: str) -> list[Path]:
    whole = Path(pattern)
    if os.path.lexists(whole):
        # A name may hold marks of a pattern.
        return [whole]
    return list(Path().glob(pattern))


def _require_readable(pattern: str) -> None:
    """Refuse folders that may not be read, whose files a search would leave out silently."""
    folder = _folder(pattern)

    def refuse(error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return
        where = Path(error.filename or folder)
        if isinstance(error, NotADirectoryError):
            raise SourceError("this is no folder", where=where.as_posix(), fix="correct the path")
        raise SourceError(
            "there is no permission to look into this folder",
            where=where.as_posix(),
            fix="make it readable for you",
        )

    deep = any(mark in str(PurePosixPath(pattern).parent) for mark in "*?[")
    for _ in os.walk(folder, onerror=refuse):
        if not deep:
            break


def _nothing(contract: Contract) -> SourceError:
    pattern, origin = contract.source.path, contract.source.origin
    fix = f"take it from {origin} and put it there" if origin else "put the data there"
    if any(_matches(f"{pattern}.dvc")):
        fix = "run `dvc pull`: its pointer is there, the data are not"
    elif not _folder(pattern).exists():
        return SourceError(
            "there is no such file, nor the folder it should lie in", where=pattern, fix=fix
        )
    return SourceError("there is no such file", where=pattern, fix=fix)
