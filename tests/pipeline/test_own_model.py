"""A model of the team's own goes all the way: one file is added, and the library stays as it is."""

from __future__ import annotations

import json

from examples import write
from modeling.test_own_candidates import EXAMPLE, FILE
from pipeline.test_upgrade import RESULTS

RANGES = """\
search: random
parameters:
  train.extra_trees.max_features: {low: 0.2, high: 1.0}
"""


def test_one_file_is_added_and_every_stage_and_the_sweep_run_it(finished):
    write(finished.path / FILE, EXAMPLE)
    write(finished.path / "configuration/sweep.yaml", RANGES)
    finished.set("^  model: .*", "  model: extra_trees")
    finished.set("^  folds: .*", "  folds: 2\n  extra_trees:\n    trees: 10")
    finished.run("dvc", "repro", "evaluate")  # a sweep starts from what is committed
    finished.commit("a model of our own")
    swept = finished.run("quickstack", "sweep", "--trials", "1")
    assert "1 trials finished, 0 failed" in swept.stdout
    finished.run("quickstack", "sweep", "--apply")
    assert "max_features" in (finished.path / "params.yaml").read_text(encoding="utf-8")
    finished.run("dvc", "repro")
    listed = finished.run("git", "status", "--porcelain", "--untracked-files=all").stdout
    touched = {line[3:]: line[:2] for line in listed.splitlines()}
    made = {name for name in touched if name.startswith(RESULTS)}
    assert {*touched} - made == {"params.yaml"}
    assert finished.run("quickstack", "verify", check=False).returncode == 0
    manifest = json.loads((finished.path / "exports/manifest.json").read_text(encoding="utf-8"))
    assert manifest["parameters"]["train"]["model"] == "extra_trees"
    assert 0.2 <= manifest["parameters"]["train"]["max_features"] <= 1
    assert "extra_trees" in finished.run("quickstack", "result").stdout
    drift = json.loads((finished.path / "reports/drift.json").read_text(encoding="utf-8"))
    assert drift["verdict"]


def test_a_file_that_raises_stops_training_and_leaves_everything(finished):
    write(finished.path / FILE, EXAMPLE + "\nraise RuntimeError('Ada Lovelace')\n")
    before = finished.outputs(), (finished.path / "models/model.skops").read_bytes()
    done = finished.run("python", "src/train.py", check=False)
    line = len(EXAMPLE.splitlines()) + 2
    assert done.returncode == 1
    assert done.stderr == (
        f"train stopped: {FILE}:{line}: importing it raises RuntimeError. "
        "To fix it: correct the line.\n"
    )
    assert (finished.outputs(), (finished.path / "models/model.skops").read_bytes()) == before
    write(finished.path / FILE, EXAMPLE.replace("    impute =", "    1 / 0\n    impute ="))
    finished.set("^  model: .*", "  model: extra_trees")
    done = finished.run("python", "src/train.py", check=False)
    assert done.returncode == 1
    assert f"train stopped: unexpected ZeroDivisionError at {FILE}:21." in done.stderr
    assert "Traceback" not in done.stderr
