"""One trial: its clone, its parameters, DVC's `repro` up to `evaluate`, and its experiment.

DVC's own temporary experiments make a copy for every experiment, with all data. Here each worker
has a clone of the commit that serves its trials one after the other; it shares git's objects and
DVC's cache with the repository, and holds no raw data. What a trial leaves reaches the repository
in one step, by `git push`, so that one which is killed leaves nothing there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import INTERIM, PARAMS, TRAINING
from quickstack.models.tuning.experiments import git, read_scores
from quickstack.models.tuning.search_space import Values

#: The last stage of a trial. The stages behind it would show nothing more.
LAST = "evaluate"
#: Where the clones are.
_CLONES = Path(".dvc/tmp/sweeps")
_SPACE = re.compile(r"no space (is )?left on", re.IGNORECASE)


@dataclass(frozen=True)
class TrialSpec:
    """What a worker is given: its clone, the commit, the parameters and where the result goes."""

    root: Path
    folder: Path
    base: str
    values: Values
    reference: str
    message: str
    log: Path


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended: with its scores by fold, or with the sentence that says why not."""

    seconds: float
    by_fold: list[float]
    sentence: str | None = None
    disk_full: bool = False


def claim_folder(root: Path, name: str) -> Path:
    """Make the folder of a sweep's workers; remove those that killed sweeps left.

    Raises
    ------
    QuickstackError
        Where a sweep of this name is running.
    """
    for left in (root / _CLONES).glob("*.*"):
        owner, _, process = left.name.rpartition(".")
        if not _alive(left, process):
            shutil.rmtree(left, ignore_errors=True)
        elif owner == name:
            raise QuickstackError(
                f"the sweep '{name}' is running, as process {process}",
                fix="wait for it, end it, or give another --name",
            )
    place = root / _CLONES / f"{name}.{os.getpid()}"
    place.mkdir(parents=True)
    return place


def make_clone(root: Path, folder: Path, base: str) -> None:
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


def prepare_worker() -> None:
    """Prepare a worker process: Ctrl-C is the runner's to handle, stages find their Python."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"


def run_trial(spec: TrialSpec) -> TrialResult:
    """Run a trial in a worker's clone, and hand its commit to the repository.

    Returns
    -------
    TrialResult
        Also where it failed; what its stages said is in `spec.log`.
    """
    start = time.monotonic()
    try:
        with _output_to(spec.log):
            git(spec.folder, "reset", "--quiet", "--hard", spec.base)
            _reproduce(spec)
            training = json.loads((spec.folder / TRAINING).read_text(encoding="utf-8"))
            by_fold = read_scores(training)
            _hand_over(spec)
    except Exception as error:  # of DVC, of a stage or of git: the next trial may succeed
        said = spec.log.read_text(encoding="utf-8", errors="replace") if spec.log.exists() else ""
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        sentence = _reason(error, said, spec.log)
        full = full or bool(_SPACE.search(f"{sentence} {said}"))
        return TrialResult(time.monotonic() - start, [], sentence, full)
    return TrialResult(time.monotonic() - start, by_fold)


def _reproduce(spec: TrialSpec) -> None:
    from dvc.repo import Repo
    from dvc.utils.serialize import modify_yaml

    os.chdir(spec.folder)  # stages run by paths relative to it
    with modify_yaml(str(spec.folder / PARAMS)) as params:
        for name, value in spec.values.items():
            *parts, last = name.split(".")
            place = params
            for part in parts:
                place = place.setdefault(part, {})  # of an own model it may not stand there
            place[last] = value
    with Repo(str(spec.folder)) as repo:
        # Raw data are not here: the plan was checked, so what is made of them is up to date.
        repo.reproduce(targets=[LAST], allow_missing=True)


def _hand_over(spec: TrialSpec) -> None:
    """Commit what the trial made, and push it as an experiment: all of it or nothing."""
    user = git(spec.root, "config", "user.name", check=False).strip() or "Quickstack"
    mail = git(spec.root, "config", "user.email", check=False).strip() or "quickstack@localhost"
    own = ("-c", f"user.name={user}", "-c", f"user.email={mail}", "-c", "commit.gpgsign=false")
    git(spec.folder, "add", "--all")
    git(spec.folder, *own, "commit", "--quiet", "--no-verify", "--message", spec.message)
    place = f"HEAD:{spec.reference}"
    git(spec.folder, "push", "--quiet", "--no-verify", str(spec.root), place)


def _reason(error: Exception, said: str, log: Path) -> str:
    stopped = re.findall(r"^(\w+ stopped: .*)$", said, flags=re.MULTILINE)
    if stopped:
        return str(stopped[-1])
    if isinstance(error, QuickstackError):
        return error.sentence()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    if error.__cause__ is not None and type(error.__cause__).__name__ == "StageCmdFailedError":
        return f"{error.__cause__}."  # the command and its exit code
    return f"it ended with {type(error).__name__}; what was said is in {log.name}."


@contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send what this process and those that it starts print to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip(kept, (1, 2), strict=True):
            os.dup2(number, descriptor)
            os.close(number)


def _alive(left: Path, process: str) -> bool:
    """Whether the process that made a folder still runs, and none that has its number now."""
    import psutil

    try:
        return psutil.Process(int(process)).create_time() <= left.stat().st_mtime
    except (psutil.Error, ValueError, OSError):
        return False
