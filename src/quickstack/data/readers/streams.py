"""Open a source file or object as uncompressed bytes, and tell its content from others."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from quickstack.data.readers.archives import unpacked
from quickstack.data.readers.partitions import Partition
from quickstack.facts.errors import SourceError

_CHUNK = 1 << 20
#: What is digested at a time.
_PART = 1 << 25


@contextmanager
def open_partition(partition: Partition, most: int | None = None) -> Iterator[BinaryIO]:
    """Open a file or a pinned object as uncompressed bytes, seekable where nothing is packed.

    Each of `PACKINGS` (of zip archives those of one file) is recognised by the first bytes,
    whatever the name says. Reading stays within a small buffer.

    Parameters
    ----------
    most
        At most how many bytes a packed file may hold, as in `unpacked`.

    Raises
    ------
    SourceError
        On opening, on reading from what is given, or at the end: the file is missing, may not be
        read, is damaged, cut off, a bomb, or was changed meanwhile.
    """
    with open_stored(partition) as (stream, size):
        yield unpacked(stream, partition.shown, size, most)


@contextmanager
def open_stored(partition: Partition) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file or a pinned object as it is stored; give its size in bytes, too.

    Raises
    ------
    SourceError
        As `open_partition`, but for what only unpacking shows.
    """
    if partition.url is not None:
        from quickstack.data.readers.s3_objects import open_object

        with open_object(partition) as stream:
            yield stream, partition.size
        return
    with _open_file(partition.path, partition.shown) as raw:
        before = os.fstat(raw.fileno())
        try:
            yield raw, before.st_size
        except SourceError:
            # What a half-written file looks like is not what is wrong with it.
            _require_unchanged(partition, before)
            raise
        _require_unchanged(partition, before)


def content_digest(partition: Partition, key: bytes) -> str:
    """Return 32 hexadecimal digits that tell a source's bytes, as stored, from others.

    They come from Poly1305 (RFC 8439) of the file's parts, which are read side by side: ten times
    as fast as a hash that needs no key. Those of an object that stays on S3 come from its address
    and the version that is pinned.

    Parameters
    ----------
    key
        32 random bytes: nobody who lacks them can make two files of the same digest.

    Raises
    ------
    SourceError
        Where the file cannot be read, or is changed meanwhile.
    """
    if partition.url is not None:
        pinned = "\0".join((partition.url, partition.etag or ""))
        return hashlib.blake2b(pinned.encode(), digest_size=16, key=key).hexdigest()
    with _open_file(partition.path, partition.shown) as stream:
        before = os.fstat(stream.fileno())
    starts = range(0, before.st_size, _PART)
    with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1) or 1) as pool:
        parts = list(pool.map(partial(_part_digest, partition, key), starts))
    _require_unchanged(partition, before)
    return hashlib.blake2b(b"".join(parts), digest_size=16, key=key).hexdigest()


def _part_digest(partition: Partition, key: bytes, start: int) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    digest, left = Poly1305(key), _PART
    view = memoryview(bytearray(_CHUNK))
    with _open_file(partition.path, partition.shown) as stream:
        stream.seek(start)
        while left and (count := cast(io.BufferedReader, stream).readinto(view[:left])):
            digest.update(view[:count])
            left -= count
    return digest.finalize()


class _File(io.FileIO):
    """A file that says in a sentence why it cannot be read."""

    where = ""

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer) or 0
        except OSError:
            raise SourceError(
                "it cannot be read to its end",
                where=self.where,
                fix="look at the disk or network drive it lies on, and try again",
            ) from None


def _open_file(path: Path, where: str) -> BinaryIO:
    try:
        # Before opening, which would wait at a pipe for somebody to write.
        kind = path.stat().st_mode
        if stat.S_ISREG(kind):
            file = _File(path, "rb")
            file.where = where
            return io.BufferedReader(file, _CHUNK)
    except OSError as error:
        raise unreadable(error, path, where) from None
    if stat.S_ISDIR(kind):
        raise SourceError("this is a folder", where=where, fix="name the files in it")
    raise SourceError("this is a pipe or a device, not a file", where=where, fix="name a file")


def unreadable(error: OSError, path: Path, where: str) -> SourceError:
    """Return the sentence for a file that cannot be opened."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        if path.is_symlink():
            return SourceError(
                "this is a link to a file that is missing",
                where=where,
                fix="put the file back, `dvc checkout`, or remove the link",
            )
        return SourceError("the file is missing", where=where, fix="put it there, or `dvc pull`")
    if isinstance(error, PermissionError):
        return SourceError(
            "there is no permission to read it", where=where, fix="make it readable for you"
        )
    return SourceError(
        "the file cannot be opened", where=where, fix="look at it: a loop of links, or a bad disk"
    )


def _require_unchanged(partition: Partition, before: os.stat_result) -> None:
    try:
        after = partition.path.stat()
    except OSError:
        raise SourceError(
            "it was removed while it was read",
            where=partition.shown,
            fix="put it back, and run again",
        ) from None
    if any(
        getattr(after, name) != getattr(before, name)
        for name in ("st_size", "st_mtime_ns", "st_ino", "st_dev")
    ):
        raise SourceError(
            "it was changed while it was read",
            where=partition.shown,
            fix="run again when nobody writes to it",
        )
