"""What must hold before a sweep runs, and what it is then: its commit, its score, its default."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from quickstack.facts.contract import load_contract
from quickstack.facts.errors import ParameterError, QuickstackError
from quickstack.facts.params import read_dataset, read_params
from quickstack.facts.paths import PARAMS, TRAINING, contract_path
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.metrics import HIGHER_IS_BETTER, MAIN_METRIC
from quickstack.models.tuning.experiments import (
    Finished,
    find_finished,
    git,
    pipeline_digest,
    read_scores,
)
from quickstack.models.tuning.search_space import Declared, read_declared
from quickstack.runtime.repository.plan import stages_to_run

#: The stages that a trial runs or stands on.
_NEEDED = {"sample", "ingest", "train", "evaluate"}


@dataclass(frozen=True)
class Sweep:
    """A sweep: what it searches, by what score, and from which commit its trials begin.

    Attributes
    ----------
    metric, higher
        The score, and whether more is better. It is that of the cross-validation of the training
        rows: to choose by the test rows would make them training rows.
    ordered
        Whether the rows have an order in time.
    base, pipeline
        The commit, and the digest of its code, data and parameters.
    default
        The score of what `params.yaml` says, in each fold.
    """

    root: Path
    name: str
    declared: Declared
    metric: str
    higher: bool
    ordered: bool
    base: str
    pipeline: str
    default: list[float]
    before: tuple[Finished, ...]

    @property
    def folder(self) -> Path:
        """Where its logs are; git ignores them."""
        return self.root / ".quickstack" / "sweeps" / self.name


def open_sweep(root: Path, file: Path, name: str) -> Sweep:
    """Check all that can be checked before something runs.

    Raises
    ------
    ParameterError
        Where the ranges, the name or `train.folds` are wrong.
    QuickstackError
        Where there is no commit, the workspace differs from it, its results are not up to date, or
        the name belongs to another sweep.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", name):
        raise ParameterError(
            "a sweep's name is letters, digits, - and _", where="--name", fix="give another"
        )
    declared = read_declared(file, root / PARAMS)
    folds = read_params(TrainParams, root / PARAMS).folds
    if folds < 2:
        raise ParameterError(
            f"a sweep compares trials by cross-validation, and train.folds is {folds}",
            where=str(PARAMS),
            fix="set it to 5, run `dvc repro`, and commit",
        )
    contract = load_contract(root / contract_path(read_dataset(root / PARAMS)))
    head = _head(root)
    _require_clean(root, file)
    pipeline = pipeline_digest(root, head)
    base, before = _belonging(root, name, declared, pipeline)
    base = base or head
    metric = MAIN_METRIC[contract.task]
    return Sweep(
        root=root,
        name=name,
        declared=declared,
        metric=metric,
        higher=HIGHER_IS_BETTER[contract.task][metric],
        ordered=contract.ordered,
        base=base,
        pipeline=pipeline,
        default=_default(root, base),
        before=before,
    )


def require_results(root: Path) -> None:
    """Refuse a commit whose results are not those of its code: trials could not be compared."""
    if stale := [stage for stage in stages_to_run(root) if stage in _NEEDED]:
        raise QuickstackError(
            f"dvc.lock does not describe this commit: {', '.join(stale)} would run",
            fix="run `dvc repro`, commit its result, and sweep from there",
        )


def _head(root: Path) -> str:
    if not git(root, "rev-parse", "--git-dir", check=False):
        raise QuickstackError("this is no git repository", where=str(root), fix="clone it")
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).strip()
    if not head:
        raise QuickstackError(
            "there is no commit, and experiments are kept on one",
            fix='git add --all && git commit -m "Begin"',
        )
    return head


def _require_clean(root: Path, file: Path) -> None:
    """Refuse changes that no commit holds; of the file of ranges they do no harm."""
    listed = git(root, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames")
    changed = {entry[3:] for entry in listed.split("\0") if entry}
    changed -= {path for path in changed if (root / path).resolve() == file.resolve()}
    if changed:
        shown = ", ".join(sorted(changed)[:3]) + (", …" if len(changed) > 3 else "")
        raise QuickstackError(
            f"{shown} {'differ' if len(changed) > 1 else 'differs'} from the last commit; a "
            "sweep's trials begin from a commit, so that they can be compared and repeated",
            fix="commit it, or put it away by `git stash && dvc checkout`",
        )


def _belonging(
    root: Path, name: str, declared: Declared, pipeline: str
) -> tuple[str | None, tuple[Finished, ...]]:
    """Return the commit and the finished trials of this sweep; refuse those of another."""
    found = find_finished(root, name)
    for trial, said in found:
        for what, digest in (("ranges", declared.digest), ("pipeline", pipeline)):
            if f"{what} {digest}\n" not in said + "\n":
                other = "ranges" if what == "ranges" else "code, data or parameters"
                raise QuickstackError(
                    f"the sweep '{name}' has {len(found)} finished trials with other {other}, and "
                    "scores of both cannot be compared",
                    fix=f"give another --name, or go back to them; commit {trial.base[:7]} has "
                    "the code and data",
                )
    return (found[0][0].base if found else None), tuple(trial for trial, _ in found)


def _default(root: Path, base: str) -> list[float]:
    text = git(root, "show", f"{base}:{TRAINING.as_posix()}", check=False)
    try:
        return read_scores(json.loads(text))
    except (ValueError, KeyError):
        raise QuickstackError(
            f"{TRAINING.as_posix()} of commit {base[:7]} has no score in each fold, which trials "
            "are compared with",
            fix="run `dvc repro`, commit its result, and sweep from there",
        ) from None
