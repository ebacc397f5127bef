"""The arithmetic of the experiments benchmark; measuring itself takes minutes, and is not run."""

from __future__ import annotations

import importlib.util
from itertools import count

import pytest

from helpers import ROOT


@pytest.fixture(scope="module")
def benchmark():
    path = ROOT / "benchmarks" / "experiments.py"
    spec = importlib.util.spec_from_file_location("benchmark_experiments", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Fake:
    """Stands for a clone: notes what is run, and says that queued experiments are done."""

    def __init__(self):
        self.commands, self.done = [], 0

    def run(self, *command):
        self.commands.append(" ".join(command))
        self.done += command[:3] == ("dvc", "exp", "run")
        return ""

    def change(self, old, new):
        assert old != new
        self.commands.append(new.split("\n")[0].strip())

    def reset(self):
        self.commands.append("reset")

    def experiments(self):
        return self.done


def test_each_round_measures_each_way_once_and_no_seed_comes_twice(benchmark, capsys):
    clone = Fake()
    seconds = benchmark.measure(clone, 2)
    assert {way: len(times) for way, times in seconds.items()} == dict.fromkeys(benchmark.WAYS, 2)
    assert clone.commands.count("reset") == 8
    used = [c.split("seed")[1].strip(":= ").split()[0] for c in clone.commands if "seed" in c]
    assert len(used) == len(set(used)) == 2 * (3 + benchmark.QUEUED)
    assert capsys.readouterr().out.count("round 1 of 2") == 4


def test_ratios_are_taken_within_a_round(benchmark):
    text = benchmark.summary({benchmark.BARE: [2.0, 4.0, 8.0], "b": [3.0, 6.0, 12.0]})
    bare, other = text.splitlines()[2:]
    assert bare == f"| {benchmark.BARE} | 4.0 | 2.0 to 8.0 | +0.0 | 1.00 |"
    assert other == "| b | 6.0 | 3.0 to 12.0 | +2.0 | 1.50 |"


def test_what_it_changes_in_the_parameters_is_there(benchmark):
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for old, _ in benchmark.SMALL:
        assert params.count(old) == 1
    assert params.count(benchmark._seed(count(1))[0]) == 1


def test_only_experiments_are_counted_among_the_references(benchmark):
    refs = [
        f"refs/exps/ab/{'c' * 38}/odd-name",
        "refs/exps/exec/EXEC_BASELINE",
        "refs/exps/celery/stash",
        f"refs/exps/00/{'0' * 38}/other",
    ]
    assert len(benchmark._EXPERIMENT.findall("\n".join(refs))) == 2
