"""The objects in DVC's shared remotes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from quickstack.data.unpacking.buffers import Budget, Buffer, collect, from_file
from quickstack.data.unpacking.unpack import EXPANDED
from quickstack.guard.scanning.cache_objects import ObjectOrigins
from quickstack.guard.scanning.workspace_files import Item
from quickstack.runtime.stores.folder_store import FolderStore, ObjectStore
from quickstack.runtime.stores.object_stores import open_store, require_answer
from quickstack.runtime.stores.remotes import read_remote


def remote_items(root: Path, name: str, objects: ObjectOrigins) -> Iterator[Item]:
    """Yield the objects of a remote.

    Raises
    ------
    StorageError
        Where it cannot be listed or read.
    """
    remote = read_remote(root, name)
    require_answer(remote)
    return store_items(open_store(remote), f"remote {name}", objects)


def store_items(store: ObjectStore, kind: str, objects: ObjectOrigins) -> Iterator[Item]:
    """Yield the objects of a store.

    Raises
    ------
    StorageError
        Where it cannot be listed or read.
    """
    for key, facts in store.objects().items():
        read = partial(_read, store, key)
        yield Item(kind, _shown(key, objects), read, facts.md5)


def _shown(key: str, objects: ObjectOrigins) -> str:
    origin = objects.origin("".join(key.split("/")[-2:]).split(".")[0])
    return f"{key} ({origin})" if origin else key


def _read(store: ObjectStore, key: str) -> Buffer:
    if isinstance(store, FolderStore):
        return from_file(store.folder / key)
    with store.open(key) as stream:
        content, damage = collect(stream.read, Budget(EXPANDED))
    if damage:
        raise OSError("the object could not be read whole")
    return content
