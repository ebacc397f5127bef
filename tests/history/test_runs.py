"""The runs that git knows, and what became slower."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from projects import people
from quickstack.cli.main import app
from quickstack.facts.errors import QuickstackError
from quickstack.results.history.runs import runs, slower
from quickstack.runtime.running.run_records import describe_machine, lock_digest


def leave(project, number, seconds, stage="train", **changes):
    record = {
        "began": "2026-01-01T00:00:00+00:00", "seconds": seconds, "succeeded": True,
        "machine": describe_machine(), "threads": {"workers": 2}, "lock": str(number),
        "inputs": {"data/interim": "d", "params": "p", "code": "c"}, "versions": {"numpy": "1"},
    }  # fmt: skip
    place = project.root / ".quickstack/runs" / stage / f"{number:04}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(record | changes))


@pytest.fixture
def lived(project):
    """Three commits of which the second changed no result, and a merge that brought one."""
    project.report("training", task="binary")
    project.report("metrics", roc_auc=0.7, interval={"roc_auc": {"low": 0.6, "high": 0.8}})
    project.params["train"] = {"seed": 1}
    project.interim(a=people(0, 10))
    project.commit("first")
    (project.root / "README.md").write_text("a")
    project.commit("words")
    project.git("checkout", "--quiet", "-b", "branch")
    project.params["train"] = {"seed": 2}
    project.report("metrics", roc_auc=0.75, interval={"roc_auc": {"low": 0.7, "high": 0.8}})
    project.commit("on the branch")
    project.interim(a=people(0, 11))
    project.commit("still there")
    project.git("checkout", "--quiet", "main")
    project.git("merge", "--quiet", "--no-ff", "-m", "merged", "branch")
    return project


def test_runs_are_the_commits_that_changed_the_lock(lived):
    newest, oldest = runs(lived.root)
    assert (newest["message"], oldest["message"]) == ("merged", "first")
    assert [run["message"] for run in runs(lived.root, "branch")] == [
        "still there", "on the branch", "first"
    ]  # fmt: skip
    assert newest["parameters"] == [{"name": "train.seed", "before": 1, "after": 2}]
    assert newest["metric"] == {"name": "roc_auc", "value": 0.75, "low": 0.7, "high": 0.8}
    assert newest["data"] != oldest["data"]
    assert newest["seconds"] == {}
    assert newest["machine"] is None
    assert len(runs(lived.root, limit=1)) == 1
    with pytest.raises(QuickstackError, match="git knows no branch"):
        runs(lived.root, "no-such")


def test_seconds_are_of_records_with_the_same_inputs(lived):
    (lived.root / "src").mkdir()
    for name in ("ingest", "train"):
        (lived.root / "src" / f"{name}.py").touch()
    entry = {"deps": [], "params": {"params.yaml": lived.params}}
    leave(lived, 1, 9.0, "ingest", lock="other")
    leave(lived, 2, 3.0, "ingest", lock=lock_digest(entry))
    leave(lived, 3, 2.0, "ingest", lock=lock_digest(entry), succeeded=False)
    newest, oldest = runs(lived.root)
    assert newest["seconds"] == {"ingest": 3.0}
    assert newest["machine"] == describe_machine()
    assert oldest["seconds"] == {}
    shown = CliRunner().invoke(app, ["history"]).stdout
    assert "train.seed: 1 to 2" in shown
    assert "ingest 3.0 s on" in shown
    assert f"data {newest['data'][:8]}  roc_auc 0.75 (0.7 to 0.8)" in shown
    assert json.loads(CliRunner().invoke(app, ["history", "--json"]).stdout) == [newest, oldest]


def test_a_stage_is_slower_than_comparable_runs_only(project):
    for number, seconds in enumerate((4.0, 5.0, 4.5)):
        leave(project, number, seconds)
    leave(project, 3, 1.0, inputs={"data/interim": "small", "params": "p", "code": "c"})
    leave(project, 4, 1.0, machine="another")
    leave(project, 5, 1.0, threads={"workers": 1})
    leave(project, 6, 9.0, versions={"numpy": "2"})
    (found,) = slower(project.root)
    assert found == {
        "stage": "train", "seconds": 9.0, "median": 4.5, "runs": 3, "slower": True,
        "since": ["numpy 1 to 2"],
    }  # fmt: skip
    assert (
        "slower, with another numpy 1 to 2" in CliRunner().invoke(app, ["history", "--slow"]).stdout
    )
    leave(project, 7, 4.9)
    assert slower(project.root)[0]["slower"] is False
    leave(project, 1, 0.1, "export")
    leave(project, 2, 0.9, "export")
    assert slower(project.root)[0]["slower"] is None


def test_damaged_records_are_left_out(project):
    leave(project, 1, 1.0)
    (project.root / ".quickstack/runs/train/0002.json").write_text("{")
    (project.root / ".quickstack/runs/train/0003.json").write_text("[]")
    assert slower(project.root)[0]["seconds"] == 1.0
