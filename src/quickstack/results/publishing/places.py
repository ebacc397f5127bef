"""The places where this clone published, so that erasing finds them again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.published_runs import read_state, run_path
from quickstack.results.publishing.publisher import WORK
from quickstack.results.publishing.readers_place import REMOTE, BucketPlace, reach_place
from quickstack.runtime.stores.folder_store import FolderStore, ObjectStore
from quickstack.runtime.stores.remotes import remote_names
from quickstack.runtime.stores.s3 import S3Store

_NOTES = WORK / "places"


def remember(root: Path, address: str) -> None:
    """Note a place that a run goes to."""
    noted = _noted(root)
    if address not in noted:
        (root / _NOTES).parent.mkdir(parents=True, exist_ok=True)
        (root / _NOTES).write_text("\n".join([*noted, address]) + "\n", encoding="utf-8")


def published_stores(
    root: Path, known: Iterable[ObjectStore]
) -> tuple[list[ObjectStore], dict[str, str]]:
    """Return the places that are no known stores, and where in each the run lies that readers see.

    Raises
    ------
    StorageError
        Where a place cannot be reached: none may be left out.
    """
    by_address = {store.address: store for store in known}
    found: list[ObjectStore] = []
    in_use: dict[str, str] = {}
    default = [None] if REMOTE in remote_names(root) else []
    for text in (*default, *_noted(root)):
        place = reach_place(root, text)
        if isinstance(place, BucketPlace):  # a dead server is to be told within seconds
            place.store = S3Store(place.store.remote)
        store = by_address.get(place.shown)
        if store is None:
            store = place.store if isinstance(place, BucketPlace) else _folder(place.shown)
            by_address[place.shown] = store
            found.append(store)
        if run := read_state(place).run:
            in_use[store.name] = run_path(run)
    return found, in_use


def _folder(path: str) -> FolderStore:
    if not Path(path).is_dir():
        raise StorageError(
            "this folder, to which was published, is not there",
            where=path,
            fix=f"mount it; where it is gone for good, take its line out of {_NOTES.as_posix()}",
        )
    return FolderStore(path, Path(path))


def _noted(root: Path) -> list[str]:
    path = root / _NOTES
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
