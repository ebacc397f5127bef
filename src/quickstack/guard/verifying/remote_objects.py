"""The remotes and the cache, as verification asks them for objects."""

from __future__ import annotations

import hashlib
from pathlib import Path

from quickstack.facts.errors import StorageError
from quickstack.guard.verifying.dvc_hashes import file_md5
from quickstack.guard.verifying.status_line import step
from quickstack.runtime.repository.needed_objects import Need
from quickstack.runtime.stores.folder_store import ObjectFacts, ObjectStore
from quickstack.runtime.stores.object_stores import remote_store
from quickstack.runtime.stores.remotes import SHARED, cache_folder, dvc_config


class Remotes:
    """The remotes, each listed once, and this repository's cache."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root, cache_folder(root)
        self._stores: dict[str, ObjectStore] = {}
        self._facts: dict[str, dict[str, ObjectFacts]] = {}

    def store(self, name: str) -> ObjectStore:
        """Return a remote."""
        if name not in self._stores:
            self._stores[name] = remote_store(self.root, name)
        return self._stores[name]

    def facts(self, name: str) -> dict[str, ObjectFacts]:
        """Return what a remote lists."""
        if name not in self._facts:
            step(f"listing {name}")
            self._facts[name] = self.store(name).objects()
        return self._facts[name]

    def default(self) -> str:
        """Return the remote of outputs that name none."""
        return str(dvc_config(self.root)["core"].get("remote", SHARED))

    def cached(self, need: Need) -> Path | None:
        """Return the object in the cache, where its content is right."""
        path = self.cache / need.key
        return path if path.is_file() and file_md5(path) == bare_md5(need) else None

    def listing(self, need: Need) -> bytes | None:
        """Return a folder's listing from the cache, else from its remote."""
        if path := self.cached(need):
            return path.read_bytes()
        try:
            if need.key not in self.facts(need.remote):
                return None
            with self.store(need.remote).file(need.key) as file:
                content: bytes = file.read_bytes()
        except StorageError:
            return None
        right = hashlib.md5(content, usedforsecurity=False).hexdigest() == bare_md5(need)
        return content if right else None


def bare_md5(need: Need) -> str:
    """Return the md5 of an object's content, without the mark of a folder's listing."""
    return need.md5.removesuffix(".dir")
