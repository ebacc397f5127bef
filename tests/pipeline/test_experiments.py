"""Sweeps: queued experiments succeed, are told apart, and run the code that they were queued with.

One queue serves most tests here: a grid of two, and one with changed code. Every experiment stops
after `evaluate`, since the stages behind it cost time and would show nothing more.
"""

from __future__ import annotations

import json
import shutil

import pytest

from helpers import ROOT, real_data

INTERVALS = "src/quickstack/models/evaluation/intervals.py"
COMPARED = '        **compared["value"],\n'
MODELS = ("linear", "baseline")


def experiments(clone):
    """Return the revision, parameters and metrics of each experiment by name, as DVC shows them."""
    shown = json.loads(clone.run("dvc", "exp", "show", "--json").stdout)
    found = [rev for base in shown for exp in base["experiments"] or () for rev in exp["revs"]]
    return {
        rev["name"]: {
            "rev": rev["rev"],
            "train": rev["data"]["params"]["params.yaml"]["data"]["train"],
            "metrics": rev["data"]["metrics"]["reports/metrics.json"]["data"],
        }
        for rev in found
    }


def without_nulls(value):
    """Leave out what DVC leaves out of the metrics that it shows."""
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(item) for key, item in value.items() if item not in (None, {})}


def committed(clone, rev, path):
    return clone.run("git", "show", f"{rev}:{path}").stdout


@pytest.fixture(scope="module")
def swept(_finished, tmp_path_factory):
    """Give a clone in which a grid and an experiment with changed code went through the queue."""
    clone = _finished.copy(tmp_path_factory.mktemp("swept") / "project")
    clone.change(INTERVALS, COMPARED, f'{COMPARED}        "changed_code": 1.0,\n')
    clone.run("dvc", "exp", "run", "--queue", "--name", "changed", "evaluate")
    clone.run("git", "checkout", "--", INTERVALS)
    grid = f"train.model={','.join(MODELS)}"
    clone.run("dvc", "exp", "run", "--queue", "-S", grid, "evaluate")
    assert clone.run("git", "status", "--porcelain").stdout == ""
    states = clone.run_queue("-j", "2")
    return clone, states, experiments(clone)


def test_all_of_a_grid_succeed(swept):
    _, states, found = swept
    assert len(states) == 1 + len(MODELS)
    assert set(states.values()) == {"Success"}
    assert len(found) == len(states)


def test_experiments_are_told_apart_by_their_parameters_and_have_their_own_metrics(swept):
    clone, _, found = swept
    grid = {one["train"]["model"]: one for name, one in found.items() if name != "changed"}
    assert set(grid) == {*MODELS}
    for model, one in grid.items():
        training = json.loads(committed(clone, one["rev"], "reports/training.json"))
        assert training["model"] == model
        metrics = json.loads(committed(clone, one["rev"], "reports/metrics.json"))
        assert without_nulls(metrics) == one["metrics"]
    assert len({one["metrics"]["roc_auc"] for one in grid.values()}) == len(MODELS)
    table = clone.run("dvc", "exp", "show", "--csv").stdout
    assert all(name in table for name in found)


def test_a_queued_experiment_runs_the_code_it_was_queued_with(swept):
    clone, _, found = swept
    changed = found["changed"]
    assert changed["metrics"]["changed_code"] == 1.0
    assert '"changed_code": 1.0' in committed(clone, changed["rev"], INTERVALS)
    for name, one in found.items():
        if name != "changed":
            assert "changed_code" not in one["metrics"]
            assert "changed_code" not in committed(clone, one["rev"], INTERVALS)
    report = (clone.path / "reports" / "metrics.json").read_text(encoding="utf-8")
    assert "changed_code" not in report
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_a_temporary_experiment_runs_its_own_code_whatever_else_can_be_imported(finished):
    finished.change(INTERVALS, COMPARED, f'{COMPARED}        "changed_code": 2.0,\n')
    finished.run(
        "dvc", "exp", "run", "--temp", "--name", "temporary", "evaluate",
        PYTHONPATH=str(ROOT / "src"),
    )  # fmt: skip
    finished.run("git", "checkout", "--", INTERVALS)
    temporary = experiments(finished)["temporary"]
    assert temporary["metrics"]["changed_code"] == 2.0
    assert '"changed_code": 2.0' in committed(finished, temporary["rev"], INTERVALS)
    assert finished.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.parametrize(
    ("command", "where", "environment"),
    [
        ("python -m evaluate", ("--temp",), {}),
        ("python src/evaluate.py", (), {"PYTHONSAFEPATH": "1"}),
    ],
    ids=["as a module, in a copy", "without its own folder, in the workspace"],
)
def test_a_stage_that_would_run_the_code_of_another_checkout_stops(
    finished, command, where, environment
):
    metrics = finished.path / "reports" / "metrics.json"
    before = metrics.read_bytes()
    finished.change("dvc.yaml", "cmd: python src/evaluate.py", f"cmd: {command}")
    finished.change("params.yaml", "resamples: 50", "resamples: 51")
    refused = finished.run(
        "dvc", "exp", "run", *where, "evaluate",
        check=False, PYTHONPATH=str(ROOT / "src"), **environment,
    )  # fmt: skip
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "evaluate stopped: the library that was imported belongs to another checkout" in said
    assert "Traceback" not in said
    assert experiments(finished) == {}
    assert metrics.read_bytes() == before


def test_an_experiment_finds_the_key_which_no_copy_and_no_commit_holds(finished):
    raw = finished.path / "data" / "raw" / "telco_churn"
    raw.mkdir(parents=True)
    shutil.copy(real_data("telco_churn") / "Telco-Customer-Churn.csv", raw)
    finished.run("quickstack", "add", "data/raw/telco_churn")
    finished.run("quickstack", "key", "new")
    finished.change("params.yaml", "dataset: sample", "dataset: telco_churn")
    finished.run("dvc", "exp", "run", "--temp", "--name", "telco", "ingest")

    rev = experiments(finished)["telco"]["rev"]
    quality = json.loads(committed(finished, rev, "reports/quality.json"))
    assert quality["rows"]["read"] == 7043
    (key,) = (finished.path / ".quickstack" / "keys").glob("*.key")
    assert key.stem.partition("-")[2] in json.dumps(quality)
    files = finished.run("git", "ls-tree", "-r", "--name-only", rev).stdout.splitlines()
    assert "data/raw/telco_churn.dvc" in files
    assert not [name for name in files if name.startswith(".quickstack")]
    secret = key.read_text(encoding="ascii").strip()
    assert finished.run("git", "grep", "-c", secret, rev, check=False).stdout == ""
