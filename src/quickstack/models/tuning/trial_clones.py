"""Where trials run: a clone of the commit for each worker, which the next trial takes over.

DVC's own temporary experiments make such a copy for every experiment, with all data. Here a clone
serves a worker's trials one after the other; it shares git's objects and DVC's cache with the
repository, and holds no raw data. What a trial leaves reaches the repository in one step, by
`git push`, so that one which is killed leaves nothing there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import INTERIM
from quickstack.models.tuning.experiments import git

_PLACES = Path(".dvc/tmp/sweeps")


def claim(root: Path, name: str) -> Path:
    """Make the folder of a sweep's workers; remove those that killed sweeps left.

    Raises
    ------
    QuickstackError
        Where a sweep of this name is running.
    """
    for left in (root / _PLACES).glob("*.*"):
        owner, _, process = left.name.rpartition(".")
        if not _alive(left, process):
            shutil.rmtree(left, ignore_errors=True)
        elif owner == name:
            raise QuickstackError(
                f"the sweep '{name}' is running, as process {process}",
                fix="wait for it, end it, or give another --name",
            )
    place = root / _PLACES / f"{name}.{os.getpid()}"
    place.mkdir(parents=True)
    return place


def furnish(root: Path, folder: Path, base: str) -> None:
    """Make a worker's clone of commit `base`, with the data that training reads.

    Raises
    ------
    QuickstackError
        Where the data are not in the cache, or git fails.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(folder))
    git(folder, "checkout", "--quiet", "--detach", base)
    with Repo(str(root)) as repo:
        cache, links = repo.cache.local_cache_dir, repo.config["cache"].get("type")
    lines = ["[cache]", f"    dir = {cache}", *([f"    type = {','.join(links)}"] if links else [])]
    lines += ["[core]", f"    site_cache_dir = {folder / '.dvc' / 'tmp' / 'site'}"]
    (folder / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Repo(str(folder)) as repo:
        try:
            repo.checkout(targets=[str(folder / INTERIM)], force=True)
        except DvcException as error:
            raise QuickstackError(
                f"{INTERIM.as_posix()} of commit {base[:7]} is not in the cache",
                fix="run `dvc repro`, or `quickstack pull --remote storage --allow-missing`",
            ) from error


def _alive(left: Path, process: str) -> bool:
    """Whether the process that made a folder still runs, and none that has its number now."""
    import psutil

    try:
        return psutil.Process(int(process)).create_time() <= left.stat().st_mtime
    except (psutil.Error, ValueError, OSError):
        return False
