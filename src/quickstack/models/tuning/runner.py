"""Run the trials that a sweep still lacks, some at a time, each in a process that lives on."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

from quickstack.facts.errors import QuickstackError
from quickstack.models.tuning.experiments import message, reference, trial_name
from quickstack.models.tuning.preflight import Sweep, require_results
from quickstack.models.tuning.search_space import Values
from quickstack.models.tuning.suggest import propose
from quickstack.models.tuning.trial import Ran, Task, begin, run_trial
from quickstack.models.tuning.trial_clones import claim, furnish

#: Called with the number, the values and the end of each trial.
Report = Callable[[int, Values, Ran], None]
_LOG = "trials.jsonl"


def conduct(sweep: Sweep, trials: int, jobs: int, report: Report) -> bool:
    """Run what lacks of `trials` trials, `jobs` at a time.

    A trial that failed before counts as lacking: what made it fail may be mended.

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
    lacking = [number for number in range(1, trials + 1) if number not in there]
    finished = [(trial.values, trial.score) for trial in sweep.before]
    default = sweep.declared.default
    finished.append((default, sum(sweep.default) / len(sweep.default)))
    running: dict[Future[Ran], tuple[int, Values, Path]] = {}
    failed: list[Values] = []
    with _workplace(sweep) as place, _workers(min(jobs, len(lacking) or 1)) as pool:
        free = [place / str(number) for number in range(1, min(jobs, len(lacking)) + 1)]
        furnished = pool.map(furnish, repeat(sweep.root), free, repeat(sweep.base))
        require_results(sweep.root)  # meanwhile
        list(furnished)
        while lacking or running:
            while free and lacking:
                busy = [*(values for _, values, _ in running.values()), *failed]
                number = lacking[0]
                values = propose(sweep.declared, number, finished, busy, higher=sweep.higher)
                if values is None:
                    break
                folder = free.pop()
                task = _task(sweep, lacking.pop(0), values, folder)
                running[pool.submit(run_trial, task)] = (number, values, folder)
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


def _task(sweep: Sweep, number: int, values: Values, folder: Path) -> Task:
    name = trial_name(sweep.name, number)
    return Task(
        root=sweep.root,
        folder=folder,
        base=sweep.base,
        values=values,
        reference=reference(sweep.base, name),
        message=message(sweep.name, number, sweep.declared, sweep.pipeline),
        log=sweep.folder / f"{name}.log",
    )


def _note(sweep: Sweep, number: int, values: Values, ran: Ran) -> None:
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
    place = claim(sweep.root, sweep.name)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give worker processes; end them and their stages when something goes wrong here."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=begin)
    try:
        yield pool
    except BaseException as error:
        _end_workers()
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise QuickstackError(
                "a worker was ended from outside, perhaps for lack of memory; the trials that "
                "finished are kept",
                fix="run the same command again, with fewer --jobs where memory lacks",
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
