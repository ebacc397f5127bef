"""Where DVC keeps objects: its cache, and every remote by the file system that DVC has for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.diagnosis import diagnose
from quickstack.runtime.stores.folder_store import FolderStore, ObjectFacts, ObjectStore
from quickstack.runtime.stores.remotes import (
    CONFIG,
    Remote,
    cache_folder,
    read_remote,
    remote_names,
)
from quickstack.runtime.stores.s3 import S3Store


class FileSystemStore:
    """A remote in Google Cloud Storage, Azure or whatever else DVC has a package for.

    Raises
    ------
    StorageError
        Where that package is not installed.
    """

    sees_versions = False

    def __init__(self, remote: Remote) -> None:
        self.remote, self.name = remote, remote.name
        with self._diagnosed("use"):
            from dvc.fs import get_cloud_fs

            kind, settings, self._root = get_cloud_fs(None, **remote.settings)
            self._fs = kind(**settings).fs

    @property
    def address(self) -> str:
        """Its url."""
        return self.remote.address

    def all_keys(self) -> list[str]:
        """List it; earlier versions, where the store keeps some, are not seen."""
        return list(self.objects())

    def objects(self, prefix: str = "") -> dict[str, ObjectFacts]:
        """List size and time of each object, by key, in order."""
        with self._diagnosed("list"):
            self._fs.invalidate_cache()
            found = self._fs.find(self._path(prefix), detail=True)
        start = len(self._path(""))
        # Some servers list the folder itself.
        keys = {path[start:]: info for path, info in sorted(found.items())}
        return {key: _facts(info) for key, info in keys.items() if key and not key.endswith("/")}

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Give the bytes of an object as a stream, once all have arrived."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            with self._diagnosed("read"):
                self._fs.get_file(self._path(key), str(path))
            with path.open("rb") as stream:
                yield stream

    def put(self, key: str, path: Path) -> None:
        """Upload it."""
        with self._diagnosed("write to"):
            self._fs.put_file(str(path), self._path(key))

    def delete(self, key: str) -> None:
        """Delete it, but no earlier version that the store may keep."""
        with self._diagnosed("delete in"):
            if self._fs.exists(self._path(key)):
                self._fs.rm_file(self._path(key))

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"

    @contextmanager
    def _diagnosed(self, action: str) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except Exception as error:  # each file system has exceptions of its own
            raise diagnose(error, self.remote, action=action).error(self.remote) from None


def _facts(info: dict[str, Any]) -> ObjectFacts:
    times = (info.get(name) for name in ("mtime", "LastModified", "last_modified", "updated"))
    changed = next((time for time in times if time), 0.0)
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    if isinstance(changed, datetime):
        changed = changed.timestamp()
    return ObjectFacts(int(info.get("size") or 0), float(changed))


def all_stores(root: Path) -> list[ObjectStore]:
    """Return the cache and every remote.

    Raises
    ------
    StorageError
        Where one cannot be searched here: nothing may be left out.
    """
    cache: ObjectStore = FolderStore("cache", cache_folder(root))
    return [cache, *(remote_store(root, name) for name in remote_names(root))]


def remote_store(root: Path, name: str) -> ObjectStore:
    """Return one remote; StorageError where there is none, or it cannot be searched here."""
    remote = read_remote(root, name)
    if remote.settings.get("version_aware") or remote.settings.get("worktree"):
        raise StorageError(
            f"The remote {name} is one that keeps files by name: it cannot be searched here",
            where=CONFIG.as_posix(),
            fix="look into it with its own tools, or take it out of the configuration",
        )
    return open_store(remote)


def open_store(remote: Remote) -> ObjectStore:
    """Return a remote as a store of objects.

    Raises
    ------
    StorageError
        Where its settings cannot be, or DVC's package for it is not installed.
    """
    match remote.scheme:
        case "":
            return FolderStore(remote.name, Path(remote.settings["url"]))
        case "s3":
            return S3Store(remote)
        case _:
            return FileSystemStore(remote)
