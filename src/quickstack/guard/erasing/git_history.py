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
        The commits and paths of every other file in git, by blob.
    messages
        The commits' own messages.
    """

    paths: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    commits: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    blobs: dict[str, dict[tuple[str, str], None]] = field(default_factory=lambda: defaultdict(dict))
    messages: dict[str, bytes] = field(default_factory=dict)


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
            name = posixpath.basename(path)
            if name != "dvc.lock" and not name.endswith(".dvc"):
                history.blobs[blob][commit, path] = None
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


def read_blobs(root: Path, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give the content of blobs, one after the other."""
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for blob in blobs:
            process.stdin.write(blob.encode() + b"\n")
            process.stdin.flush()
            header = process.stdout.readline().split()
            if len(header) == 3:
                yield blob, process.stdout.read(int(header[2]) + 1)[:-1]
        process.stdin.close()


def _commits(root: Path, history: History) -> list[tuple[str, str]]:
    found = []
    text = git(root, "log", "--all", "--reflog", "-z", "--format=%H %T%n%an <%ae>%n%B")
    for entry in filter(None, text.split(b"\0")):
        first, _, message = entry.partition(b"\n")
        commit, tree = first.decode().split()
        history.messages[commit] = message
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
