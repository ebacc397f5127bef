"""One trial: its parameters, DVC's `repro` up to `evaluate`, and the experiment that keeps it."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import PARAMS, TRAINING
from quickstack.models.tuning.experiments import git, read_scores
from quickstack.models.tuning.search_space import Values

#: The last stage of a trial. The stages behind it would show nothing more.
LAST = "evaluate"
_SPACE = re.compile(r"no space (is )?left on", re.IGNORECASE)


@dataclass(frozen=True)
class Task:
    """What a worker is given: its clone, the commit, the parameters and where the result goes."""

    root: Path
    folder: Path
    base: str
    values: Values
    reference: str
    message: str
    log: Path


@dataclass(frozen=True)
class Ran:
    """How a trial ended: with its scores by fold, or with the sentence that says why not."""

    seconds: float
    by_fold: list[float]
    sentence: str | None = None
    disk_full: bool = False


def begin() -> None:
    """Prepare a worker process: Ctrl-C is the conductor's to handle, stages find their Python."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"


def run_trial(task: Task) -> Ran:
    """Run a trial in a worker's clone, and hand its commit to the repository.

    Returns
    -------
    Ran
        Also where it failed; what its stages said is in `task.log`.
    """
    start = time.monotonic()
    try:
        with _output_to(task.log):
            git(task.folder, "reset", "--quiet", "--hard", task.base)
            _reproduce(task)
            training = json.loads((task.folder / TRAINING).read_text(encoding="utf-8"))
            by_fold = read_scores(training)
            _hand_over(task)
    except Exception as error:  # of DVC, of a stage or of git: the next trial may succeed
        said = task.log.read_text(encoding="utf-8", errors="replace") if task.log.exists() else ""
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        sentence = _reason(error, said, task.log)
        full = full or bool(_SPACE.search(f"{sentence} {said}"))
        return Ran(time.monotonic() - start, [], sentence, full)
    return Ran(time.monotonic() - start, by_fold)


def _reproduce(task: Task) -> None:
    from dvc.repo import Repo
    from dvc.utils.serialize import modify_yaml

    os.chdir(task.folder)  # stages run by paths relative to it
    with modify_yaml(str(task.folder / PARAMS)) as params:
        for name, value in task.values.items():
            *parts, last = name.split(".")
            place = params
            for part in parts:
                place = place.setdefault(part, {})  # of an own model it may not stand there
            place[last] = value
    with Repo(str(task.folder)) as repo:
        # Raw data are not here: the plan was checked, so what is made of them is up to date.
        repo.reproduce(targets=[LAST], allow_missing=True)


def _hand_over(task: Task) -> None:
    """Commit what the trial made, and push it as an experiment: all of it or nothing."""
    user = git(task.root, "config", "user.name", check=False).strip() or "Quickstack"
    mail = git(task.root, "config", "user.email", check=False).strip() or "quickstack@localhost"
    own = ("-c", f"user.name={user}", "-c", f"user.email={mail}", "-c", "commit.gpgsign=false")
    git(task.folder, "add", "--all")
    git(task.folder, *own, "commit", "--quiet", "--no-verify", "--message", task.message)
    place = f"HEAD:{task.reference}"
    git(task.folder, "push", "--quiet", "--no-verify", str(task.root), place)


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
