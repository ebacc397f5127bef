"""What git's history names: the objects of every commit, and files that git itself keeps."""

from __future__ import annotations

import json
import posixpath
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.facts.yaml_lines import read_yaml


@dataclass
class History:
    """All that refs, stashes and reflogs reach, experiments included.

    Attributes
    ----------
    paths
        Where each object lay, by md5.
    commits
        The commits that name each object, by md5; full hashes, newest first.
    blobs
        The commits and paths of every file in git, by blob.
    sources
        The commits, by hash, and by which ref or reflog each was found.
    """

    paths: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    commits: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    blobs: dict[str, dict[tuple[str, str], None]] = field(default_factory=lambda: defaultdict(dict))
    sources: dict[str, str] = field(default_factory=dict)


def read_history(root: Path, listing: Callable[[str], bytes | None]) -> History:
    """Walk every commit once.

    Parameters
    ----------
    root
        Root of the repository.
    listing
        Returns the content of a `.dir` object, None if it is missing.
    """
    history = History()
    lists: dict[str, list[tuple[str, str]]] = {}
    outs: dict[str, list[tuple[str, str]]] = {}
    trees: dict[str, list[tuple[str, str]]] = {}
    for commit, tree in _commits(root, history):
        if tree not in trees:
            trees[tree] = _files(root, tree)
        for blob, path in trees[tree]:
            history.blobs[blob][commit, path] = None
            name = posixpath.basename(path)
            if name != "dvc.lock" and not name.endswith(".dvc"):
                continue
            if blob not in outs:
                outs[blob] = list(_outputs(git(root, "cat-file", "blob", blob)))
            folder = posixpath.dirname(path)
            for relative, md5 in outs[blob]:
                whole = posixpath.normpath(posixpath.join(folder, relative))
                _name(history, commit, whole, md5)
                if md5.endswith(".dir"):
                    if md5 not in lists:
                        lists[md5] = _entries(listing(md5))
                    for inner, inner_md5 in lists[md5]:
                        _name(history, commit, f"{whole}/{inner}", inner_md5)
    return history


def git(root: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """Run git and return its output; QuickstackError where it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, input=given, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise QuickstackError("git cannot read the history", where="git", fix="run `git fsck`")
    return done.stdout


def unreachable(root: Path) -> set[str]:
    """Return the objects that no ref, reflog, stash, index or worktree leads to."""
    listed = git(root, "fsck", "--unreachable", "--no-dangling", "--no-progress").decode()
    words = (line.split() for line in listed.splitlines())
    return {parts[2] for parts in words if parts[:1] == ["unreachable"]}


def erase_unreachable(root: Path, objects: Iterable[str]) -> None:
    """Remove objects that nothing leads to, and no others."""
    gone = unreachable(root).intersection(objects)
    folder = root / git(root, "rev-parse", "--git-path", "objects").decode().strip()

    def loose(name: str) -> Path:
        return folder / name[:2] / name[2:]

    if any(not loose(name).is_file() for name in gone):
        # Packed anew, all that is unreachable lies beside the packs.
        git(root, "repack", "-A", "-d", "--quiet")
    for name in gone:
        loose(name).unlink(missing_ok=True)


def _commits(root: Path, history: History) -> list[tuple[str, str]]:
    found = []
    for line in git(root, "log", "--all", "--reflog", "--format=%H %T %S").decode().splitlines():
        commit, tree, source = line.split(" ", 2)
        history.sources[commit] = source
        found.append((commit, tree))
    return found


def _files(root: Path, tree: str) -> list[tuple[str, str]]:
    files = []
    for entry in filter(None, git(root, "ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0")):
        meta, _, path = entry.partition(b"\t")
        _, kind, blob = meta.decode().split()
        if kind == "blob":
            files.append((blob, path.decode("utf-8", "surrogateescape")))
    return files


def _name(history: History, commit: str, path: str, md5: str) -> None:
    history.paths[md5].add(path)
    history.commits[md5][commit] = None


def _outputs(content: bytes) -> Iterator[tuple[str, str]]:
    import yaml

    try:
        document = read_yaml(content)
    except yaml.YAMLError:
        return
    if not isinstance(document, dict):
        return
    folder = str(document.get("wdir", ""))
    stages = document.get("stages")
    holders = [s for s in stages.values() if s] if isinstance(stages, dict) else [document]
    for holder in holders:
        for out in holder.get("outs") or ():
            if isinstance(out.get("md5"), str) and isinstance(out.get("path"), str):
                yield posixpath.join(folder, out["path"]), out["md5"]


def _entries(content: bytes | None) -> list[tuple[str, str]]:
    try:
        return [(entry["relpath"], entry["md5"]) for entry in json.loads(content or b"[]")]
    except (ValueError, KeyError, TypeError):
        return []
