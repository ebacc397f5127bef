"""Sweeps end with what was asked for, whatever happens to them on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
import yaml

COUNT = 5


def start(small, *arguments: str) -> subprocess.Popen[str]:
    """Start a sweep in a process group of its own."""
    return subprocess.Popen(
        ["quickstack", "sweep", *arguments],
        cwd=small.path, env=small.environment, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(small, process, experiments: int) -> None:
    while len(small.experiments()) < experiments:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def parameters(small, rev: str) -> dict:
    text = small.run("git", "show", f"{rev}:params.yaml").stdout
    return yaml.safe_load(text)["train"]["gradient_boosting"]


def leftovers(small) -> list:
    return list((small.path / ".dvc" / "tmp" / "sweeps").glob("*"))


def test_a_sweep_killed_in_the_middle_goes_on_and_dvc_shows_every_trial(small):
    process = start(small, "--trials", str(COUNT))
    wait_for(small, process, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = small.experiments()
    assert 2 <= len(before) < COUNT
    assert leftovers(small) != []

    said = small.run("quickstack", "sweep", "--trials", str(COUNT)).stdout
    found = small.experiments()
    assert sorted(found) == [f"sweep-{number:03d}" for number in range(1, COUNT + 1)]
    assert {name: found[name] for name in before} == before, "a finished trial ran again"
    tried = [tuple(parameters(small, rev).values()) for rev in found.values()]
    assert len(set(tried)) == COUNT
    assert f"{COUNT} trials finished, 0 failed" in said
    assert said.count(" s)\n") == COUNT - len(before)
    assert leftovers(small) == []
    shown = json.loads(small.run("dvc", "exp", "show", "--json").stdout)
    names = [r["name"] for base in shown for e in base["experiments"] or () for r in e["revs"]]
    assert sorted(names) == sorted(found)
    assert small.run("git", "status", "--porcelain").stdout == ""
    assert small.run("git", "stash", "list").stdout == ""

    again = small.run("quickstack", "sweep", "--trials", str(COUNT)).stdout
    assert small.experiments() == found
    assert again in said

    # A random search suggests by the number of the trial: the kill changed nothing.
    best = next(line for line in said.splitlines() if line.startswith("best       sweep-"))
    name = best.split()[1].rstrip(":")
    small.run("git", "commit", "--quiet", "--allow-empty", "--message", "something else")
    refused = small.run("quickstack", "sweep", "--apply", check=False)
    assert refused.returncode == 1
    assert "there are newer ones. To fix it: make a branch of the best" in refused.stderr
    small.run("git", "reset", "--quiet", "--hard", "HEAD~")
    small.run("quickstack", "sweep", "--branch", "better", "--apply")
    assert small.run("git", "rev-parse", "better").stdout.strip() == found[name]
    applied = yaml.safe_load((small.path / "params.yaml").read_text())["train"]["gradient_boosting"]
    assert applied == parameters(small, found[name])
    assert small.run("dvc", "status", "train", "evaluate").stdout.startswith("Data and pipelines")


@pytest.mark.long
def test_failed_trials_are_shown_and_end_nothing(small):
    ranges = "parameters:\n  train.gradient_boosting.max_leaf_nodes: {choices: [13, 17, 5]}\n"
    small.ranges(ranges)
    done = small.run("quickstack", "sweep", "--trials", "9", "--name", "leaves")
    assert "1 trials finished, 2 failed" in done.stdout
    assert "train stopped: thirteen leaves bring bad luck." in done.stdout
    assert "a fold of the cross-validation has no score" in done.stdout
    assert "The ranges allow no other trial." in done.stdout
    assert list(small.experiments()) != []
    assert len(small.experiments()) == 1
    assert leftovers(small) == []

    small.ranges(ranges.replace("13, 17, 5", "13, 17"))
    refused = small.run("quickstack", "sweep", "--name", "leaves", check=False)
    assert refused.returncode == 1
    assert "the sweep 'leaves' has 1 finished trials with other ranges" in refused.stderr
    failed = small.run("quickstack", "sweep", "--name", "none", check=False)
    assert failed.returncode == 1
    assert "All trials failed. To fix it" in failed.stderr
    assert "Traceback" not in failed.stderr + done.stderr


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_ends_it_with_a_sentence(small):
    process = start(small, "--trials", "500")
    wait_for(small, process, 1)
    busy = small.run("quickstack", "sweep", check=False)
    assert f"the sweep 'sweep' is running, as process {process.pid}" in busy.stderr
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "to go on, run the same command again." in said
    assert "Traceback" not in said
    assert leftovers(small) == []
    assert small.run("git", "status", "--porcelain").stdout == ""
