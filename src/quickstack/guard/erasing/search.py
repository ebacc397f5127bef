"""Find everything that holds the subject: objects, files of the workspace, git's own history."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from quickstack.data.readers.partitions import Partition
from quickstack.data.unpacking.buffers import from_file
from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS, LISTING
from quickstack.facts.paths import QUARANTINE, RAW
from quickstack.guard.erasing.content import Finder
from quickstack.guard.erasing.git_history import History, read_history, unreachable
from quickstack.guard.erasing.row_removal import holding
from quickstack.guard.erasing.subject import Subject
from quickstack.guard.scanning.git_objects import git_items
from quickstack.runtime.storage.volumes import contents
from quickstack.runtime.stores.folder_store import ObjectStore, as_file, md5_of
from quickstack.runtime.stores.remotes import RESTRICTED

CACHE = Path(".quickstack/cache")
Copies = dict[str, list[tuple[ObjectStore, str]]]
#: Not the subject's, or looked at elsewhere. Keys are never data.
_LEFT_OUT = {
    ".git", ".dvc/cache", ".venv", ".quickstack/keys", ".quickstack/cache", ".quickstack/storage",
    ".mypy_cache", ".ruff_cache", ".pytest_cache",
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
    unreachable
        Git's objects in no commit, and its own files such as `.git/COMMIT_EDITMSG`.
    volumes
        Files of the local S3 server that hold what was deleted there.
    unread, unopened
        How many contents could not be opened and were looked at as bytes only, and their names.
    sources
        By which ref or reflog each commit was found.
    """

    objects: list[HoldingObject] = field(default_factory=list)
    workspace: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    history: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    unread: int = 0
    unopened: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, int]:
        """How much each store, `workspace`, `git` and `local server` holds, without empty ones."""
        counts = Counter(store for found in self.objects for store, _ in found.stores)
        counts["workspace"] += len(self.workspace) + len(self.raw)
        counts["git"] += len(self.history) + len(self.unreachable)
        counts["local server"] += len(self.volumes)
        return dict(sorted((+counts).items()))

    @property
    def locations(self) -> list[str]:
        """The names of the places."""
        return list(self.places)

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
    copies = _copies(stores)
    history = read_history(root, partial(_content, copies))
    paths = {name: sorted(history.paths.get(name, ())) for name in sorted(copies)}
    files = [f for f in _files(root) if ignored is None or not (root / f).samefile(ignored)]
    rows = _Rows(subject)
    in_rows = {f: rows.held(root / f, [f]) for f in files if subject.table([f]) is not None}
    for name, names in paths.items():
        if names and subject.table(names) is not None:
            with as_file(*copies[name][0]) as path:
                in_rows[name] = rows.held(path, names)
    # They say how else the person is spelled, and so which pseudonyms are theirs.
    person = subject.spelled(rows.spellings)
    finder, found = Finder(person), Findings()
    for name, names in paths.items():
        held, pinned = in_rows.get(name) or (_in_object(names, copies[name], finder), ())
        if held:
            there = tuple((store.name, key) for store, key in copies[name])
            commits = tuple(history.commits.get(name, ()))
            found.objects.append(HoldingObject(name, tuple(names), there, commits, pinned))
    for file in files:
        raw = _private(file) or finder.distinctive
        if in_rows[file][0] if file in in_rows else _in_bytes(root / file, finder, file, raw=raw):
            is_raw = file in in_rows and RAW in Path(file).parents
            (found.raw if is_raw else found.workspace).append(file)
    found.history, found.unreachable = _in_git(root, finder, history)
    found.sources = history.sources
    found.volumes = _in_volumes(root, person)
    found.unread = rows.unread + finder.unread
    found.unopened = sorted({*rows.unopened, *finder.unopened})
    return found


def _copies(stores: Iterable[ObjectStore]) -> Copies:
    """Return where each object lies, by md5; what DVC does not name so is one of its store."""
    copies: Copies = defaultdict(list)
    for store in stores:
        for key in store.all_keys():
            copies[md5_of(key) or f"{key} of {store.name}"].append((store, key))
    return copies


def _content(copies: Copies, name: str) -> bytes | None:
    for store, key in copies.get(name, ())[:1]:
        with store.open(key) as stream:
            return bytes(stream.read())
    return None


def _private(path: str) -> bool:
    return any(inner in Path(path).parents for inner in (RAW, QUARANTINE))


