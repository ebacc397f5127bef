"""States in which nothing is wrong, however they came about."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from world import Case, git

from pipeline.conftest import Clone

ALL = ("--watch", "--rerun", "--stored")
NO_STORE = ("--watch", "--rerun")


@dataclass(frozen=True)
class State:
    """How it is made, and the levels and environment that verify gets."""

    make: Callable[[Case], Case | None]
    options: tuple[str, ...] = ALL
    environment: dict[str, str] = field(default_factory=dict)


def nothing(case: Case) -> None:
    """Leave it as it is: run, committed and pushed."""


def clone_of(case: Case, name: str, *options: str) -> Case:
    """Clone it by git, with its access to the remotes."""
    path = case.path.with_name(name)
    source = f"file://{case.path}"
    subprocess.run(["git", "clone", "--quiet", *options, source, str(path)], check=True)
    shutil.copy(case.path / ".dvc/config.local", path / ".dvc/config.local")
    return replace(case, clone=Clone(path))


def fresh(*options: str, pull: bool = False, name: str = "fresh") -> Callable[[Case], Case]:
    def make(case: Case) -> Case:
        made = clone_of(case, name, *options)
        if pull:
            made.clone.run("dvc", "pull", "--quiet")
        return made

    return make


def run(*commands: str, commit: bool = False, push: bool = False) -> Callable[[Case], None]:
    def make(case: Case) -> None:
        for command in commands:
            case.clone.run("sh", "-c", command)
        if commit:
            case.clone.commit()
        if push:
            case.push()

    return make


def no_network(case: Case) -> None:
    case.buckets.point(case.path, "storage", "restricted", endpointurl="http://127.0.0.1:9")


def without_access(case: Case) -> Case:
    """Clone it as a colleague who has the shared remote only."""
    made = clone_of(case, "colleague")
    case.buckets.point(made.path, "storage")
    made.clone.run("dvc", "pull", "--quiet", "--remote", "storage", "--allow-missing")
    return made


def worktree(case: Case) -> Case:
    path = case.path.with_name("worktree")
    git(case, "worktree", "add", "--quiet", str(path), "-b", "other")
    shutil.copy(case.path / ".dvc/config.local", path / ".dvc/config.local")
    return replace(case, clone=Clone(path))


def other_umask(case: Case) -> Case:
    before = os.umask(0o077)
    try:
        return fresh(pull=True, name="private")(case)
    finally:
        os.umask(before)


def old_branch(case: Case) -> None:
    """Leave a branch of last year whose data are gone from everywhere."""
    git(case, "checkout", "--quiet", "-b", "old")
    lock = case.path / "dvc.lock"
    md5 = case.clone.outputs()["models/model.skops"]
    lock.write_text(lock.read_text().replace(md5, md5[::-1]))
    year_ago = "2020-01-01T00:00:00"
    case.clone.run("git", "commit", "--quiet", "-a", "-m", "old", GIT_COMMITTER_DATE=year_ago)
    git(case, "checkout", "--quiet", "main")


def moved_cache(case: Case) -> None:
    place = case.path.with_name("cache-elsewhere")
    shutil.move(case.path / ".dvc/cache", place)
    case.clone.run("dvc", "cache", "dir", "--local", str(place))


def applied(case: Case) -> None:
    case.clone.run("dvc", "exp", "run", "-S", "train.model=linear", "--name", "linear")
    case.clone.run("dvc", "exp", "apply", "linear")
    case.clone.commit()
    case.push()


def line_ends(case: Case) -> Case:
    """Clone it as git on Windows does by default."""
    return clone_of(case, "autocrlf", "--config", "core.autocrlf=true")


OTHER = {"PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
STATES: dict[str, State] = {
    "run, committed and pushed": State(nothing),
    "with every object read": State(nothing, ("--stored", "--deep")),
    "fresh clone without data": State(fresh()),
    "fresh clone, data pulled": State(fresh(pull=True)),
    "shallow clone": State(fresh("--depth", "1", name="shallow")),
    "folder with spaces and umlauts": State(fresh(pull=True, name="Größe und mehr")),
    "clone with core.autocrlf=true": State(line_ends),
    "other umask": State(other_umask),
    "second run": State(run("dvc repro")),
    "forced run": State(run("dvc repro --force --quiet"), ("--stored",)),
    "outputs removed and checked out": State(
        run("rm -rf models/model.skops data/interim exports", "dvc checkout --quiet"), ("--stored",)
    ),
    "data removed": State(run("rm -rf data/interim data/raw/sample models/model.skops exports")),
    "cache removed, pulled again": State(run("rm -rf .dvc/cache", "dvc pull --quiet")),
    "after gc": State(run("dvc gc --workspace --force --quiet"), ("--stored",)),
    "experiment applied and committed": State(applied),
    "other workers, which no output depends on": State(
        run("sed -i 's/  workers: 2/  workers: 1/' params.yaml", commit=True)
    ),
    "comment in params.yaml": State(run("echo '# note' >> params.yaml", commit=True), ("--watch",)),
    "README changed": State(run("echo note >> README.md", commit=True), ("--stored",)),
    "untracked notes": State(run("echo note > notes.txt"), NO_STORE),
    "other seed, zone, locale, threads": State(nothing, ALL, OTHER),
    "no network": State(no_network, NO_STORE),
    "no access to the restricted remote": State(without_access, ("--stored",)),
    "worktree": State(worktree),
    "tag and branch at the same commit": State(run("git tag v1", "git branch b"), ("--stored",)),
    "old branch whose data are gone": State(old_branch, ("--stored",)),
    "cache in another folder": State(moved_cache),
    "hard links from the cache": State(
        run("dvc config --local cache.type hardlink", "dvc checkout --relink --quiet"), NO_STORE
    ),
}
