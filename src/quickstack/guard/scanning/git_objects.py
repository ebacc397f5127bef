"""Everything git holds: objects of all refs and of none, reflogs, messages and names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from quickstack.data.unpacking.buffers import Budget, Buffer, collect
from quickstack.data.unpacking.unpack import EXPANDED
from quickstack.guard.scanning.workspace_files import Item, folder


def git_directory(root: Path) -> Path | None:
    """Return the folder that git keeps the repository in; None without git."""
    done = _git(root, "rev-parse", "--git-common-dir")
    return (root / done.strip()).resolve() if done else None


def git_items(root: Path) -> Iterator[Item]:
    """Yield git's files, then all objects, packed or loose, reachable or not.

    The objects are read while iterating: read each before the next one.
    """
    directory = git_directory(root)
    if directory is None:
        return
    for item in folder(directory, "git", without=("objects",)):
        yield Item(item.kind, f".git/{item.path}", item.read)
    yield from _objects(root, "--batch-all-objects", "--unordered")


def brought_by(root: Path, commits: Iterable[str]) -> Iterator[Item]:
    """Yield the objects that are in some commits, and not in those before them.

    The objects are read while iterating, as those of `git_items`.
    """
    commits = dict.fromkeys(commits)
    if not commits:
        return
    # A commit's parents that are to be pushed too are not before it.
    parents = _git(root, "rev-list", "--no-walk", "--parents", "--stdin", given=commits).split()
    before = [f"^{parent}" for parent in dict.fromkeys(parents) if parent not in commits]
    objects = _git(root, "rev-list", "--objects", "--stdin", given=[*commits, *before])
    with TemporaryFile() as wanted:
        wanted.writelines(line.split()[0].encode() + b"\n" for line in objects.splitlines())
        wanted.seek(0)
        yield from _objects(root, given=wanted)


def _objects(root: Path, *options: str, given: IO[bytes] | None = None) -> Iterator[Item]:
    command = ["git", "cat-file", *options, "--batch"]
    with subprocess.Popen(command, cwd=root, stdin=given, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while header := process.stdout.readline():
            oid, kind, size = header.decode("ascii").split()
            left = [int(size)]

            def read(
                wanted: int, left: list[int] = left, source: IO[bytes] = process.stdout
            ) -> bytes:
                part = source.read(min(wanted, left[0]))
                left[0] -= len(part)
                return part

            content, error = collect(read, Budget(max(EXPANDED, int(size))))
            if error:
                raise error
            process.stdout.read(1)
            yield Item("git", f"{kind} {oid}", partial(_same, content))


def _same(content: Buffer) -> Buffer:
    return content


class Names:
    """Paths and commits of objects, looked up when the first is asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[str, str] | None = None

    def path(self, oid: str) -> str:
        """Return the path that an object was committed under; empty if unknown."""
        if self._paths is None:
            objects = ("--objects", "--indexed-objects")
            listed = _git(self._root, "rev-list", "--all", "--reflog", *objects)
            pairs = (line.partition(" ") for line in listed.splitlines())
            self._paths = {oid: path for oid, _, path in pairs}
        return self._paths.get(oid, "")

    def commit(self, oid: str) -> str:
        """Return the newest commit that brought an object in or took it away; empty if none."""
        found = _git(
            self._root, "log", "--all", "--reflog", "-n", "1", "--format=%h", f"--find-object={oid}"
        )
        return found.strip()


def history(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each commit of all refs and reflogs with DVC's files in it, as path to object.

    DVC's files are `dvc.yaml`, `dvc.lock` and those that end in `.dvc`.
    """
    for commit in _git(root, "rev-list", "--all", "--reflog").split():
        listed = _git(root, "ls-tree", "-r", "-z", commit)
        found = {}
        for line in filter(None, listed.split("\0")):
            facts, _, path = line.partition("\t")
            if path.rpartition("/")[2] in ("dvc.yaml", "dvc.lock") or path.endswith(".dvc"):
                found[path] = facts.split()[2]
        yield commit, found


def blob(root: Path, oid: str) -> str:
    """Return the text of an object."""
    return _git(root, "cat-file", "blob", oid)


def _git(root: Path, *arguments: str, given: Iterable[str] = ()) -> str:
    """Return what git prints; nothing where it fails."""
    text = "".join(f"{line}\n" for line in given).encode()
    done = subprocess.run(
        ["git", *arguments], cwd=root, input=text, capture_output=True, check=False
    )
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
