"""The scan: every location, every file in it, everything inside, against all patterns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from quickstack.data.unpacking.buffers import Buffer
from quickstack.data.unpacking.unpack import EXPANDED, Opened, pieces
from quickstack.facts.errors import StorageError
from quickstack.guard.scanning.bare_text import bare_patterns, views
from quickstack.guard.scanning.encodings import patterns
from quickstack.guard.scanning.findings import Finding, Report, Unread
from quickstack.guard.scanning.leaked_keys import KeyFinder, belongs
from quickstack.guard.scanning.matcher import Matcher
from quickstack.guard.scanning.searched_values import Searchable
from quickstack.guard.scanning.workspace_files import Item
from quickstack.runtime.stores.folder_store import ObjectStore

#: Up to so many values are looked for under all encodings.
THOROUGH = 2000
#: What stands where a name itself holds a value.
WITHHELD = "(name withheld)"
#: First bytes of columnar files, whose columns are read one by one.
_COLUMNAR = (b"PAR1", b"ARROW1", b"FEA1")

Match = tuple[tuple[str, ...], int, str]


class Scanner:
    """Scans items one after the other, and skips content that it has seen.

    Parameters
    ----------
    searched
        The values to look for.
    keys
        Also finds pseudonym keys and S3 secrets.
    limit
        Bytes that the content of one file may expand to.
    """

    def __init__(
        self, searched: Searchable, keys: KeyFinder | None = None, limit: int = EXPANDED
    ) -> None:
        self._keys, self._limit = keys, limit
        #: What findings show of each value, then of each key, by its number.
        self._shown_as = [value.shown for value in searched.values]
        self._values = len(self._shown_as)
        shown, of_keys = keys.patterns(self._values) if keys else ([], iter(()))
        self._shown_as += shown
        thorough = self._values <= THOROUGH
        of_values = patterns(searched.values, thorough=thorough)
        self._matcher = Matcher(chain(of_values, of_keys))
        self._bare = Matcher(bare_patterns(searched.values, thorough=thorough))
        #: What of keys was found: its number, by what is shown and what must be named for it.
        self._numbers: dict[tuple[str, str | None], int] = {}
        self._waiting: list[tuple[str, Finding]] = []
        self._known: dict[str, tuple[list[Match], list[tuple[tuple[str, ...], str]]]] = {}
        self.report = Report(
            values=self._values,
            patterns=len(self._matcher) + len(self._bare),
            left_out=searched.left_out,
        )

    def scan(self, items: Iterable[Item], progress: Callable[[Report], None] | None = None) -> None:
        """Scan items; what is found and what cannot be read is added to the report."""
        for item in items:
            self._one(item)
            self.report.read[item.kind] += 1
            if progress:
                progress(self.report)
        if self._keys:
            named = self._keys.named
            self.report.findings += [one for name, one in self._waiting if name in named]
            self._waiting = [(name, one) for name, one in self._waiting if name not in named]

    def unreadable(self, kind: str, path: str, why: str) -> None:
        """Report what could not be read."""
        self.report.unread.append(Unread(kind, path, "", why))

    def _one(self, item: Item) -> None:
        path = self._withheld(item.path)
        if path != item.path:
            matches = self._matcher.find(_encoded(item.path))
            self._add(item, path, [(("name",), *match) for match in matches])
        if self._keys:
            self._keys.name(_encoded(item.path))
        if item.digest not in self._known:
            try:
                content = item.read()
            except StorageError as error:
                return self.unreadable(item.kind, path, error.what)
            except OSError as error:
                return self.unreadable(item.kind, path, error.strerror or "it cannot be read")
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if digest not in self._known:
                self._known[digest] = self._content(content)
        else:
            digest = item.digest or ""
        found, unread = self._known[digest]
        self._add(item, path, found)
        for inside, why in unread:
            self.report.unread.append(Unread(item.kind, path, self._shown(inside), why))
        return None

    def _content(self, content: object) -> tuple[list[Match], list[tuple[tuple[str, ...], str]]]:
        opened, found = Opened(), set[Match]()
        for inside, part in pieces(content, opened, self._limit):  # type: ignore[arg-type]
            self.report.size += len(part)
            packed = bytes(part[:6]).startswith(_COLUMNAR)
            plain = self._matcher.find(part, packed=packed)
            found |= {(inside, *match) for match in plain}
            if not packed and len(self._bare):
                known = {value for value, _ in plain}
                bare = set().union(*(self._bare.find(view) for view in views(part)))
                found |= {(inside, *match) for match in bare if match[0] not in known}
            found |= {(inside, *match) for match in self._keys_in(part)}
            if inside and (matches := self._matcher.find(_encoded(inside[-1]))):
                found |= {((*inside[:-1], "name"), *match) for match in matches}
        return sorted(_innermost(found)), opened.unread

    def _keys_in(self, part: Buffer) -> Iterator[tuple[int, str]]:
        for one in self._keys.look(part) if self._keys else ():
            if one not in self._numbers:
                self._numbers[one] = len(self._shown_as)
                self._shown_as.append(one[0])
            yield self._numbers[one], "utf-8"

    def _add(self, item: Item, path: str, found: Iterable[Match]) -> None:
        groups: dict[tuple[str, str, str], set[int]] = {}
        for inside, number, encoding in found:
            if number < self._values or not belongs(item):
                group = (self._shown(inside), self._shown_as[number], encoding)
                groups.setdefault(group, set()).add(number)
        unnamed = {number: named for (_, named), number in self._numbers.items() if named}
        for group, numbers in sorted(groups.items()):
            key = min(numbers) >= self._values
            finding = Finding(item.kind, path, *group, 1 if key else len(numbers), key)
            if all(number in unnamed for number in numbers):
                self._waiting.append((unnamed[min(numbers)], finding))
            else:
                self.report.findings.append(finding)

    def _shown(self, inside: tuple[str, ...]) -> str:
        return " > ".join(self._withheld(part) for part in inside)

    def _withheld(self, name: str) -> str:
        """Take out the parts of a name that hold a value."""
        if not self._matcher.find(_encoded(name)):
            return name
        parts = [WITHHELD if self._matcher.find(_encoded(p)) else p for p in name.split("/")]
        shown = "/".join(parts)
        return WITHHELD if self._matcher.find(_encoded(shown)) else shown


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _innermost(found: set[Match]) -> set[Match]:
    """Leave out what the bytes of a file show where the same value was found inside it."""
    deeper = {(inside[:size], value) for inside, value, _ in found for size in range(len(inside))}
    return {one for one in found if (one[0], one[1]) not in deeper}


def leaked_keys(root: Path, items: Iterable[Item], finder: KeyFinder | None = None) -> Report:
    """Look for pseudonym keys and S3 secrets in files or objects, and for nothing else.

    Parameters
    ----------
    root
        The repository, whose keys, contracts and remotes say what to look for.
    items
        Such as those of `git_items`, `workspace` or a published place.
    finder
        Where there is one already.
    """
    scanner = Scanner(Searchable([], {}), finder or KeyFinder(root))
    scanner.scan(items)
    scanner.report.findings = _with_commits(root, scanner.report.findings)
    return scanner.report


def scan_repository(
    root: Path,
    scanner: Scanner,
    *,
    restricted: bool = False,
    remotes: bool = True,
    places: Iterable[ObjectStore] = (),
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Scan everything that leaves a repository.

    Parameters
    ----------
    root
        The repository.
    scanner
        With the values to look for.
    restricted
        Whether raw data, quarantine, their objects and the restricted remote are looked through
        too: they hold personal values by design.
    remotes
        Whether the remotes are looked through.
    places
        Other places that hold published runs.
    progress
        Called after each file or object.

    Returns
    -------
    Report
        The scanner's.
    """
    from quickstack.guard.scanning.cache_objects import cache_items, classify
    from quickstack.guard.scanning.git_objects import git_items
    from quickstack.guard.scanning.shared_objects import remote_items, store_items
    from quickstack.guard.scanning.workspace_files import workspace
    from quickstack.runtime.stores.remotes import RESTRICTED, cache_folder, remote_names

    root = root.resolve()
    report = scanner.report
    cache = cache_folder(root)
    objects = classify(root, cache)
    scanner.scan(workspace(root, cache, restricted=restricted), progress)
    for item, left_out in cache_items(cache, objects, restricted=restricted):
        if left_out:
            report.skipped[item.kind] += 1
        else:
            scanner.scan([item], progress)
    scanner.scan(git_items(root), progress)
    names = remote_names(root) if remotes else []
    shared = names if restricted else [name for name in names if name != RESTRICTED]
    reads = {f"remote {name}": partial(remote_items, root, name, objects) for name in shared}
    reads |= {s.address: partial(store_items, s, "published", objects) for s in places}
    for shown, read in reads.items():
        try:
            scanner.scan(read(), progress)
        except StorageError as error:
            scanner.unreadable(shown, "all objects", error.remedied)
    report.findings = _with_commits(root, report.findings)
    return report


def _with_commits(root: Path, findings: list[Finding], most: int = 100) -> list[Finding]:
    """Say under which path and in which commit git's objects lie."""
    from quickstack.guard.scanning.git_objects import Names

    names, known, done = Names(root), dict[str, str](), []
    for finding in findings:
        kind, _, oid = finding.path.partition(" ")
        if finding.kind == "git" and kind in ("blob", "tree", "commit", "tag"):
            if oid not in known and len(known) < most:
                commit = oid[:8] if kind == "commit" else names.commit(oid)
                known[oid] = f"commit {commit}" if commit else "in no commit"
            finding = replace(
                finding, path=f"{kind} {oid[:12]} ({known.get(oid, 'not looked up')})"
            )
        done.append(finding)
    return done
