"""Find the files and objects that a contract's source names, and name their results."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from quickstack.facts.contract import Contract
from quickstack.facts.errors import SourceError
from quickstack.facts.files import write_text
from quickstack.facts.formats import LISTING, bare_name, is_left_over


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
    values
        (column, value) of the folders above it that are named so, as `year=2024`; see
        `folder_values`.
    """

    path: Path
    name: str
    url: str | None = None
    etag: str | None = None
    size: int = 0
    version: str | None = None
    values: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """How messages and reports name it."""
        return self.url or self.path.as_posix()


def find_partitions(contract: Contract) -> list[Partition]:
    """Return the source files, and the objects that `*.objects.jsonl` files list.

    They come in the order in which their results lie in a folder. Hidden files, DVC's own
    (`*.dvc`) and what programs leave beside tables are no source.

    Raises
    ------
    SourceError
        Where there is none, or what has such a name cannot be a source: a folder, a link that
        leads nowhere, a listing that is malformed, files of a table whose log says which count.
    """
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
    _require_no_log([p.path for p in found], contract.id)
    names = partition_names(keys, [p.url is not None for p in found])
    named = [
        replace(p, name=name, values=folder_values(p.url or p.path.as_posix()))
        for p, name in zip(found, names, strict=True)
    ]
    for partition in named:
        if len(dict(partition.values)) < len(partition.values):
            raise SourceError(
                "two folders above the file hold a value of the same column",
                where=partition.shown,
                fix="name one of them otherwise",
            )
    for column in contract.columns:
        if column.personal is not None and any(column.name in dict(p.values) for p in named):
            raise SourceError(
                f"the names of folders hold the personal column {column.name}, and reports name "
                "files",
                where=pattern,
                fix="deliver it as a column of the files, in folders of other names",
            )
    # As files are sorted, with their ending: that is the order in which later stages read them.
    return sorted(named, key=lambda p: f"{p.name}.parquet")


#: A folder of Hive, Spark, pandas or Polars: `year=2024`.
_FOLDER = re.compile(r"([A-Za-z_%][\w%]*)=(.*)")


def folder_values(path: str) -> tuple[tuple[str, str], ...]:
    """Return the (column, value) of each folder of a path that is named `column=value`.

    Names and values are decoded as Hive writes them; one that is missing is an empty text.
    """
    matches = filter(None, map(_FOLDER.fullmatch, PurePosixPath(path).parts[:-1]))
    found = [(_decoded(match[1]), _decoded(match[2])) for match in matches]
    return tuple((k, "" if v == "__HIVE_DEFAULT_PARTITION__" else v) for k, v in found)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:  # no escape of UTF-8, so that it stays as it is
        return text


#: What lies in the folder of a table whose log says which of its files count.
_LOGS = {"_delta_log": "Delta", ".hoodie": "Hudi", "metadata/version-hint.text": "Iceberg"}


def _require_no_log(paths: Sequence[Path], dataset: str) -> None:
    folders = {folder for path in paths for folder in path.parents[:-1] if folder.name != "raw"}
    for folder in sorted(folders):
        if dataset not in folder.parts:
            continue
        logs = [name for mark, name in _LOGS.items() if (folder / mark).exists()]
        if not logs and any(folder.glob("metadata/*.metadata.json")):
            logs = ["Iceberg"]
        if logs:
            raise SourceError(
                f"this is a {logs[0]} table: its log says which files count, and some may be "
                "removed ones",
                where=folder.as_posix(),
                fix="read one version with a program that knows this format, such as DuckDB or "
                "Spark, and deliver the Parquet files that it writes",
            )


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
            "this is not a pattern of files", where=pattern, fix="write it as FOLDER/*.csv"
        ) from None
    for path in matches:
        hidden = path.name.startswith(".") and not last.startswith(".")
        if hidden or path.suffix == ".dvc" or is_left_over(path.as_posix()):
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
                "the name of a file is not UTF-8",
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
                "this is a pipe or a device, not a file", where=path.as_posix(), fix="remove it"
            )
        yield path


def _matches(pattern: str) -> list[Path]:
    whole = Path(pattern)
    if os.path.lexists(whole):
        # A name may hold marks of a pattern.
        return [whole]
    inner = str(whole.relative_to(whole.anchor)) if whole.anchor else pattern
    return list(Path(whole.anchor).glob(inner))


