"""A sweep: what must hold before it runs, and its trials, some at a time."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from quickstack.facts.contract import load_contract
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.facts.errors import ParameterError, QuickstackError
from quickstack.facts.params import read_dataset, read_params
from quickstack.facts.paths import PARAMS, TRAINING, contract_path
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.tuning.experiments import (
    FinishedTrial,
    find_finished,
    git,
    message,
    pipeline_digest,
    read_scores,
    reference,
    trial_name,
)
from quickstack.models.tuning.search_space import SearchSpace, Values, read_search_space, suggest
from quickstack.models.tuning.trial import (
    TrialResult,
    TrialSpec,
    claim_folder,
    make_clone,
    prepare_worker,
    run_trial,
)
from quickstack.runtime.repository.plan import stages_to_run

#: Called with the number, the values and the end of each trial.
Report = Callable[[int, Values, TrialResult], None]
_LOG = "trials.jsonl"
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
    space: SearchSpace
    metric: str
    higher: bool
    ordered: bool
    base: str
    pipeline: str
    default: list[float]
    before: tuple[FinishedTrial, ...]

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
    space = read_search_space(file, root / PARAMS)
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
    base, before = _belonging(root, name, space, pipeline)
    base = base or head
    metric = contract.main_metric
    return Sweep(
        root=root,
        name=name,
        space=space,
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


def run_trials(sweep: Sweep, trials: int, jobs: int, report: Report) -> bool:
    """Run the trials that are missing of `trials`, `jobs` at a time.

    A trial that failed before counts as missing: its cause may be mended.

    Returns
    -------
    bool
        Whether everything that the ranges allow was tried before that.

    Raises
    ------
    QuickstackError
        Where no trial could succeed: the results of the commit are not those of its code, the data
        are not here, or the disk is full.
    """
    there = {trial.number for trial in sweep.before}
    missing = [number for number in range(1, trials + 1) if number not in there]
    finished = [(trial.values, trial.score) for trial in sweep.before]
    default = sweep.space.default
    finished.append((default, sum(sweep.default) / len(sweep.default)))
    running: dict[Future[TrialResult], tuple[int, Values, Path]] = {}
    failed: list[Values] = []
    with _workplace(sweep) as place, _workers(min(jobs, len(missing) or 1)) as pool:
        free = [place / str(number) for number in range(1, min(jobs, len(missing)) + 1)]
        cloned = pool.map(make_clone, repeat(sweep.root), free, repeat(sweep.base))
        require_results(sweep.root)  # meanwhile
        list(cloned)
        while missing or running:
            while free and missing:
                busy = [*(values for _, values, _ in running.values()), *failed]
                number = missing[0]
                values = suggest(sweep.space, number, finished, busy, higher=sweep.higher)
                if values is None:
                    break
                folder = free.pop()
                spec = _spec(sweep, missing.pop(0), values, folder)
                running[pool.submit(run_trial, spec)] = (number, values, folder)
            if not running:
                return True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number, values, folder = running.pop(future)
                ran = future.result()
                free.append(folder)
                _note(sweep, number, values, ran)
                report(number, values, ran)
                if ran.sentence is None:
                    finished.append((values, sum(ran.by_fold) / len(ran.by_fold)))
                elif ran.disk_full:
                    raise QuickstackError(
                        "no space is left on the disk; the trials that finished are kept",
                        fix="free some, and run the same command again",
                    )
                else:
                    failed.append(values)
    return False


def failures(sweep: Sweep, finished: set[int]) -> dict[int, str]:
    """Return the sentence of each trial that failed and did not finish since, by number."""
    path = sweep.folder / _LOG
    if not path.exists():
        return {}
    lines = [json.loads(x) for x in path.read_text(encoding="utf-8").splitlines() if x[-1:] == "}"]
    ours = [x for x in lines if x["pipeline"] == sweep.pipeline and x["trial"] not in finished]
    return {x["trial"]: x["sentence"] for x in ours if x["sentence"] is not None}


def _head(root: Path) -> str:
    if not git(root, "rev-parse", "--git-dir", check=False):
        raise QuickstackError("this is not a git repository", where=str(root), fix="clone it")
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
    root: Path, name: str, space: SearchSpace, pipeline: str
) -> tuple[str | None, tuple[FinishedTrial, ...]]:
    """Return the commit and the finished trials of this sweep; refuse those of another."""
    found = find_finished(root, name)
    for trial, said in found:
        for what, digest in (("ranges", space.digest), ("pipeline", pipeline)):
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


def _spec(sweep: Sweep, number: int, values: Values, folder: Path) -> TrialSpec:
    name = trial_name(sweep.name, number)
    return TrialSpec(
        root=sweep.root,
        folder=folder,
        base=sweep.base,
        values=values,
        reference=reference(sweep.base, name),
        message=message(sweep.name, number, sweep.space, sweep.pipeline),
        log=sweep.folder / f"{name}.log",
    )


def _note(sweep: Sweep, number: int, values: Values, ran: TrialResult) -> None:
    """Add one line to the log."""
    line: dict[str, Any] = {
        "trial": number,
        "values": values,
        sweep.metric: ran.by_fold,
        "seconds": round(ran.seconds, 1),
        "sentence": ran.sentence,
        "pipeline": sweep.pipeline,
    }
    sweep.folder.mkdir(parents=True, exist_ok=True)
    with (sweep.folder / _LOG).open("a", encoding="utf-8", newline="\n") as log:
        log.write(json.dumps(line, ensure_ascii=False) + "\n")


@contextmanager
def _workplace(sweep: Sweep) -> Iterator[Path]:
    place = claim_folder(sweep.root, sweep.name)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give worker processes; end them and their stages when something goes wrong here."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=prepare_worker)
    try:
        yield pool
    except BaseException as error:
        _end_workers()
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise QuickstackError(
                "a worker was ended from outside, perhaps for lack of memory; the trials that "
                "finished are kept",
                fix="run the same command again, with fewer --jobs if memory is short",
            ) from None
        raise
    pool.shutdown(wait=True)


def _end_workers() -> None:
    import psutil

    for worker in multiprocessing.active_children():
        try:
            own = psutil.Process(worker.pid)
            family = [own, *own.children(recursive=True)]
        except psutil.Error:
            continue
        for process in family:
            try:
                process.kill()
            except psutil.Error:  # it ended meanwhile
                continue
