"""What every store of objects can do, and a folder as one: DVC's cache, or a remote."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol

from quickstack.facts.errors import StorageError
from quickstack.facts.files import whole_file
from quickstack.runtime.stores.remotes import CONFIG

_OBJECT = re.compile(r"(?:^|/)([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)$")


@dataclass(frozen=True)
class ObjectFacts:
    """What a listing says about an object.

    Attributes
    ----------
    size
        In bytes.
    changed
        Seconds since 1970.
    md5
        Of the content, where it is known unread.
    etag, version
        What pins the content, where the store has it.
    """

    size: int
    changed: float
    md5: str | None = None
    etag: str = ""
    version: str | None = None


class ObjectStore(Protocol):
    """A place with objects; keys are relative to it, with slashes.

    Every method raises StorageError where the place cannot be reached.
    """

    @property
    def name(self) -> str:
        """How people know it: `cache`, or the remote's name."""

    @property
    def address(self) -> str:
        """Its folder or url."""

    @property
    def sees_versions(self) -> bool:
        """Whether `all_keys` and `delete` reach each version that it keeps of an object."""

    def objects(self, prefix: str = "") -> dict[str, ObjectFacts]:
        """List what it holds now, without deleted versions, by key.

        Parameters
        ----------
        prefix
            A folder with the slash at its end; empty for all.
        """

    def all_keys(self) -> list[str]:
        """List all keys, also those of which only earlier versions are left."""

    def open(self, key: str) -> Any:
        """Give the object as a binary stream for as long as the context lasts."""

    def put(self, key: str, path: Path) -> None:
        """Put a file there, whole or not at all, in place of what is there."""

    def delete(self, key: str) -> None:
        """Delete it, with every version that can be reached; a missing one is no error."""


def md5_of(key: str) -> str | None:
    """Return the md5 by which DVC knows an object; None for a file of another kind."""
    match = _OBJECT.search(key)
    return match[1] + match[2] if match else None


@dataclass(frozen=True)
class FolderStore:
    """The cache, or a remote that is a folder."""

    name: str
    folder: Path
    sees_versions: ClassVar[bool] = True

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.folder)

    def objects(self, prefix: str = "") -> dict[str, ObjectFacts]:
        """List size and time of each file."""
        states = {key: (self.folder / key).stat() for key in self._files(prefix)}
        return {key: ObjectFacts(state.st_size, state.st_mtime) for key, state in states.items()}

    def all_keys(self) -> list[str]:
        """List it."""
        return self._files("")

    def _files(self, prefix: str) -> list[str]:
        """List it; a cache that is not there yet is empty."""
        if not self.folder.is_dir() and self.name != "cache":
            raise StorageError(
                f"The folder of the remote {self.name} is not there",
                where=CONFIG.as_posix(),
                fix="mount it, or correct the remote's url",
            )
        walked = os.walk(self.folder / prefix)
        found = (Path(top) / name for top, _, names in walked for name in names)
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def open(self, key: str) -> Any:
        """Open the file itself."""
        return (self.folder / key).open("rb")

    def put(self, key: str, path: Path) -> None:
        """Copy it, under its name at the end only."""
        with whole_file(self.folder / key) as temporary:
            shutil.copyfile(path, temporary)

    def delete(self, key: str) -> None:
        """Unlink it."""
        (self.folder / key).unlink(missing_ok=True)


@contextmanager
def as_file(store: ObjectStore, key: str) -> Iterator[Path]:
    """Give an object as a file: that of a folder itself, another as a temporary copy."""
    if isinstance(store, FolderStore):
        yield store.folder / key
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        with store.open(key) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield path
