"""Bring code, data, model and exports of a commit back together."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import QUARANTINE, RAW, REQUIREMENTS
from quickstack.guard.verifying.transfers import forget_collected
from quickstack.results.comparing.revision_objects import ATTEMPTS, RevisionObjects
from quickstack.runtime.repository.plan import dvc_reason
from quickstack.runtime.repository.revisions import find_revision, git
from quickstack.runtime.stores.remotes import SHARED


@dataclass(frozen=True)
class RestoredCommit:
    """What a checkout found.

    Attributes
    ----------
    commit
        The commit that is there now, full hash.
    back
        The branch or commit that was there before.
    missing
        Outputs that no cache and not the shared remote holds, and that the model, its data or its
        exports need.
    restricted
        Raw data and quarantine that are not here: only the restricted remote has them.
    packages
        Whether the commit was made with other packages than the one before.
    """

    commit: str
    back: str
    missing: tuple[str, ...]
    restricted: tuple[str, ...]
    packages: bool


def checkout(root: Path, name: str) -> RestoredCommit:
    """Switch to a branch, tag or commit with `git checkout`, and bring its outputs with DVC.

    What the cache lacks is pulled from the shared remote, twice more where that breaks off.

    Raises
    ------
    QuickstackError
        Where there is no such commit, or a change that no commit holds would be lost.
    """
    # Everything is imported by now: after the switch, `src` is that of another commit.
    target = find_revision(root, name)
    _require_clean(root)
    back = git(root, "symbolic-ref", "--short", "--quiet", "HEAD")
    before = find_revision(root, "HEAD")
    switched = subprocess.run(
        ["git", "checkout", "--quiet", name, "--"], cwd=root, capture_output=True, check=False
    )
    if switched.returncode != 0:
        raise QuickstackError(
            f"git cannot switch to '{name}'",
            fix=f"see what `git checkout {name}` says; it changed nothing",
        )
    forget_collected(root)
    _dvc(root, "checkout", "--quiet", "--allow-missing")
    lacking = _lacking(root)
    for _ in range(ATTEMPTS):
        if all(map(_is_restricted, lacking)):
            break
        pulled = _dvc(root, "pull", "--quiet", "--remote", SHARED, "--allow-missing")
        before_pull, lacking = lacking, _lacking(root)
        if pulled.returncode == 0 and lacking == before_pull:
            break  # the remote answered, and has no more
    return RestoredCommit(
        commit=str(target.commit),
        back=back or str(before.commit),
        missing=tuple(path for path in lacking if not _is_restricted(path)),
        restricted=tuple(path for path in lacking if _is_restricted(path)),
        packages=before.text(REQUIREMENTS) != target.text(REQUIREMENTS),
    )


def _require_clean(root: Path) -> None:
    changed = (git(root, "status", "--porcelain", "--untracked-files=no") or "").splitlines()
    if changed:
        raise QuickstackError(
            f"{len(changed)} files hold changes that no commit has",
            where=changed[0][3:],
            fix="`git commit` them, or put them away by `git stash`",
        )
    objects = RevisionObjects(root, offline=True)
    modified = _status(root).get("modified") or []
    edited = [path for path in modified if objects.unversioned(Path(path))]
    if edited:
        raise QuickstackError(
            "this is not what dvc.lock says, nor in DVC's cache, and would be lost",
            where=", ".join(sorted(edited)),
            fix="version it by `dvc repro` or `quickstack add`, or take the version of this "
            "commit by `dvc checkout`",
        )


def _lacking(root: Path) -> list[str]:
    """Return the outputs that are not here as this commit names them."""
    status = _status(root)
    return sorted({*(status.get("modified") or ()), *(status.get("deleted") or ())})


def _status(root: Path) -> dict[str, list[str]]:
    done = _dvc(root, "data", "status", "--json")
    if done.returncode != 0:
        raise QuickstackError(
            f"dvc cannot say what is here: {dvc_reason(done.stderr)}",
            fix="see what `dvc data status` says",
        )
    return json.loads(done.stdout or "{}").get("uncommitted") or {}


def _is_restricted(path: str) -> bool:
    place = Path(path)
    return any(top in (place, *place.parents) for top in (RAW, QUARANTINE))


def _dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the DVC of this environment; whether it worked is seen by what is there afterwards."""
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
