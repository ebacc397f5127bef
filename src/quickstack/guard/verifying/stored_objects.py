"""Hold the remotes against what branches and tags need: what is missing, truncated, corrupted.

`dvc status --cloud` asks for a folder's listing alone: where that is there, files of the folder
that were deleted, truncated or overwritten stay unseen. Here each remote is listed once, and every
object compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quickstack.facts.errors import QuickstackError, StorageError
from quickstack.guard.verifying.levels import LevelResult, step
from quickstack.runtime.repository.needed_objects import Need, needs, tips
from quickstack.runtime.running.dvc_hashes import file_md5
from quickstack.runtime.stores.folder_store import ObjectFacts, ObjectStore, as_file
from quickstack.runtime.stores.object_stores import remote_store
from quickstack.runtime.stores.remotes import RESTRICTED, SHARED, cache_folder, dvc_config

#: Bytes that are read where no listing proves the content, newest objects first.
BUDGET = 1 << 30
_REPAIR = "`quickstack push`, or `quickstack verify --stored --repair`"


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
            with self.store(need.remote).open(need.key) as stream:
                content = bytes(stream.read())
        except StorageError:
            return None
        right = hashlib.md5(content, usedforsecurity=False).hexdigest() == bare_md5(need)
        return content if right else None


def bare_md5(need: Need) -> str:
    """Return the md5 of an object's content, without the mark of a folder's listing."""
    return need.md5.removesuffix(".dir")


@dataclass(frozen=True)
class Bad:
    """A needed object that its remote does not hold as it should."""

    need: Need
    what: str


def stored(root: Path, *, days: int = 90, deep: bool = False, repair: bool = False) -> LevelResult:
    """Compare the remotes with what HEAD, and branches and tags of the last days, need.

    Parameters
    ----------
    days
        How old a branch's head or a tag may be.
    deep
        Whether to read every object; else those that no listing proves, newest first, up to
        `BUDGET` bytes.
    repair
        Whether to put back what this cache holds.
    """
    remotes = Remotes(root)
    commits = tips(root, days)
    needed = needs(root, commits, remotes.default(), remotes.listing)
    result = LevelResult("")
    bad, looked = _look(remotes, needed, result, deep=deep)
    if repair and bad:
        bad = list(_repair(remotes, bad, result))
    result.problems += sentences(bad)
    result.summary = (
        f"the {looked:,} objects that HEAD and {len(commits) - 1} other branches and tags need "
        "are in their remotes"
    )
    return result


def unpushed(root: Path, commits: dict[str, str], remote: str | None = None) -> list[Bad]:
    """Return the objects that commits need and their remotes lack, by the listing alone.

    Parameters
    ----------
    remote
        The one remote that counts, which is then also that of outputs that name none.
    """
    remotes = Remotes(root)
    needed = needs(root, commits, remote or remotes.default(), remotes.listing)
    bad: list[Bad] = []
    for name, group in _by_remote(needed):
        if remote in (None, name):
            try:
                bad += _missing(remotes, name, group)
            except StorageError:
                if not _is_foreign(remotes, name, group):
                    raise
    return bad


def put_back(root: Path, bad: list[Bad]) -> Iterator[Bad]:
    """Put objects back from this cache; yield those that stay bad."""
    return _repair(Remotes(root), bad, LevelResult(""))


def sentences(bad: Iterable[Bad]) -> list[str]:
    """Return one sentence for each output and kind of damage."""
    groups: dict[tuple[str, str, str], list[Need]] = {}
    for item in bad:
        groups.setdefault((item.need.remote, item.need.output, item.what), []).append(item.need)
    found = []
    for (remote, _, what), items in groups.items():
        more = f" and {len(items) - 1:,} more of {items[0].output}" if len(items) > 1 else ""
        found.append(
            f"{remote}: {items[0].path}{more} ({items[0].md5[:8]}, needed by {items[0].ref}) "
            f"{what}; {_REPAIR}"
        )
    return found


def _look(
    remotes: Remotes, needed: list[Need], result: LevelResult, *, deep: bool
) -> tuple[list[Bad], int]:
    bad: list[Bad] = []
    looked = 0
    for name, group in _by_remote(needed):
        try:
            bad += _missing(remotes, name, group)
            bad += _damaged(remotes, name, group, result, deep=deep)
        except StorageError as error:
            if _is_foreign(remotes, name, group):
                result.notes.append(f"{name} was not looked at: {error.sentence()}")
                continue
            result.problems.append(f"{name} cannot be looked at: {error.sentence()}")
            continue
        looked += len(group)
    return bad, looked


def _is_foreign(remotes: Remotes, name: str, group: list[Need]) -> bool:
    """Whether it is raw data's: who has no access has none in the cache, and nothing to lose."""
    return name == RESTRICTED and not any(remotes.cached(need) for need in group)


