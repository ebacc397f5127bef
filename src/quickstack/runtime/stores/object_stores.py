"""Where DVC keeps objects: its cache, and every remote by the file system that DVC has for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, TypeVar, cast

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.diagnosis import (
    ACCESS,
    ENDPOINT,
    Diagnosis,
    StoreError,
    diagnose,
    endpoint_name,
    patience,
)
from quickstack.runtime.stores.folder_store import FolderStore, ObjectFacts, ObjectStore
from quickstack.runtime.stores.remotes import (
    CONFIG,
    Remote,
    cache_folder,
    read_remote,
    remote_names,
)
from quickstack.runtime.stores.s3 import S3Store

T = TypeVar("T")

#: The write policy of configuration/aws/ lets this folder's objects be deleted, and no others; it
#: stands in buckets of teams, hence its name stays.
PROBE = ".quickstack-probe"
#: For so many seconds a server that was silent is not asked again, whatever bucket is next.
_REMEMBERED = 15.0
_silent: dict[str, tuple[float, Diagnosis]] = {}


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
    """Return one remote; StorageError where there is none, it is silent, or of no such kind."""
    remote = read_remote(root, name)
    if remote.settings.get("version_aware") or remote.settings.get("worktree"):
        raise StorageError(
            f"The remote {name} is one that keeps files by name: it cannot be searched here",
            where=CONFIG.as_posix(),
            fix="look into it with its own tools, or take it out of the configuration",
        )
    require_answer(remote)
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


def require_answer(remote: Remote, seconds: float | None = None) -> None:
    """Ask a remote for one object, before anything that would wait long for it.

    Parameters
    ----------
    seconds
        How long it may take, by default `patience`; whoever gives it asks also a silent server.

    Raises
    ------
    StorageError
        Where it does not answer in time, or not as it should. Not to be allowed to list it is no
        reason: one may be allowed the rest.
    """
    if not remote.scheme:  # a folder
        return
    try:
        first_keys(remote, seconds)
    except StoreError as error:
        if error.check != ACCESS:
            raise


def first_keys(remote: Remote, seconds: float | None = None) -> list[str]:
    """List few objects, within seconds."""
    server = endpoint_name(remote) if remote.scheme == "s3" else remote.address
    until, known = _silent.get(server, (0.0, None))
    if known is not None and seconds is None and time.monotonic() < until:
        raise known.error(remote)
    store = S3Store(remote, seconds=seconds) if remote.scheme == "s3" else open_store(remote)
    try:
        # A connection that times out is to say so itself.
        return within((seconds or patience()) + 0.2, lambda: _some_keys(store))
    except TimeoutError as error:
        found = diagnose(error, remote)
    except StoreError as error:
        if error.check != ENDPOINT:
            raise
        found = Diagnosis(error.check, error.what, error.fix or "")
    _silent[server] = time.monotonic() + _REMEMBERED, found
    raise found.error(remote)


def _some_keys(store: ObjectStore) -> list[str]:
    return store.some_keys() if isinstance(store, S3Store) else list(store.objects(f"{PROBE}/"))


def within(seconds: float, call: Callable[[], T]) -> T:
    """Call in a thread that is left behind when it takes too long: TimeoutError."""
    answers: Queue[tuple[T | None, Exception | None]] = Queue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:  # handed over to the caller's thread
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast(T, answer)
