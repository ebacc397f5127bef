"""A repository with DVC's cache and remotes as folders, in which nothing needs a server."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from examples import write


@dataclass(frozen=True)
class Repository:
    """A repository whose objects are put there by hand, as DVC would."""

    root: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def put(self, content: bytes, *stores: str, suffix: str = "") -> str:
        """Put an object into `cache`, `storage` or `restricted`; return its md5."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
        for store in stores:
            folder = self.root / ".dvc/cache" if store == "cache" else self.root.parent / store
            write(folder / "files" / "md5" / md5[:2] / md5[2:], content)
        return md5

    def folder(self, files: dict[str, str], *stores: str) -> str:
        """Put the listing of a folder; return its md5."""
        entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
        return self.put(json.dumps(entries).encode(), *stores, suffix=".dir")

    def pointer(self, path: str, md5: str, **more: object) -> None:
        """Write a `.dvc` file."""
        out = {"md5": md5, "hash": "md5", "path": Path(path).name, "remote": "restricted"}
        text = yaml.safe_dump({**more, "outs": [out]})
        write(self.root / f"{path}.dvc", text)

    def commit(self) -> str:
        """Commit all, and return the commit."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", "version")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "project")
    config = "[core]\n    remote = storage\n"
    for name in ("storage", "restricted"):
        (tmp_path / name).mkdir()
        config += f"['remote \"{name}\"']\n    url = ../../{name}\n"
    write(made.root / ".dvc" / "config", config)
    write(made.root / ".gitignore", "/.dvc/cache\n/.dvc/tmp\n.quickstack/\n/data/raw/*/\n")
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("config", "user.name", "Test")
    made.git("config", "user.email", "test@example.org")
    return made
