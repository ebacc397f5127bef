"""Files to scan: the workspace, DVC's temporary files, git's own files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quickstack.data.unpacking.buffers import Buffer, from_file
from quickstack.facts.paths import QUARANTINE, RAW

#: Environments and caches of tools, which do not belong to the project.
_TOOLS = {
    "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "node_modules",
}  # fmt: skip
#: Keys and memos: git ignores this folder, and no push takes it anywhere.
_PRIVATE = {".quickstack"}


@dataclass(frozen=True)
class Item:
    """One file or object to scan.

    Attributes
    ----------
    kind, path
        As in a finding.
    read
        Returns the content.
    digest
        Its MD5 in hexadecimal where that is known without reading.
    """

    kind: str
    path: str
    read: Callable[[], Buffer]
    digest: str | None = None


def workspace(root: Path, cache: Path, *, restricted: bool) -> Iterator[Item]:
    """Yield the files of the repository's folder, without git's and the cache's.

    Parameters
    ----------
    root
        The repository.
    cache
        DVC's cache, which is scanned separately.
    restricted
        Whether raw data and quarantine are looked through too.
    """
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _TOOLS | _PRIVATE | {".git"}
            and (here / name).resolve() != cache
            and not (here / name / "pyvenv.cfg").exists()
            and (restricted or not _is_restricted(here / name, root))
        )
        kind = "experiments" if (root / ".dvc" / "tmp") in (here, *here.parents) else "workspace"
        for name in sorted(files):
            path = here / name
            if name == ".git" or not path.is_file():
                continue
            if restricted or not _is_restricted(path, root):
                yield Item(kind, path.relative_to(root).as_posix(), partial(from_file, path))


def _is_restricted(path: Path, root: Path) -> bool:
    """Whether it is raw data or quarantine, here or in the copy that an experiment works in.

    `.dvc` files and `.gitignore` beside raw data are shared by git.
    """
    if path.name == ".gitignore" or path.suffix == ".dvc":
        return False
    # Where the repository itself lies says nothing.
    text = f"/{path.relative_to(root).as_posix()}/"
    if f"/{QUARANTINE.as_posix()}/" in text:
        return True
    # The folder itself is walked, for the .dvc files in it.
    return f"/{RAW.as_posix()}/" in text and not path.is_dir()


def folder(root: Path, kind: str, without: tuple[str, ...] = ()) -> Iterator[Item]:
    """Yield the files of a folder, apart from those of some folders directly in it."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and relative.parts[0] not in without:
            yield Item(kind, relative.as_posix(), partial(from_file, path))
