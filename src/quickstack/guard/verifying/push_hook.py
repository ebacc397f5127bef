"""The push gate: git pushes no commit whose data were not pushed, or that holds a secret."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.guard.verifying.kept_secrets import pushed_secrets
from quickstack.guard.verifying.stored_objects import sentences, unpushed
from quickstack.runtime.repository.needed_objects import git

_MARK = "# Installed by `quickstack hooks`"


def install(root: Path) -> Path:
    """Write the pre-push hook, where git looks for it.

    Raises
    ------
    QuickstackError
        Where another hook stands there: it stays, and the message says what to add to it.
    """
    place = root / git(root, "rev-parse", "--git-path", "hooks").strip() / "pre-push"
    command = _command()
    if place.exists() and _MARK not in place.read_text(encoding="utf-8", errors="replace"):
        raise QuickstackError(
            "there is a pre-push hook already, which stays as it is",
            where=str(place),
            fix=f"add the line `{command} || exit 1` to it, where it still has its input",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    text = f"#!/bin/sh\n{_MARK}: refuses commits whose data were not pushed.\nexec {command}\n"
    place.write_text(text, encoding="utf-8", newline="\n")
    place.chmod(0o755)
    return place


def refusals(root: Path, pushed: str, remote: str) -> list[str]:
    """Return why a push must not go on: it holds secrets, or its data are not in their remotes.

    Parameters
    ----------
    pushed
        The hook's input: a line `LOCAL-REF COMMIT REMOTE-REF COMMIT` for each ref.
    remote
        The name or address of git's remote.
    """
    commits: dict[str, str] = {}
    tips = set()
    for line in filter(None, pushed.splitlines()):
        ref, commit, _, there = line.split()
        if commit.strip("0") == "":
            continue  # a branch is deleted
        tips.add(commit)
        known = ["--not", f"--remotes={remote}"] + ([there] if _has(root, there) else [])
        for each in git(root, "rev-list", commit, *known).split():
            commits.setdefault(each, f"{each[:8]} of {ref.removeprefix('refs/heads/')}")
    if secrets := pushed_secrets(root, commits):
        return secrets
    bad = unpushed(root, commits)
    if not bad:
        return []
    newest = unpushed(root, dict.fromkeys(tips & commits.keys(), ""))
    command = "quickstack push"
    if len(newest) != len(bad):
        command += " --all-commits"
    listed = [sentence.rpartition("; ")[0] for sentence in sentences(bad)]
    return [*listed, f"The data were not pushed. To fix it: {command}, then push again."]


def _has(root: Path, commit: str) -> bool:
    if commit.strip("0") == "":
        return False
    try:
        git(root, "cat-file", "-e", f"{commit}^{{commit}}")
    except QuickstackError:
        return False
    return True


def _command() -> str:
    program = Path(sys.executable).parent / ("quickstack.exe" if os.name == "nt" else "quickstack")
    return f'"{program.as_posix()}" hooks --check "$1"'
