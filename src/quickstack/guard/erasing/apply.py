"""Erase what was found: correct the raw data, then delete every object that holds the subject."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from quickstack.data.privacy.pseudonym_keys import fingerprint
from quickstack.data.readers.s3_objects import delete_earlier
from quickstack.facts.errors import DataError, SourceError
from quickstack.facts.formats import LISTING
from quickstack.facts.paths import PIPELINE, RAW
from quickstack.facts.yaml_lines import read_yaml
from quickstack.guard.erasing.git_history import erase_unreachable
from quickstack.guard.erasing.ledger import Pending, begin, finish, interrupted
from quickstack.guard.erasing.row_removal import (
    UncorrectableError,
    pin_replaced,
    remove_rows,
    require_removable,
)
from quickstack.guard.erasing.search import CACHE, Findings, search
from quickstack.guard.erasing.subject import Subject
from quickstack.runtime.repository.restricted import add_restricted
from quickstack.runtime.storage.seaweedfs import KEY_PREFIX
from quickstack.runtime.storage.server import status
from quickstack.runtime.storage.volumes import compact
from quickstack.runtime.stores.folder_store import ObjectStore
from quickstack.runtime.stores.s3 import S3Store

#: Files in these folders can be deleted: they are temporary, or are made again.
_DISPOSABLE = (".dvc/tmp", ".quickstack")


@dataclass
class Erased:
    """What an erasure did.

    Attributes
    ----------
    rows
        Pieces taken out of each raw file here.
    added
        The `.dvc` files that name the corrected raw data.
    objects
        How many objects are gone, from all stores.
    left
        Objects on S3 that hold the subject, and that no raw data here list any more.
    remains
        What a search after it still finds.
    """

    rows: dict[str, int] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    objects: int = 0
    left: list[str] = field(default_factory=list)
    remains: Findings = field(default_factory=Findings)


def resume(root: Path, subject: Subject, key: bytes) -> None:
    """Pin objects on S3 that an interrupted erasure replaced; call it before the search."""
    before = interrupted(root, subject.mark(key))
    if before and before.replaced:
        for path in sorted((root / RAW).rglob(f"*{LISTING}")):
            pin_replaced(path, before.replaced)


def apply(
    root: Path,
    subject: Subject,
    findings: Findings,
    stores: Sequence[ObjectStore],
    key: bytes,
    *,
    kept: Mapping[str, str] = MappingProxyType({}),
    ignored: Path | None = None,
) -> Erased:
    """Erase the findings, and search again; call it again after an interruption.

    Nothing is touched before it is known that the raw data here can be corrected: without that the
    pipeline could not be run again.

    Parameters
    ----------
    kept
        What is not to be deleted: of a store, by its name, keys that begin so.
    ignored
        As of the search.

    Raises
    ------
    DataError
        Where the current raw data cannot be corrected here. Nothing was erased.
    StorageError
        Where a remote fails in the middle; call it again.
    """
    mark = subject.mark(key)
    trackers = _trackers(root, findings, subject)
    before = interrupted(root, mark)
    if not (before or set(findings.places) - {"git"} or findings.unreachable):
        return Erased(remains=findings)
    pending = begin(
        root,
        Pending(
            mark,
            tuple(found.name for found in findings.objects),
            tuple(findings.commits),
            tuple(name for name in findings.locations if name != "git"),
            tuple(sorted(trackers)),
        ),
    )
    done = Erased(objects=len(pending.objects))
    # Objects on S3 first: their owner may refuse.
    for name in sorted(findings.raw, key=lambda name: not name.endswith(LISTING)):
        table = subject.table([name])
        assert table is not None
        note = partial(_note_replaced, root, pending)
        done.rows[name] = remove_rows(root / name, table, subject, note)
    for tracked in pending.add:
        done.added.append(add_restricted(root, root / tracked).as_posix())
    # As long as the listings of earlier commits are there to name them.
    earlier = {part for found in findings.objects for part in found.pinned}
    done.left = sorted(part.shown for part in earlier if not delete_earlier(part))
    _delete(root, findings, stores, kept)
    erase_unreachable(root, findings.unreachable)
    for endpoint in _local_servers(root, stores):
        compact(endpoint)
    done.remains = search(root, subject, stores, ignored)
    remains = {**done.remains.places, **({"s3": len(done.left)} if done.left else {})}
    finish(root, pending, fingerprint(key), remains)
    return done


def _note_replaced(root: Path, pending: Pending, url: str, sha256: str) -> None:
    begin(root, replace(pending, replaced={url: sha256}))


def _delete(
    root: Path, findings: Findings, stores: Sequence[ObjectStore], kept: Mapping[str, str]
) -> None:
    by_name = {store.name: store for store in stores}
    # Remotes first: what is still in the cache tells an interrupted erasure what to go on with.
    for found in findings.objects:
        for name, there in sorted(found.stores, key=lambda copy: copy[0] == "cache"):
            if name not in kept or not there.startswith(kept[name]):
                by_name[name].delete(there)
    outputs = {path for found in findings.objects for path in found.paths}
    for name in findings.workspace:
        if name in outputs or name.startswith(_DISPOSABLE):
            (root / name).unlink(missing_ok=True)
    shutil.rmtree(root / CACHE, ignore_errors=True)


def _local_servers(root: Path, stores: Sequence[ObjectStore]) -> set[str]:
    """Return the addresses of our own S3 servers on this machine: deleted bytes stay in theirs."""
    settings = (store.remote.settings for store in stores if isinstance(store, S3Store))
    found = {
        str(each.get("endpointurl"))
        for each in settings
        if str(each.get("access_key_id")).startswith(KEY_PREFIX)
    }
    running = status(root)
    return found | ({running.endpoint} if running else set())


def _trackers(root: Path, findings: Findings, subject: Subject) -> set[str]:
    """Return what is to be versioned again, once every raw file here is known to be correctable."""
    found = set()
    made = _stage_outputs(root)
    odd = [name for name in findings.workspace if RAW in Path(name).parents]
    for name in (*findings.raw, *odd):
        _require_correctable(root, name, subject)
        parents = [name, *(parent.as_posix() for parent in Path(name).parents)]
        if stage := next((made[p] for p in parents if p in made), None):
            raise UncorrectableError(
                f"stage {stage} makes this raw file, and would make it again; nothing was erased",
                where=name,
                fix="correct what the stage makes it from, and run this again",
            )
        tracker = next((p for p in parents if (root / f"{p}.dvc").is_file()), None)
        if tracker is None:
            continue
        pointer = read_yaml((root / f"{tracker}.dvc").read_text(encoding="utf-8"))
        if pointer.get("deps"):
            raise UncorrectableError(
                "this raw file is an import, and the next update would bring the subject back; "
                "nothing was erased",
                where=f"{tracker}.dvc",
                fix="let its owner correct it, `dvc update` it, and run this again",
            )
        found.add(tracker)
    for item in findings.objects:
        for name in item.paths:
            if RAW not in Path(name).parents:
                continue
            tracked = [name, *(parent.as_posix() for parent in Path(name).parents)]
            if any((root / f"{p}.dvc").is_file() and not (root / p).exists() for p in tracked):
                raise DataError(
                    "these raw data hold the subject, and are not here to be corrected; nothing "
                    "was erased",
                    where=name,
                    fix="run `dvc pull` first",
                )
    return found


def _require_correctable(root: Path, name: str, subject: Subject) -> None:
    what, fix = "", "correct the file by hand, `quickstack add` it, and run this again"
    table = subject.table([name])
    if table is not None:
        try:
            return require_removable(root / name, table, subject)
        except (SourceError, UncorrectableError) as error:
            what, fix = f": {error.what}", f"{error.fix or fix}"
    raise UncorrectableError(
        "this raw file holds the subject, and its rows cannot be taken out here; nothing was "
        f"erased{what}",
        where=name,
        fix=fix,
    )


def _stage_outputs(root: Path) -> dict[str, str]:
    """Return the stage that makes each output."""
    path = root / PIPELINE
    stages = read_yaml(path.read_text(encoding="utf-8"))["stages"] if path.is_file() else {}
    found = {}
    for name, stage in (stages or {}).items():
        for out in stage.get("do", stage).get("outs", ()):
            found[out if isinstance(out, str) else next(iter(out))] = name
    return found