def _require_readable(pattern: str) -> None:
    """Refuse folders that may not be read, whose files a search would leave out silently."""
    folder = _folder(pattern)

    def refuse(error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return
        where = Path(error.filename or folder)
        if isinstance(error, NotADirectoryError):
            raise SourceError(
                "this is not a folder", where=where.as_posix(), fix="correct the path"
            )
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


_KEYS = {"url", "etag", "size", "version_id"}


def read_listing(path: Path) -> list[Partition]:
    """Return the objects of a listing, still without names.

    Each line is an object of JSON: `url` (`s3://bucket/key`), `etag`, `size` in bytes and, where
    the bucket keeps versions, `version_id`.

    Raises
    ------
    SourceError
        With the first line that says something else.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _malformed(path, 1, "the file is not text") from None
    except OSError:
        raise SourceError(
            "the file cannot be read", where=path.as_posix(), fix="make it readable for you"
        ) from None
    found: list[Partition] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found.append(_entry(path, number, line))
        url = found[-1].shown
        if url in seen:
            raise _malformed(path, number, f"the object of line {seen[url]} is listed again")
        seen[url] = number
    if not found:
        raise _malformed(path, 1, "no object is listed")
    return found


def write_listing(path: Path, objects: Sequence[Partition]) -> None:
    """Write a listing of pinned objects, as `read_listing` reads it."""
    lines = []
    for found in objects:
        entry = {"url": found.url, "etag": found.etag, "size": found.size}
        entry |= {"version_id": found.version} if found.version is not None else {}
        lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))


def _entry(path: Path, number: int, line: str) -> Partition:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise _malformed(path, number, "the line is not a JSON object")
    if unknown := sorted(set(entry) - _KEYS):
        # A key comes from outside and may be anything, so that only its number is told.
        raise _malformed(path, number, f"{len(unknown)} of its keys are unknown")
    url, etag, size = entry.get("url"), entry.get("etag"), entry.get("size")
    version = entry.get("version_id")
    if not isinstance(url, str) or not _is_object(url):
        raise _malformed(path, number, "`url` must be s3://BUCKET/KEY")
    if not isinstance(etag, str) or not etag.strip('"'):
        raise _malformed(path, number, "`etag` must be the text that pins the version")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _malformed(path, number, "`size` must be a number of bytes")
    if version is not None and (not isinstance(version, str) or not version):
        raise _malformed(path, number, "`version_id` must be a text, or left out")
    return Partition(path, "", url, etag.strip('"'), size, version)


def _is_object(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "s3" and bool(parts.netloc) and len(url) > len(f"s3://{parts.netloc}/")


def _malformed(path: Path, number: int, what: str) -> SourceError:
    return SourceError(
        what,
        where=f"{path.as_posix()}:{number}",
        fix="run `quickstack land` again, which writes it",
    )


#: With `.parquet` and a temporary name around it, it stays below the 255 bytes of a file name.
_MAX_BYTES = 160


def partition_names(paths: Sequence[PurePosixPath], remote: Sequence[bool]) -> list[str]:
    """Return a name for each source.

    A file is named for its path below the contract's folder, an object for the last part of its
    key, without the endings of format and packing. Those that would clash, also where upper and
    lower case are one, keep their endings (objects their whole keys) or, at last, get a digest of
    their path.

    Parameters
    ----------
    paths
        Of each, relative to the folder of the contract's pattern; bucket and key of an object.
    remote
        Whether each is an object.
    """
    levels = [0] * len(paths)
    while True:
        names = [_name(p, r, level) for p, r, level in zip(paths, remote, levels, strict=True)]
        seen = Counter(name.casefold() for name in names)
        clashing = [i for i, name in enumerate(names) if seen[name.casefold()] > 1]
        raised = [i for i in clashing if levels[i] < 2]
        if not raised:
            return names
        for i in raised:
            levels[i] += 1


def _name(path: PurePosixPath, remote: bool, level: int) -> str:
    parts = path.parts
    if remote:
        parts = parts[-1:] if level == 0 else parts[1:]
    if level == 0:
        parts = (*parts[:-1], bare_name(parts[-1]))
    name = unicodedata.normalize("NFC", "-".join(parts))
    name = re.sub(r"[^\w-]", "_", name)
    if level == 2 or len(name.encode()) > _MAX_BYTES or not name.strip("_"):
        digest = hashlib.blake2b(path.as_posix().encode("utf-8", "surrogateescape"), digest_size=6)
        short = name.encode()[: _MAX_BYTES - 16].decode("utf-8", "ignore")
        name = f"{short}-{digest.hexdigest()}"
    return name
