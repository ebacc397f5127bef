"""No pseudonym key and no S3 secret stands in the workspace, in a commit or in what is pushed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from quickstack.facts.files import whole_file
from quickstack.guard.scanning.findings import Finding
from quickstack.guard.scanning.git_objects import brought_by, git_items
from quickstack.guard.scanning.leak_scan import leaked_keys
from quickstack.guard.scanning.leaked_keys import KeyFinder
from quickstack.guard.scanning.workspace_files import Item, workspace
from quickstack.runtime.stores.remotes import cache_folder

#: What was looked through and is clean.
_CLEAN = Path(".quickstack/verified/secrets.json")
#: Larger files are left to `quickstack scan`.
_LARGEST = 64 << 20
_FIX = (
    "take it out, and replace it (`quickstack key rotate`, or your S3 server); of a commit, "
    "rewrite the history (`git filter-repo`), then `git reflog expire --expire=now --all`"
)


def kept_secrets(root: Path) -> tuple[list[str], list[str]]:
    """Look through the workspace and all commits; what was clean before is not read again.

    Returns
    -------
    problems : list of str
    notes : list of str
        What git keeps in no commit, and does not push.
    """
    finder, known = KeyFinder(root), _known(root)
    start = _digest(finder)
    clean = set(known.get("clean", ())) if known.get("start") == start else set[str]()
    finder.named |= set(known.get("named", ())) if clean else set()
    named = set(finder.named)
    seen: list[str] = []
    report = leaked_keys(root, _unseen(root, clean, seen), finder)
    if clean and finder.named - named:
        # Something new names a key, which may stand in what was clean before.
        (root / _CLEAN).unlink()
        return kept_secrets(root)
    if not report.findings:
        _note(root, start, finder, seen)
    lost = [finding for finding in report.findings if "(in no commit)" in finding.path]
    return (
        [_sentence(finding) for finding in report.findings if finding not in lost],
        [f"{finding.sentence()}; `git gc --prune=now` removes it" for finding in lost],
    )


def pushed_secrets(root: Path, commits: Iterable[str]) -> list[str]:
    """Return one sentence for each key or secret that only these commits would bring along."""
    report = leaked_keys(root, brought_by(root, commits))
    return [_sentence(finding) for finding in report.findings]


def _sentence(finding: Finding) -> str:
    return f"{finding.sentence()}; {_FIX}"


def _small(root: Path) -> Iterator[tuple[str, Item]]:
    """Yield files with what tells that they have changed."""
    for item in workspace(root, cache_folder(root), restricted=False):
        try:
            state = (root / item.path).stat()
        except FileNotFoundError:  # an experiment has ended
            continue
        if state.st_size <= _LARGEST:
            yield f"{item.path} {state.st_size} {state.st_mtime_ns}", item


def _in_git(root: Path) -> Iterator[tuple[str, Item]]:
    return ((item.path, item) for item in git_items(root) if not item.path.startswith(".git/"))


def _unseen(root: Path, clean: set[str], seen: list[str]) -> Iterator[Item]:
    """Yield what is not known to be clean, and note the names of all that is there."""
    for name, item in chain(_small(root), _in_git(root)):
        seen.append(name)
        if name not in clean:
            yield item


def _digest(finder: KeyFinder) -> str:
    return hashlib.sha256(json.dumps(finder.searched(), sort_keys=True).encode()).hexdigest()


def _known(root: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((root / _CLEAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _note(root: Path, start: str, finder: KeyFinder, clean: list[str]) -> None:
    document = {"start": start, "named": sorted(finder.named), "clean": sorted(clean)}
    (root / _CLEAN).parent.mkdir(parents=True, exist_ok=True)
    with whole_file(root / _CLEAN) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")
