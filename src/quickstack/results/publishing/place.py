"""A place that readers look at: what every kind of it can do, and a folder as one.

It holds `current.json`, the pointer, and immutable `runs/<id>/`. `index.html` leads to the page of
the run that the pointer names.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from quickstack.facts.errors import StorageError
from quickstack.results.exporting.manifest import file_hash
from quickstack.results.publishing.process_lock import only_one

POINTER, ENTRY, RUNS = "current.json", "index.html", "runs"
#: Where a folder's files are made; no reader looks there.
_WORKSHOP = ".publishing"

#: What the manifest says of a file: path, bytes, sha256.
FileFacts = dict[str, Any]
Sent = Callable[[int], None]


@dataclass(frozen=True)
class Seen:
    """The pointer as it was read: its bytes, None where there is none, and what tells a change."""

    body: bytes | None
    tag: str | None = None


class Place(Protocol):
    """What publishing needs of a place; paths are relative to it, with slashes."""

    @property
    def shown(self) -> str:
        """How messages name it."""

    def address(self, path: str) -> str:
        """Return where people find a file."""

    def alone(self) -> Any:
        """Give the place to one publisher at a time, where it can."""

    def read(self, path: str) -> bytes | None:
        """Return a small file; None where there is none."""

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of the bytes that a reader gets; None where there are none."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder and their bytes, by path relative to the folder."""

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether a file is there as it should be, without reading it over a network."""

    def claim(self, path: str, source: Path, facts: FileFacts) -> bool:
        """Write a file that is not there yet; False where somebody else has written it."""

    def put(self, path: str, source: Path, facts: FileFacts, sent: Sent) -> None:
        """Write a file, whole or not at all."""

    def seen(self) -> Seen:
        """Read the pointer."""

    def switch(self, body: bytes, seen: Seen) -> bool:
        """Replace the pointer if it is still the one that was seen; False where it is not."""

    def lead_to(self, run_path: str) -> None:
        """Let `index.html` lead to the page of the current run."""


class Folder:
    """A folder on this machine or on a network drive."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def shown(self) -> str:
        """The path."""
        return str(self._path)

    def address(self, path: str) -> str:
        """Return the file's own path."""
        return str(self._path / path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the folder; what an interrupted publisher left half-made goes.

        Raises
        ------
        StorageError
            Where somebody else publishes there now.
        """
        workshop = self._path / _WORKSHOP
        workshop.mkdir(parents=True, exist_ok=True)
        with only_one(workshop / "lock", "somebody publishes here at this moment", self.shown):
            for path in workshop.glob("*.tmp"):
                path.unlink()
            yield

    def read(self, path: str) -> bytes | None:
        """Return a small file; None where there is none."""
        try:
            return (self._path / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of a file; None where there is none."""
        try:
            return file_hash(self._path / path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder and their bytes."""
        root = self._path / folder
        return {
            path.relative_to(root).as_posix(): path.stat().st_size
            for path in root.rglob("*")
            if path.is_file()
        }

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether a file is there with its hash."""
        return self.digest(path) == facts["sha256"]

    def claim(self, path: str, source: Path, facts: FileFacts) -> bool:
        """Write a file that is not there yet; the lock keeps others away meanwhile."""
        if (self._path / path).parent.exists():
            return False
        self.put(path, source, facts, lambda _: None)
        return True

    def put(self, path: str, source: Path, facts: FileFacts, sent: Sent) -> None:
        """Copy a file under another name, then give it its own."""
        self._place(path, lambda temporary: shutil.copyfile(source, temporary))
        sent(facts["bytes"])

    def seen(self) -> Seen:
        """Read the pointer."""
        body = self.read(POINTER)
        return Seen(body, hashlib.sha256(body).hexdigest() if body is not None else None)

    def switch(self, body: bytes, seen: Seen) -> bool:
        """Replace the pointer in one rename, if it is still the one that was seen."""
        if self.seen() != seen:
            return False
        self._place(POINTER, lambda temporary: temporary.write_bytes(body))
        return True

    def lead_to(self, run_path: str) -> None:
        """Write `index.html`, which a browser opens without a server too."""
        text = (
            '<!doctype html><meta charset="utf-8"><title>The newest run</title>'
            f'<meta http-equiv="refresh" content="0; url={run_path}index.html">'
            f'<a href="{run_path}index.html">The newest run</a>\n'
        )
        self._place(ENTRY, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _place(self, path: str, write: Callable[[Path], object]) -> None:
        """Make a file in the workshop, let it reach the disk, and rename it into its place."""
        target = self._path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        temporary = self._path / _WORKSHOP / f"{os.getpid()}-{name}.tmp"
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def open_folder(path: Path, root: Path) -> Folder:
    """Return a folder as a place.

    Raises
    ------
    StorageError
        Where it lies in the repository, which publishing would then change.
    """
    path = path.expanduser().resolve()
    if root.resolve() in (path, *path.parents):
        raise StorageError(
            "this folder lies in the repository, and what is published there would change it",
            where=str(path),
            fix="name a folder outside; `quickstack preview` makes one to look at",
        )
    return Folder(path)