def _in_object(paths: list[str], copies: list[tuple[ObjectStore, str]], finder: Finder) -> bool:
    private = any(map(_private, paths)) or RESTRICTED in (store.name for store, _ in copies)
    raw = private or (not paths and finder.distinctive)
    # The first copy serves for all: DVC names objects by their content.
    with as_file(*copies[0]) as path:
        return _in_bytes(path, finder, f"{copies[0][1]} of {copies[0][0].name}", raw=raw)


def _in_bytes(path: Path, finder: Finder, name: str, *, raw: bool) -> bool:
    try:
        return finder.finds(from_file(path), raw=raw, name=name)
    except FileNotFoundError:  # a broken link, or removed meanwhile
        return False


class _Rows:
    """Looks for the subject in source files.

    The rows decide: a value may stand in other rows for other reasons.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject, self._finder = subject, Finder(subject)
        self.spellings: set[str] = set()
        self._unreadable = 0
        self.unopened = self._finder.unopened

    @property
    def unread(self) -> int:
        """As of a finder."""
        return self._unreadable + self._finder.unread

    def held(self, path: Path, names: list[str]) -> tuple[bool, tuple[Partition, ...]]:
        """Return whether a file holds the subject, and the objects on S3 by which it does."""
        table = self._subject.table(names)
        assert table is not None
        name = next(name for name in names if table.holds(name))
        try:
            try:
                parts, lost = holding(path, name, table, self._subject, self.spellings)
                found, pinned = bool(parts), tuple(part for part in parts if part.url is not None)
                self._note(name, lost)
            except SourceError:
                found, pinned = self._finder.finds(from_file(path), raw=True, name=name), ()
                self._note(name, int(name.endswith(LISTING)))
            # Beside its rows a workbook has other sheets, comments and links.
            container = FORMATS[table.contract.source.format].container
            if container and self._subject.distinctive and not found:
                found = self._finder.finds(from_file(path), raw=True, name=name)
        except FileNotFoundError:  # a broken link, or removed meanwhile
            return False, ()
        return found, pinned

    def _note(self, name: str, unread: int) -> None:
        self._unreadable += unread
        if unread:
            self.unopened.append(name)


def _files(root: Path) -> Iterator[str]:
    for top, folders, names in os.walk(root):
        here = Path(top).relative_to(root)
        folders[:] = sorted(f for f in folders if (here / f).as_posix() not in _LEFT_OUT)
        for name in sorted(names):
            if (root / here / name).is_file():
                yield (here / name).as_posix()


def _in_volumes(root: Path, person: Subject) -> list[str]:
    """Return the files of the local server that hold the subject, whatever S3 lists.

    Parts of large objects cannot be unpacked; whole ones are read by way of S3.
    """
    finder = Finder(person)
    found = contents(root)
    return sorted({name for name, part in found if finder.finds(part, raw=finder.distinctive)})


def _holding_in_git(root: Path, finder: Finder) -> Iterator[str]:
    """Yield git's objects, by their ids, and its own files that hold the subject."""
    for item in git_items(root):
        own = item.path.startswith(".git/")
        try:
            content = item.read()
        except FileNotFoundError:  # a lock that has ended
            continue
        if finder.finds(content, raw=finder.distinctive, name=f"git's {item.path}"):
            yield item.path if own else item.path.partition(" ")[2]


def _in_git(
    root: Path, finder: Finder, history: History
) -> tuple[list[tuple[str, tuple[str, ...]]], list[str]]:
    """Return (path, commits) of what commits hold, and what git keeps beside them."""
    raw = finder.distinctive
    found: dict[str, dict[str, None]] = defaultdict(dict)
    beside = set()
    for name in _holding_in_git(root, finder):
        beside.add(name)
        if name in history.sources:
            found["(author or message)"][name] = None
        for commit, path in history.blobs.get(name, ()):
            found[path][commit] = None
    places = [place for each in history.blobs.values() for place in each]
    # Their names would name the subject.
    named = {p for p in {path for _, path in places} if finder.in_text(p.encode(), raw=raw)}
    for path in named:
        found.pop(path, None)
    for commit, path in places:
        if path in named:
            found["(the path of a file)"][commit] = None
    lost = unreachable(root) if beside else set()
    kept = beside - lost - history.sources.keys() - history.blobs.keys()
    if any(not name.startswith(".git/") for name in kept) and not named:
        found["(staged, or in another worktree)"] = {}
    rest = {name for name in beside if name in lost or name.startswith(".git/")}
    return [(path, tuple(commits)) for path, commits in sorted(found.items())], sorted(rest)
