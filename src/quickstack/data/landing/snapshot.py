"""Where a landing lies, and how it takes the place of the one before: whole or not at all.

Everything is made in `data/raw/.landing/<dataset>/<name>/`, outside the folder that DVC versions.
A journal then lists what is to be moved into place; should the moves be cut short, the next
landing finishes them. So files and their record always agree.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quickstack.data.landing.landing_progress import readable
from quickstack.facts.errors import QuickstackError, SourceError
from quickstack.facts.files import write_json
from quickstack.facts.formats import LANDING_RECORD
from quickstack.facts.paths import RAW
from quickstack.runtime.stores.locking import process_lock

STAGING = RAW / ".landing"
#: What a broken-off transfer leaves to be continued; all else in the staging folder is rubbish.
PART_SUFFIX = ".part"
# No landing can have these names.
_JOURNAL, _LOCK = ".journal.json", ".lock"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Landing:
    """The folder of a data set, and the name of one of its landings."""

    root: Path
    dataset: str
    name: str

    @property
    def folder(self) -> Path:
        """Where the data arrive."""
        return self.root / RAW / self.dataset

    @property
    def staging(self) -> Path:
        """Where they are made."""
        return self.root / STAGING / self.dataset / self.name

    @property
    def record(self) -> Path:
        """What was landed: source, time, rows, bytes, SHA-256."""
        return self.folder / f"{self.name}{LANDING_RECORD}"

    def shown(self, path: Path) -> Path:
        """Return a path as messages name it: relative to the repository."""
        return path.relative_to(self.root)


@contextmanager
def opened(root: Path, dataset: str, name: str) -> Iterator[Landing]:
    """Give the place of a landing to one process at a time, tidied up and with full disks told.

    Raises
    ------
    SourceError
        Where a name cannot be one of a file, another landing of that name runs, or the disk is
        full; what lay there before is then untouched.
    """
    for kind, text in (("data set", dataset), ("landing", name)):
        if not _NAME.fullmatch(text):
            raise SourceError(
                f"the name of the {kind} can be no name of a file",
                fix="use letters, digits, dots, hyphens and underscores",
            )
    landing = Landing(root, dataset, name)
    with _room_told(landing), process_lock(landing.staging / _LOCK, _busy(landing)):
        _finish_moves(landing)
        _tidy(landing)
        try:
            yield landing
        finally:
            _tidy(landing)


def _tidy(landing: Landing) -> None:
    for path in landing.staging.iterdir():
        if PART_SUFFIX not in path.name and path.name not in (_LOCK, _JOURNAL):
            path.unlink()


def read_record(landing: Landing, kind: str) -> dict[str, Any] | None:
    """Return the record of the landing before; None at the first.

    Raises
    ------
    SourceError
        Where it cannot be read, or the name belongs to a landing of another kind.
    """
    where = landing.shown(landing.record).as_posix()
    try:
        record = json.loads(landing.record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("files"), list):
        raise SourceError(
            "this is not a record of a landing",
            where=where,
            fix="get it back with `dvc checkout`, or land under another --name",
        )
    if record.get("kind") != kind:
        raise SourceError(
            f"this name belongs to data that came by `land {record.get('kind')}`",
            where=where,
            fix="land under another --name",
        )
    return record


def put_in_place(
    landing: Landing,
    record: dict[str, Any],
    moves: dict[str, str],
    removed: Iterable[str] = (),
) -> None:
    """Move staged files and their record into place, as one step.

    Parameters
    ----------
    record
        What the record will say.
    moves
        Name in the staging folder to name in the data set's folder.
    removed
        Names in the data set's folder that go away.

    Raises
    ------
    SourceError
        Where a file that no landing made is in the way.
    """
    before = read_record(landing, record["kind"])
    known = {file["file"] for file in before["files"]} if before else set()
    for target in moves.values():
        if target not in known and (landing.folder / target).exists():
            raise SourceError(
                "this file is in the way, and no record names it",
                where=landing.shown(landing.folder / target).as_posix(),
                fix="move it away, or land under another --name",
            )
    journal = {"record": record, "moves": moves, "removed": list(removed)}
    write_json(landing.staging / _JOURNAL, journal)
    _finish_moves(landing)


def _finish_moves(landing: Landing) -> None:
    journal = landing.staging / _JOURNAL
    if not journal.exists():
        return
    todo = json.loads(journal.read_text(encoding="utf-8"))
    for source, target in todo["moves"].items():
        if (landing.staging / source).exists():
            (landing.folder / target).parent.mkdir(parents=True, exist_ok=True)
            os.replace(landing.staging / source, landing.folder / target)
    for name in todo["removed"]:
        (landing.folder / name).unlink(missing_ok=True)
    write_json(landing.record, todo["record"])
    journal.unlink()


def described(path: Path, name: str, **more: Any) -> dict[str, Any]:
    """Return what a record says of a file: its name, bytes, SHA-256, time in UTC, and `more`."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    size = path.stat().st_size
    return {"file": name, **more, "bytes": size, "sha256": digest, "landed_at": now}


def stands(landing: Landing, file: dict[str, Any]) -> bool:
    """Return whether a file of the record is still there, by its size."""
    path = landing.folder / file["file"]
    return path.is_file() and path.stat().st_size == file["bytes"]


def check_room(landing: Landing, needed: int) -> None:
    """Refuse before the transfer what the disk cannot hold."""
    free = shutil.disk_usage(landing.staging).free
    if needed > free:
        raise SourceError(
            f"{readable(needed)} would arrive, and {readable(free)} are free",
            where=landing.shown(landing.folder).as_posix(),
            fix="free space on that disk",
        )


@contextmanager
def _room_told(landing: Landing) -> Iterator[None]:
    try:
        yield
    except QuickstackError:
        raise
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise SourceError(
            "there is no room left for the data; what was there before is untouched",
            where=landing.shown(landing.folder).as_posix(),
            fix="free space on that disk, and land again",
        ) from None


def _busy(landing: Landing) -> SourceError:
    return SourceError(
        "another landing of this name is running",
        where=landing.shown(landing.record).as_posix(),
        fix="wait for it to end",
    )
