"""Read a file that lists objects on S3, each pinned to one version of its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.data.readers.partitions import Partition
from quickstack.facts.errors import SourceError

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
        raise _malformed(path, 1, "the file is no text") from None
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


def _entry(path: Path, number: int, line: str) -> Partition:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise _malformed(path, number, "the line is no object of JSON")
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