def _by_remote(needed: list[Need]) -> Iterator[tuple[str, list[Need]]]:
    for name in sorted({need.remote for need in needed}):
        yield name, [need for need in needed if need.remote == name]


def _missing(remotes: Remotes, name: str, group: list[Need]) -> list[Bad]:
    facts = remotes.facts(name)
    found = [Bad(need, "is missing") for need in group if need.key not in facts]
    lists = {need.output for need in group if need.md5.endswith(".dir")}
    known = {need.output for need in group if not need.md5.endswith(".dir")}
    unknown = {bad.need.output for bad in found} & (lists - known)
    return [
        Bad(bad.need, "is missing, and with it the list of its files")
        if bad.need.output in unknown
        else bad
        for bad in found
    ]


def _damaged(
    remotes: Remotes, name: str, group: list[Need], result: LevelResult, *, deep: bool
) -> Iterator[Bad]:
    """Yield the objects of another size or content; what no listing proves is read."""
    facts, store = remotes.facts(name), remotes.store(name)
    read: list[Need] = []
    unproven: list[Need] = []
    for need in group:
        fact = facts.get(need.key)
        if fact is None or not need.key.startswith("files/"):
            continue  # of DVC 2, whose hash of a text is not that of its bytes
        if need.size is not None and fact.size != need.size:
            yield Bad(need, f"has {fact.size:,} bytes of {need.size:,}")
        elif fact.md5 is None and not deep:
            unproven.append(need)
        elif deep or fact.md5 != bare_md5(need):
            # An ETag that is no MD5 comes from encryption with a key of its own: read it.
            read.append(need)
    newest = _newest(unproven, facts)
    if len(newest) < len(unproven):
        skipped = len(unproven) - len(newest)
        result.notes.append(
            f"{name}: the content of {skipped:,} older objects was not read; `--deep` reads it"
        )
    read += newest
    for number, need in enumerate(read):
        if number % 100 == 0:
            step(f"reading {name}: {number:,} of {len(read):,} objects")
        if _content(store, need) != bare_md5(need):
            yield Bad(need, "has other content than its name says")


def _newest(unproven: list[Need], facts: dict[str, ObjectFacts]) -> list[Need]:
    """Return those that may be read, newest first, within the budget of bytes."""
    chosen, left = [], BUDGET
    for need in sorted(unproven, key=lambda need: -facts[need.key].changed):
        if facts[need.key].size <= left:
            left -= facts[need.key].size
            chosen.append(need)
    return chosen


def _content(store: ObjectStore, need: Need) -> str:
    with as_file(store, need.key) as path:
        return file_md5(path)


def _repair(remotes: Remotes, bad: list[Bad], result: LevelResult) -> Iterator[Bad]:
    """Put objects back, the files of a folder before its listing; yield those that stay bad."""
    put = 0
    for item in sorted(bad, key=lambda item: item.need.md5.endswith(".dir")):
        path = remotes.cached(item.need)
        if path is None:
            yield Bad(item.need, f"{item.what}, and is not in this cache")
            continue
        try:
            remotes.store(item.need.remote).put(item.need.key, path)
        except StorageError as error:
            raise QuickstackError(f"cannot repair: {error.what}", fix=error.fix) from None
        put += 1
    if put:
        result.notes.append(f"{put:,} objects were put back from this cache")
