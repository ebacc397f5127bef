"""Measure what a trial of `quickstack sweep` costs beyond the training itself.

Run it in the root of a clone, with the environment's Python: `python benchmarks/sweep.py`. It works
in a temporary clone with a small sample, and measures the same change, another
`train.gradient_boosting.l2_regularization`, in ways that take turns within each round:

a. the two scripts alone: `python src/train.py && python src/evaluate.py`
b. `dvc exp run --temp`: an experiment in a copy, as DVC's own queue makes them
c. one trial of a sweep, in a worker that has run one before
d. a whole sweep, from the command to its last line, divided by its trials; one at a time
e. the same, two at a time

How to read it: a model is trained in all of them, so `added` is what the tool costs per trial, in
seconds. It does not grow with the training, so `ratio` falls towards 1 for a model that trains for
minutes. Rows d and e hold the start of the sweep, once, and its last words; in row e 0.5 would be
two cores used fully at no cost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from statistics import median

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "src"), str(Path(__file__).parent)]

from experiments import BARE, Clone, finished_clone, summary  # noqa: E402 - the path comes first

TRIAL = "c. a trial of a sweep"
SETTING = "train.gradient_boosting.l2_regularization"
RANGES = f"search: random\nparameters:\n  {SETTING}: {{low: 0.1, high: 5}}\n"
Ways = Mapping[str, Callable[[], int]]


def ways(clone: Clone, trials: int) -> Ways:
    """Return what is measured: each way runs some trials, and returns how many."""
    # A worker runs in this process: it imports what the commands of the clone import.
    from quickstack.models.tuning.experiments import reference
    from quickstack.models.tuning.trial import (
        TrialSpec,
        claim_folder,
        make_clone,
        prepare_worker,
        run_trial,
    )

    base = clone.run("git", "rev-parse", "HEAD").strip()
    prepare_worker()
    place = claim_folder(clone.path, "benchmark")
    make_clone(clone.path, place / "1", base)
    values = (round(1 + step / 10_000, 4) for step in count(1))
    names = (f"sweep-{number}" for number in count(1))

    def bare() -> int:
        path = clone.path / "params.yaml"
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r"l2_regularization: .*", f"l2_regularization: {next(values)}", text)
        path.write_text(changed, encoding="utf-8", newline="\n")
        clone.run("python", "src/train.py")
        clone.run("python", "src/evaluate.py")
        return 1

    def temporary() -> int:
        clone.run("dvc", "exp", "run", "--temp", "-S", f"{SETTING}={next(values)}", "evaluate")
        return 1

    def trial() -> int:
        name = next(names)
        log, ref = place / f"{name}.log", reference(base, name)
        one = {SETTING: next(values)}
        with contextlib.chdir(place / "1"):
            ran = run_trial(TrialSpec(clone.path, place / "1", base, one, ref, "a trial", log))
        if ran.sentence is not None:
            raise SystemExit(ran.sentence)
        return 1

    def sweep(jobs: int) -> int:
        options = ("--trials", str(trials), "--jobs", str(jobs), "--name", next(names))
        # Another seed, so that no cache answers for the training.
        seed = f"seed: {int(next(values) * 10_000)}\n"
        (clone.path / "configuration" / "sweep.yaml").write_text(seed + RANGES, encoding="utf-8")
        clone.run("quickstack", "sweep", *options)
        return trials

    return {
        BARE: bare,
        "b. dvc exp run --temp": temporary,
        TRIAL: trial,
        f"d. sweep of {trials}, 1 at a time": lambda: sweep(1),
        f"e. sweep of {trials}, 2 at a time": lambda: sweep(2),
    }


def measure(clone: Clone, found: Ways, rounds: int) -> dict[str, list[float]]:
    """Return the seconds per trial of each way, one number a round."""
    seconds: dict[str, list[float]] = {way: [] for way in found}
    for number in range(rounds):
        for way, work in found.items():
            clone.reset()
            start = time.monotonic()
            trials = work()
            seconds[way].append((time.monotonic() - start) / trials)
            print(f"round {number + 1} of {rounds}, {way}: {seconds[way][-1]:.1f} s", flush=True)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a trial costs beyond the training.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--trials", type=int, default=4, help="of the whole sweeps (4)")
    arguments = parser.parse_args()
    with finished_clone() as clone:
        os.environ["DVC_SITE_CACHE_DIR"] = clone.environment["DVC_SITE_CACHE_DIR"]
        seconds = measure(clone, ways(clone, arguments.trials), max(1, arguments.rounds))
    print(f"\n{os.cpu_count()} cores, medians of {arguments.rounds}\n\n{summary(seconds)}")
    own = [c - a for c, a in zip(seconds[TRIAL], seconds[BARE], strict=True)]
    print(f"\noverhead per trial against the bare training: {median(own):.2f} s")


if __name__ == "__main__":
    main()
