"""The trials that finished, as git and DVC have them: nothing else is believed.

DVC keeps an experiment as one commit on the commit that it began from, under
`refs/exps/<first two of its hash>/<the rest>/<name>`.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.errors import DataError, QuickstackError
from quickstack.facts.paths import PARAMS, PIPELINE, TRAINING
from quickstack.models.tuning.search_space import SearchSpace, Value, Values

_LOCK = Path("dvc.lock")


@dataclass(frozen=True)
class FinishedTrial:
    """A trial that finished.

    Attributes
    ----------
    number, name, revision
        Its number from 1, and its experiment's name and commit.
    base
        The commit that it began from.
    values
        The value of each parameter that was searched.
    by_fold
        The score of the cross-validation in each fold.
    """

    number: int
    name: str
    revision: str
    base: str
    values: Values
    by_fold: list[float]

    @property
    def score(self) -> float:
        """The mean over the folds."""
        return sum(self.by_fold) / len(self.by_fold)


def git(root: Path, *arguments: str, check: bool = True) -> str:
    """Run git and return what it prints; QuickstackError where it fails and `check` is true."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise QuickstackError("git is not installed", fix="install git") from None
    if check and done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        if "No space left on device" in done.stderr:
            reason = "no space is left on the disk"
        raise QuickstackError(f"`git {arguments[0]}` failed: {reason.rstrip('.')}", where=str(root))
    return done.stdout if done.returncode == 0 else ""


def trial_name(name: str, number: int) -> str:
    """Return the name of a trial's experiment."""
    return f"{name}-{number:03d}"


def reference(base: str, experiment: str) -> str:
    """Return where DVC looks for an experiment."""
    return f"refs/exps/{base[:2]}/{base[2:]}/{experiment}"


def pipeline_digest(root: Path, base: str) -> str:
    """Tell code, data and parameters of one commit from another's: `dvc.lock` has their hashes."""
    paths = (PIPELINE, _LOCK, PARAMS)
    found = git(root, "rev-parse", *(f"{base}:{path.as_posix()}" for path in paths))
    return hashlib.sha256(found.encode()).hexdigest()[:12]


def message(name: str, number: int, space: SearchSpace, pipeline: str) -> str:
    """Return the message of a trial's commit, which says what sweep it belongs to."""
    return (
        f"{trial_name(name, number)}: a trial of quickstack sweep\n\n"
        f"ranges {space.digest}\npipeline {pipeline}\n"
    )


def find_finished(root: Path, name: str) -> list[tuple[FinishedTrial, str]]:
    """Return the finished trials of a sweep, by number, each with the message of its commit.

    Raises
    ------
    QuickstackError
        Where an experiment has a trial's name and none of its contents.
    """
    listed = git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
    found = []
    pattern = rf"^([0-9a-f]+) refs/exps/([0-9a-f]{{2}})/([0-9a-f]+)/({re.escape(name)}-(\d{{3,}}))$"
    for revision, two, rest, experiment, number in re.findall(pattern, listed, flags=re.MULTILINE):
        said = git(root, "log", "-1", "--format=%B", revision)
        if "a trial of quickstack sweep" not in said:
            raise QuickstackError(
                f"the experiment {experiment} has the name of a trial and is not one",
                fix="give the sweep another --name, or run `dvc exp rename`",
            )
        by_fold = read_scores(json.loads(git(root, "show", f"{revision}:{TRAINING.as_posix()}")))
        params = yaml.safe_load(git(root, "show", f"{revision}:{PARAMS.as_posix()}"))
        values = dict(_flat(params["train"], "train"))
        trial = FinishedTrial(int(number), experiment, revision, two + rest, values, by_fold)
        found.append((trial, said))
    return sorted(found, key=lambda pair: pair[0].number)


def read_scores(training: dict[str, Any]) -> list[float]:
    """Return the score in each fold from `reports/training.json`; DataError where one lacks it."""
    validation = training["cross_validation"] or {}
    ((_, by_fold),) = (validation.get("by_fold") or {"": []}).items()
    if not by_fold or None in by_fold:
        raise DataError("a fold of the cross-validation has no score", where=TRAINING.as_posix())
    return [float(score) for score in by_fold]


def _flat(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Value]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}.{key}")
        else:
            yield f"{prefix}.{key}", value
