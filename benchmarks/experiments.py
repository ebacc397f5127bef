"""Measure what an experiment costs beyond the training itself.

Run it in the root of a clone, with the environment's Python: `python benchmarks/experiments.py`.
It works in a temporary clone with a small sample, and measures one change, another `train.seed`,
in four ways that take turns within each round:

a. the two scripts alone: `python src/train.py && python src/evaluate.py`
b. `dvc repro`: the same, with the lock file and the cache
c. `dvc exp run -S train.seed=…`: the same, kept as an experiment with its own commit
d. `dvc exp run --queue` six times, then `dvc queue start -j 2`: from the first queued to the last
   finished, divided by six

How to read it: a model is trained in all four, so `added` is what the tool itself costs per
experiment, in seconds. It does not grow with the training, and so `ratio` falls towards 1 for a
model that trains for minutes; on this small sample most of row a is the start of Python and its
packages, which is close to the worst case. Row d
runs two experiments at a time: 0.5 would be two cores used fully at no cost. Seconds depend on the
machine and on what else it does; ratios come from the same minutes, and depend on that much less.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
#: A sample and a model small enough that the tool's own cost shows.
SMALL = (
    ("rows: 60000", "rows: 6000"),
    ("iterations: 150", "iterations: 30"),
    ("resamples: 500", "resamples: 50"),
)
QUEUED, WORKERS = 6, 2
BARE = "a. the two scripts alone"
#: Seconds after which a queue that has not finished is given up.
PATIENCE = 900
_EXPERIMENT = re.compile(r"^refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/", re.MULTILINE)


class Clone:
    """A temporary clone of the working tree, in which the pipeline has run once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(path.parent / "site"),
        }

    def run(self, *command: str) -> str:
        """Run a command in the clone and return what it printed; end with its words if it fails."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed\n{done.stdout}{done.stderr}")
        return done.stdout

    def change(self, old: str, new: str) -> None:
        """Replace text in params.yaml that must be there."""
        params = self.path / "params.yaml"
        text = params.read_text(encoding="utf-8")
        if old not in text:
            raise SystemExit(f"params.yaml no longer holds '{old}'; change SMALL in {__file__}")
        params.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    def reset(self) -> None:
        """Bring the workspace back to the commit, and let no worker idle beside a measurement."""
        self.run("dvc", "queue", "stop")
        self.run("git", "reset", "--quiet", "--hard")
        self.run("dvc", "checkout", "--quiet", "--force", "--with-deps", "evaluate")

    def experiments(self) -> int:
        """Count the finished experiments; git answers at once, and DVC would take a core."""
        refs = self.run("git", "for-each-ref", "--format=%(refname)", "refs/exps")
        return len(_EXPERIMENT.findall(refs))


@contextmanager
def finished_clone() -> Iterator[Clone]:
    """Clone the working tree as git would commit it, run the pipeline, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="quickstack-", ignore_cleanup_errors=True) as folder:
        clone = Clone(Path(folder) / "project")
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (clone.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, clone.path / name)
        clone.run("git", "init", "--quiet", "--initial-branch=main")
        clone.run("git", "config", "user.name", "Benchmark")
        clone.run("git", "config", "user.email", "benchmark@example.org")
        for old, new in SMALL:
            clone.change(old, new)
        clone.run("git", "add", "--all")
        clone.run("git", "commit", "--quiet", "-m", "clone")
        clone.run("dvc", "repro", "evaluate")
        clone.run("git", "add", "--all")
        clone.run("git", "commit", "--quiet", "--allow-empty", "-m", "run")
        try:
            yield clone
        finally:
            clone.run("dvc", "queue", "stop", "--kill")


def _seed(seeds: Iterator[int]) -> tuple[str, str]:
    """Return what stands in the section `train` of params.yaml, and what shall."""
    return "  seed: 0\n  folds:", f"  seed: {next(seeds)}\n  folds:"


def bare(clone: Clone, seeds: Iterator[int]) -> int:
    """Run the two scripts without DVC."""
    clone.change(*_seed(seeds))
    clone.run("python", "src/train.py")
    clone.run("python", "src/evaluate.py")
    return 1


def repro(clone: Clone, seeds: Iterator[int]) -> int:
    """Run the same by `dvc repro`."""
    clone.change(*_seed(seeds))
    clone.run("dvc", "repro", "evaluate")
    return 1


def experiment(clone: Clone, seeds: Iterator[int]) -> int:
    """Run the same as an experiment in the workspace."""
    clone.run("dvc", "exp", "run", "-S", f"train.seed={next(seeds)}", "evaluate")
    return 1


def queue(clone: Clone, seeds: Iterator[int]) -> int:
    """Queue experiments, start the workers and wait for the last one."""
    wanted = clone.experiments() + QUEUED
    for _ in range(QUEUED):
        clone.run("dvc", "exp", "run", "--queue", "-S", f"train.seed={next(seeds)}", "evaluate")
    clone.run("dvc", "queue", "start", "-j", str(WORKERS))
    deadline = time.monotonic() + PATIENCE
    while clone.experiments() < wanted:
        if time.monotonic() > deadline:
            raise SystemExit(f"the queue is not done\n{clone.run('dvc', 'queue', 'status')}")
        time.sleep(0.2)
    return QUEUED


WAYS: Mapping[str, Callable[[Clone, Iterator[int]], int]] = {
    BARE: bare,
    "b. dvc repro": repro,
    "c. dvc exp run": experiment,
    f"d. queue of {QUEUED}, {WORKERS} workers": queue,
}


def measure(clone: Clone, rounds: int) -> dict[str, list[float]]:
    """Return the seconds per experiment of each way, one number a round.

    Every experiment has a seed that none had before, so that no cache answers for the training.
    """
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    seeds = count(1)
    for number in range(rounds):
        for way, work in WAYS.items():
            clone.reset()
            start = time.monotonic()
            experiments = work(clone, seeds)
            seconds[way].append((time.monotonic() - start) / experiments)
            print(f"round {number + 1} of {rounds}, {way}: {seconds[way][-1]:.1f} s", flush=True)
    return seconds


def summary(seconds: Mapping[str, Sequence[float]]) -> str:
    """Return the table: the median of each way, and how it compares with the scripts alone.

    The ratio is the median of the rounds' own ratios: neighbours in time saw the same machine.
    """
    base = seconds[BARE]
    lines = [
        "| per experiment | seconds | fastest to slowest | added | ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for way, times in seconds.items():
        pairs = list(zip(times, base, strict=True))
        added, ratio = median(t - b for t, b in pairs), median(t / b for t, b in pairs)
        lines.append(
            f"| {way} | {median(times):.1f} | {min(times):.1f} to {max(times):.1f} "
            f"| {added:+.1f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What an experiment costs beyond the training.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    rounds = max(1, parser.parse_args().rounds)
    with finished_clone() as clone:
        seconds = measure(clone, rounds)
    print(f"\n{os.cpu_count()} cores, medians of {rounds}\n\n{summary(seconds)}")


if __name__ == "__main__":
    main()
