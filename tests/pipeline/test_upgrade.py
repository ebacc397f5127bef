"""A newer Quickstack merges into a clone in which a team changed what is theirs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from documents import console
from examples import write
from helpers import ROOT
from modeling.test_own_candidates import EXAMPLE, FILE
from pipeline.conftest import Clone

#: What a newer Quickstack may change, a file a commit.
OURS = ("src/quickstack/**/*.py", "src/*.py", "docs/*.md", "tests/*.py", "README.md", "Makefile")
RESULTS = ("dvc.lock", "reports/")


def upstream(team: Clone, path: Path) -> Clone:
    """Make 50 commits on what the team's clone began from."""
    team.run("git", "clone", "--quiet", "--branch=main", ".", str(path))
    ours = Clone(path)
    ours.run("git", "reset", "--quiet", "--hard", "HEAD~1")  # before the team's first commit
    ours.run("git", "config", "user.name", "Quickstack")
    ours.run("git", "config", "user.email", "quickstack@example.org")
    files = sorted(file for pattern in OURS for file in path.glob(pattern) if file.stat().st_size)
    for file in files[:: len(files) // 48][:48]:
        comment = "\n<!-- newer -->\n" if file.suffix == ".md" else "\n# newer\n"
        file.write_text(file.read_text(encoding="utf-8") + comment, encoding="utf-8")
        ours.commit(f"A newer {file.name}")
    # A parameter that no team's params.yaml has.
    last = "    l2_regularization: float = Field(ge=0)\n"
    newer = f"{last}    max_bins: int = Field(default=255, ge=2, le=255)\n"
    ours.change("src/quickstack/models/modeling/candidates.py", last, newer)
    ours.commit("A new parameter, with its default")
    # What a run of all this leaves: other hashes of code, other numbers.
    lock = path / "dvc.lock"
    text = re.sub(r"md5: (\w+)", lambda match: f"md5: {match[1][::-1]}", lock.read_text())
    lock.write_text(text, encoding="utf-8")
    for report in (path / "reports").glob("*.json"):
        report.write_text(re.sub(r"\d\n", "7\n", re.sub(r"\d,\n", "7,\n", report.read_text())))
    ours.commit("Results")
    return ours


def change_what_is_theirs(team: Clone) -> dict[str, bytes]:
    """Change contract, parameters, models and features; return the files."""
    team.change("configuration/contracts/sample.odcs.yaml", "name: Customer", "name: Our")
    team.set("^  model: .*", "  model: extra_trees")
    team.set("^  folds: .*", "  folds: 2\n  extra_trees:\n    trees: 10")
    write(team.path / FILE, EXAMPLE)
    write(team.path / "src/features/sample.py", "def features(tables):\n    return tables\n")
    team.commit("ours")
    names = ["configuration/contracts/sample.odcs.yaml", "params.yaml", FILE]
    return {name: (team.path / name).read_bytes() for name in [*names, "src/features/sample.py"]}


def test_fifty_commits_merge_without_a_conflict_and_the_pipeline_runs(finished, tmp_path):
    newer = upstream(finished, tmp_path / "quickstack")
    theirs = change_what_is_theirs(finished)
    assert newer.run("git", "rev-list", "--count", "HEAD").stdout.strip() == "51"

    # By itself git cannot merge results, and nothing but results.
    finished.run("git", "fetch", "--quiet", str(newer.path), "main")
    plain = finished.run("git", "merge", "--no-edit", "FETCH_HEAD", check=False)
    conflicts = finished.run("git", "diff", "--name-only", "--diff-filter=U").stdout.split()
    assert plain.returncode == 1
    assert "dvc.lock" in conflicts
    assert all(name.startswith(RESULTS) for name in conflicts)
    finished.run("git", "merge", "--abort")

    for command, _ in console(ROOT / "docs" / "upgrading.md"):
        if command.startswith("git remote add"):
            command = f"git remote add quickstack {newer.path}"
        finished.run("sh", "-c", command)

    assert {name: (finished.path / name).read_bytes() for name in theirs} == theirs
    ours = ["src/quickstack", "docs", "tests", "README.md", "Makefile", "dvc.yaml"]
    differs = finished.run("git", "diff", "--stat", "quickstack/main", "HEAD", "--", *ours)
    assert differs.stdout == ""
    assert finished.run("git", "status", "--porcelain").stdout == ""
    assert "up to date" in finished.run("dvc", "status").stdout
    training = json.loads((finished.path / "reports/training.json").read_text())
    assert training["model"] == "extra_trees"
    params = yaml.safe_load((finished.path / "params.yaml").read_text())
    assert "max_bins" not in params["train"]["gradient_boosting"]
