"""Remember what each file gave, so that a file that did not change is not ingested again.

The cache is no output: cold and warm, the results have the same bytes. It lies in `.quickstack/`,
which git ignores and no push takes, since it holds quarantined rows; it may be removed at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import quickstack
from quickstack.data.ingesting.outcome import Outcome
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.streams import content_digest

#: What is not used for so long is forgotten, in seconds.
_KEPT = 14 * 86_400
_STATE = "state"
_KEY_BYTES = 32
#: What decides what becomes of a row; the rest of the library only calls it.
_ROOMS = ("facts", "data/interim", "data/readers", "data/quality", "data/privacy", "data/ingesting")


def cache_folder(dataset: str) -> Path:
    """Return where a data set's cache lies: beside the nearest `.quickstack`, or here.

    An experiment runs in a copy of the repository inside `.dvc/tmp`, and shares the cache.
    """
    here = Path.cwd()
    found = [f / ".quickstack" for f in (here, *here.parents) if (f / ".quickstack").is_dir()]
    return (found[0] if found else Path(".quickstack")) / "cache" / dataset


def code_digest(lock: Path | None = Path("requirements.txt")) -> str:
    """Return a digest of the code that ingests, and of the packages it is locked to."""
    digest = _own_code().copy()
    digest.update(lock.read_bytes() if lock is not None and lock.is_file() else b"")
    return digest.hexdigest()


@cache
def _own_code() -> hashlib.blake2b:
    """Hash the code that ingests, once: a process runs what it has loaded."""
    root = Path(quickstack.__file__).resolve().parent
    files = [path for room in _ROOMS for path in sorted((root / room).rglob("*.py"))]
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest


def _state(outcome: Outcome) -> str:
    """Return what changes when somebody writes to the clean rows: interim holds the same file."""
    state = outcome.clean.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


@dataclass
class ResultCache:
    """The results of earlier runs, each in a folder named for all that it depends on.

    Attributes
    ----------
    folder
        Where they lie.
    base
        What all files of this run have in common: contract, code, key, parameters.
    """

    folder: Path
    base: str
    _digests: dict[str, list[object]] = field(default_factory=dict)
    _key: bytes = b""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".*.tmp"):
            shutil.rmtree(left, ignore_errors=True)
        self._key = self._random()
        try:
            self._digests = json.loads(self._index.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._digests = {}

    def name(self, partition: Partition, *more: str) -> str:
        """Return the name of the result of one file, from its content and all else it needs."""
        parts = (self.base, partition.shown, self.content(partition), *more)
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    def recall(self, name: str) -> Outcome | None:
        """Return a result that is known, None otherwise."""
        folder = self.folder / name
        try:
            outcome = Outcome.load(folder)
            if (folder / _STATE).read_text(encoding="utf-8") != _state(outcome):
                return None
            os.utime(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return outcome

    def make(self, name: str, work: Callable[[Path], Outcome]) -> Outcome:
        """Let `work` fill a folder, which becomes the result of that name when all went well."""
        temporary = self.folder / f".{name}.{os.getpid()}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            (temporary / _STATE).write_text(_state(work(temporary)), encoding="utf-8")
            shutil.rmtree(self.folder / name, ignore_errors=True)
            os.replace(temporary, self.folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Outcome.load(self.folder / name)

    def tidy(self) -> None:
        """Forget what was not used for long, and keep the digests of files for the next run."""
        oldest = time.time() - _KEPT
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.stat().st_mtime < oldest:
                shutil.rmtree(entry, ignore_errors=True)
        temporary = self._index.with_name(f".{self._index.name}.{os.getpid()}")
        temporary.write_text(json.dumps(self._digests), encoding="utf-8")
        os.replace(temporary, self._index)

    def _random(self) -> bytes:
        """Return the key of the digests, which stays in the folder; other digests are forgotten."""
        place = self.folder / "digests.key"
        try:
            key = place.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) != _KEY_BYTES:
            self._index.unlink(missing_ok=True)
            key = secrets.token_bytes(_KEY_BYTES)
            temporary = place.with_name(f".{place.name}.{os.getpid()}")
            temporary.write_bytes(key)
            os.replace(temporary, place)
        return key

    @property
    def _index(self) -> Path:
        return self.folder / "index.json"

    def content(self, partition: Partition) -> str:
        """Return the digest of a file's bytes; those of an untouched file are not read again."""
        if partition.url is not None:
            return content_digest(partition, self._key)
        state = partition.path.stat()
        known = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        shown = os.path.abspath(partition.path)  # noqa: PTH100 - ten times as fast as resolve()
        entry = self._digests.get(shown, [])
        if entry[:-1] != known:
            entry = [*known, content_digest(partition, self._key)]
            self._digests[shown] = entry
        return str(entry[-1])
