"""Find everything that holds the subject: objects, files of the workspace, git's own history."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quickstack.data.readers.partitions import Partition
from quickstack.data.unpacking.buffers import from_file
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS, LISTING
from quickstack.facts.paths import QUARANTINE, RAW
from quickstack.guard.erasing.content import Finder
from quickstack.guard.erasing.git_history import History, read_blobs, read_history
from quickstack.guard.erasing.row_removal import holding
from quickstack.guard.erasing.subject import Subject
from quickstack.runtime.stores.folder_store import ObjectStore, as_file, md5_of
from quickstack.runtime.stores.remotes import RESTRICTED

CACHE = Path(".quickstack/cache")
#: Not the subject's, or looked at elsewhere. Keys are never data.
_LEFT_OUT = {
    ".git", ".dvc/cache", ".venv", ".quickstack/keys", ".quickstack/cache", ".mypy_cache",
    ".ruff_cache", ".pytest_cache",
}  # fmt: skip


@dataclass(frozen=True)
class HoldingObject:
    """One object, or file without a name in DVC, that holds the subject.

    Attributes
    ----------
    name
        Its md5, or its key without one.
    paths
        Where it lies or lay in the repository.
    stores
        (store, key) of each copy.
    commits
        Those that name it.
    pinned
        Objects on S3 with rows of the subject that it lists, where it is such a listing.
    """

    name: str
    paths: tuple[str, ...]
    stores: tuple[tuple[str, str], ...]
    commits: tuple[str, ...]
    pinned: tuple[Partition, ...] = ()


@dataclass
class Findings:
    """What a search found.

    Attributes
    ----------
    objects
        In cache and remotes.
    workspace
        Files here; `raw` those of them whose rows must go.
    history
        (path, commits) of what only a rewritten history would lose.
    unread
        Contents that could not be opened and were looked at as bytes only.
    """

    objects: list[HoldingObject] = field(default_factory=list)
    workspace: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    history: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    unread: int = 0

    @property
    def locations(self) -> list[str]:
        """The names of all stores that hold something, and `workspace` and `git`."""
        names = {store for found in self.objects for store, _ in found.stores}
        if self.workspace or self.raw:
            names.add("workspace")
        return sorted(names | ({"git"} if self.history else set()))

    @property
    def commits(self) -> set[str]:
        """All commits that name or hold something."""
        named = {commit for found in self.objects for commit in found.commits}
        return named | {commit for _, commits in self.history for commit in commits}


def search(
    root: Path, subject: Subject, stores: Iterable[ObjectStore], ignored: Path | None = None
) -> Findings:
    """Look through cache, remotes, workspace and history.

    Parameters
    ----------
    ignored
        A file to leave out: the one that names the subject.

    Raises
    ------
    StorageError
        Where a remote cannot be reached.
    """
    copies: dict[str, list[tuple[ObjectStore, str]]] = defaultdict(list)
    for store in stores:
        for key in store.all_keys():
            copies[md5_of(key) or key].append((store, key))

    def listing(md5: str) -> bytes | None:
        for store, key in copies.get(md5, ())[:1]:
            with store.open(key) as stream:
                return bytes(stream.read())
        return None

    history = read_history(root, listing)
    files = [f for f in _files(root) if ignored is None or not (root / f).samefile(ignored)]

    def paths_of(name: str) -> list[str]:
        return sorted(history.paths.get(name, ()))

    # Raw data first: they say how else the person is spelled, and so which pseudonyms are theirs.
    spellings: set[str] = set()
    finder = Finder(subject)
    held: dict[str, tuple[bool, tuple[Partition, ...]]] = {}
    for file in files:
        if subject.table([file]) is not None:
            held[file] = _in_rows(root / file, [file], subject, finder, spellings)
    for name in sorted(copies):
        if (paths := paths_of(name)) and subject.table(paths) is not None:
            with as_file(*copies[name][0]) as path:
                held[name] = _in_rows(path, paths, subject, finder, spellings)
    unread, finder = finder.unread, Finder(subject.spelled(spellings))
    findings = Findings()
    for name in sorted(copies):
        paths = paths_of(name)
        private = any(_private(path) for path in paths) or any(
            store.name == RESTRICTED for store, _ in copies[name]
        )
        raw = private or (not paths and subject.distinctive)
        if name not in held:
            # The first copy serves for all: DVC names objects by their content.
            with as_file(*copies[name][0]) as path:
                held[name] = _in_bytes(path, finder, raw=raw), ()
        if held[name][0]:
            found = HoldingObject(
                name,
                tuple(paths),
                tuple((store.name, key) for store, key in copies[name]),
                tuple(history.commits.get(name, ())),
                held[name][1],
            )
            findings.objects.append(found)
    for file in files:
        if file not in held:
            raw = _private(file) or subject.distinctive
            held[file] = _in_bytes(root / file, finder, raw=raw), ()
        if held[file][0]:
            is_raw = subject.table([file]) is not None and RAW in Path(file).parents
            (findings.raw if is_raw else findings.workspace).append(file)
    findings.history = _in_git(root, subject, finder, history)
    findings.unread = unread + finder.unread
    return findings


def _private(path: str) -> bool:
    return any(inner in Path(path).parents for inner in (RAW, QUARANTINE))


def _in_bytes(path: Path, finder: Finder, *, raw: bool) -> bool:
    try:
        return finder.finds(from_file(path), raw=raw)
    except FileNotFoundError:  # a broken link, or removed meanwhile
        return False


def _in_rows(
    path: Path, names: list[str], subject: Subject, finder: Finder, spellings: set[str]
) -> tuple[bool, tuple[Partition, ...]]:
    """Return whether a source file holds the subject, and the objects on S3 by which it does.

    The rows decide: a value may stand in other rows for other reasons.
    """
    table = subject.table(names)
    assert table is not None
    name = next(name for name in names if table.holds(name))
    try:
        try:
            parts = holding(path, name, table, subject, spellings)
            found, pinned = bool(parts), tuple(part for part in parts if part.url is not None)
        except SourceError:
            found, pinned = finder.finds(from_file(path), raw=True), ()
            finder.unread += name.endswith(LISTING)
        # Beside its rows a workbook has other sheets, comments and links.
        container = FORMATS[table.contract.source.format].container
        if container and subject.distinctive and not found:
            found = finder.finds(from_file(path), raw=True)
    except FileNotFoundError:  # a broken link, or removed meanwhile
        return False, ()
    return found, pinned


def _files(root: Path) -> Iterator[str]:
    for top, folders, names in os.walk(root):
        here = Path(top).relative_to(root)
        folders[:] = sorted(f for f in folders if (here / f).as_posix() not in _LEFT_OUT)
        for name in sorted(names):
            if (root / here / name).is_file():
                yield (here / name).as_posix()


def _in_git(
    root: Path, subject: Subject, finder: Finder, history: History
) -> list[tuple[str, tuple[str, ...]]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for blob, content in read_blobs(root, history.blobs):
        if finder.finds(content, raw=subject.distinctive):
            for commit, path in history.blobs[blob]:
                found[path][commit] = None
    for commit, message in history.messages.items():
        if finder.in_text(message, raw=subject.distinctive):
            found["(author or message)"][commit] = None
    return [(path, tuple(commits)) for path, commits in sorted(found.items())]
