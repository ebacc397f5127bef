from __future__ import annotations

import json

import pytest

from helpers import ROOT

#: tests/test_readme.py does the same with one thread and another seed, in an environment it made.
ENVIRONMENT = {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C"}


def test_a_fresh_clone_reproduces_the_committed_lock_and_metrics(fresh_clone):
    clone = fresh_clone("another folder")
    committed = clone.outputs()
    clone.run("dvc", "repro", "--force", **ENVIRONMENT)
    assert clone.outputs() == committed
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_a_change_runs_what_stands_on_it_and_nothing_else(finished):
    def ran():
        lines = finished.run("dvc", "repro").stdout.splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage")]

    finished.change("params.yaml", "resamples: 50", "resamples: 60")
    assert ran() == ["evaluate", "export"]
    finished.change("params.yaml", "significance: 0.001", "significance: 0.002")
    # The verdict stays the same to the byte, so nothing after it runs.
    assert ran() == ["monitor"]
    path = finished.path / "src/quickstack/models/monitoring/verdict.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert ran() == ["monitor"]


def test_verify_says_what_is_stale(finished):
    assert finished.run("quickstack", "verify").returncode == 0
    finished.change("params.yaml", "iterations: 30", "iterations: 31")
    stale = finished.run("quickstack", "verify", check=False)
    assert stale.returncode == 1
    assert "stage 'train' would run" in stale.stdout
    assert "stage 'ingest'" not in stale.stdout


def test_two_models_are_compared_on_the_same_rows(finished):
    finished.change("params.yaml", "iterations: 30", "iterations: 31")
    finished.run("dvc", "repro")
    text = finished.run("quickstack", "summary", "HEAD", "--offline").stdout
    assert "rows that both scored and neither trained on" in text
    assert "- Model: **within noise**" in text


def test_verify_finds_an_undeclared_import_and_fixes_it(finished):
    finished.change(
        "src/monitor.py",
        "from quickstack.facts import paths",
        "from quickstack.facts import paths\nimport sample",
    )
    found = finished.run("quickstack", "verify", check=False)
    assert found.returncode == 1
    assert "monitor: imports src/sample.py; add it to deps" in found.stdout
    finished.run("quickstack", "verify", "--fix", check=False)
    assert "src/sample.py" in finished.run("git", "diff", "dvc.yaml").stdout
    found = finished.run("quickstack", "verify", check=False)
    assert "ok      declared" in found.stdout


def test_the_sample_holds_what_it_says_and_the_pipeline_finds_it():
    from quickstack.data.sample.generate import sample_design
    from quickstack.facts.params import SampleParams, read_dataset, read_params

    if read_dataset(ROOT / "params.yaml") != "sample":
        pytest.skip("this repository holds the results of another data set now")
    params = read_params(SampleParams, ROOT / "params.yaml")
    design = sample_design(params.rows, params.seed)
    quality = json.loads((ROOT / "reports" / "quality.json").read_text(encoding="utf-8"))
    assert quality["rows"]["read"] == design.rows
    assert quality["rows"]["quarantined"] == sum(design.broken_rows.values())
    found = {(rule["column"], rule["rule"]): rule["rows"] for rule in quality["rules"]}
    assert found == design.broken_rows
    drift = json.loads((ROOT / "reports" / "drift.json").read_text(encoding="utf-8"))
    assert drift["verdict"] == "alarm"
    assert [f["name"] for f in drift["features"] if f["drifted"]] == [design.drifted_feature]
    metrics = json.loads((ROOT / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert design.best_auc - 0.05 < metrics["roc_auc"] < design.best_auc + 0.02
