"""A commit or the workspace: its small files, and which objects its outputs are."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import PARAMS
from quickstack.facts.yaml_lines import read_yaml

LOCK = Path("dvc.lock")


def git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, without the last line end; None where it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace").rstrip("\n") if done.returncode == 0 else None


def find_revision(root: Path, name: str | None) -> Revision:
    """Return the commit that a branch, tag or hash names; the workspace for None.

    Raises
    ------
    QuickstackError
        Where git knows no such commit.
    """
    if name is None:
        return Revision(root, "the workspace", None)
    commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not commit:
        raise QuickstackError(
            f"git knows no commit '{name}'",
            fix="name a branch, a tag or a commit; `git fetch` brings those of others",
        )
    return Revision(root, name, commit)


@dataclass(frozen=True)
class Revision:
    """A state of the repository.

    Attributes
    ----------
    name
        As it was asked for.
    commit
        Full hash; None for the workspace.
    """

    root: Path
    name: str
    commit: str | None

    @property
    def title(self) -> str:
        """Its name, and the commit where the name does not say it."""
        short = (self.commit or "")[:8]
        return self.name if not short or self.name.startswith(short) else f"{self.name} ({short})"

    def text(self, path: Path) -> str | None:
        """Return a small file that git keeps; None where this revision has none."""
        if self.commit is not None:
            return git(self.root, "show", f"{self.commit}:./{path.as_posix()}")
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def json(self, path: Path) -> dict[str, Any]:
        """Return a JSON document; empty where it is missing or damaged."""
        try:
            value = json.loads(self.text(path) or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def yaml(self, path: Path) -> dict[str, Any]:
        """Return a YAML document; empty where it is missing or damaged."""
        try:
            value = read_yaml(self.text(path) or "")
        except yaml.YAMLError:
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The stages of `dvc.lock`."""
        return self.yaml(LOCK).get("stages") or {}

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters, by dotted name."""
        return dict(sorted(flat(self.yaml(PARAMS)).items()))

    def output(self, path: Path) -> str | None:
        """Return the MD5 by which DVC knows an output or a `.dvc` file's data."""
        for stage in self.stages.values():
            for out in stage.get("outs") or ():
                if out.get("path") == path.as_posix():
                    return out.get("md5")
        pointer = self.yaml(path.with_name(f"{path.name}.dvc"))
        return next((out.get("md5") for out in pointer.get("outs") or ()), None)


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested dictionary by dotted names."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            found |= flat(item, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = item
    return found
