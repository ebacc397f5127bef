"""The hash of a file or folder as DVC names it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

#: What DVC leaves out of a folder, as `.dvcignore` says.
_IGNORED = ("__pycache__", ".ipynb_checkpoints")


def content_md5(path: Path) -> str:
    """Return the md5 of a file, or of a folder's listing with `.dir` behind it."""
    if not path.is_dir():
        return file_md5(path)
    listed = json.dumps(
        [{"md5": md5, "relpath": name} for name, md5 in sorted(folder_md5s(path).items())],
        sort_keys=True,
    )
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + ".dir"


def folder_md5s(path: Path) -> dict[str, str]:
    """Return the md5 of each file in a folder by its path below it, in DVC's order."""
    found = {}
    for top, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in _IGNORED]
        for name in names:
            file = Path(top, name)
            found[file.relative_to(path).as_posix()] = file_md5(file)
    return found


def file_md5(path: Path) -> str:
    """Return the md5 of a file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
