"""Content of any size as one buffer: in memory while it is small, mapped from a file otherwise."""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Callable
from pathlib import Path

from quickstack.facts.errors import QuickstackError

Buffer = bytes | mmap.mmap
#: Above this many bytes, content lies in a file.
IN_MEMORY = 32 << 20
_CHUNK = 1 << 20


class TooLargeError(QuickstackError):
    """Content expands to more than may be looked at."""


class Budget:
    """How many bytes the content of one file may still expand to, against decompression bombs."""

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, size: int) -> None:
        """Take bytes away; TooLargeError where none are left."""
        self.left -= size
        if self.left < 0:
            raise TooLargeError("expands to more than the limit")


def from_file(path: Path) -> Buffer:
    """Return the content of a file."""
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size <= IN_MEMORY:
            return stream.read()
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def collect(read: Callable[[int], bytes], budget: Budget) -> tuple[Buffer, Exception | None]:
    """Read to the end, or to the first damage.

    Parameters
    ----------
    read
        Returns up to that many bytes, none at the end.
    budget
        What is read is taken from it.

    Returns
    -------
    buffer
        What could be read.
    error
        What ended the reading early, or None.
    """
    parts: list[bytes] = []
    size, file = 0, None
    error: Exception | None = None
    while True:
        try:
            part = read(_CHUNK)
            budget.spend(len(part))
        except Exception as damage:  # each codec has exceptions of its own
            error = damage
            break
        if not part:
            break
        size += len(part)
        if file is None and size > IN_MEMORY:
            # It has no name: nobody else opens it, and it ends with the process.
            file = tempfile.TemporaryFile()  # noqa: SIM115
            file.writelines(parts)
            parts.clear()
        if file is None:
            parts.append(bytes(part))
        else:
            file.write(part)
    if file is None:
        return b"".join(parts), error
    with file:
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), error


def opened(buffer: Buffer, begin: int = 0) -> io.BufferedReader:
    """Return a buffer as a file, for libraries that want one."""
    return io.BufferedReader(_Reader(buffer, begin))


class _Reader(io.RawIOBase):
    def __init__(self, buffer: Buffer, begin: int = 0) -> None:
        self._view, self._at = memoryview(buffer)[begin:], 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it has positions."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        """Copy the next bytes into `target`; return how many."""
        part = self._view[self._at : self._at + len(target)]
        target[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at
