"""A tiny pipeline of two stages with folder remotes, in which verify runs for real."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import programs
from examples import write
from helpers import make_repository

PIPELINE = """\
stages:
  one:
    cmd: python src/one.py
    deps:
      - src/one.py
      - requirements.txt
    params:
      - sample
    outs:
      - data/raw/sample:
          remote: restricted
  two:
    cmd: python src/two.py
    deps:
      - src/two.py
      - requirements.txt
      - data/raw/sample
    outs:
      - reports/quality.json:
          cache: false
"""
ONE = """\
import pathlib, sys, yaml
folder = pathlib.Path("data/raw/sample")
folder.mkdir(parents=True, exist_ok=True)
rows = yaml.safe_load(open("params.yaml"))["sample"]["rows"]
for name in "ab":
    (folder / f"{name}.csv").write_text("x\\n" + "1\\n" * rows)

def named(stage):  # as stages of the pipeline do
    return stage.params(SampleParams)
"""
TWO = """\
import pathlib
text = pathlib.Path("data/raw/sample", "a.csv").read_text()
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("reports/quality.json").write_text('{"rows": %d}' % (text.count("1")))
"""


@dataclass
class Project:
    """A repository with a pipeline that has run."""

    root: Path

    def run(
        self, *command: str, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = programs.run(command, self.root, given)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def verify(self, *options: str) -> list[tuple[str, str, str]]:
        """Return level, status and sentence of each line."""
        done = self.run("quickstack", "verify", "--json", *options, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["ok"] == (done.returncode == 0)
        return [(row["level"], row["status"], row["sentence"]) for row in found["results"]]

    def problems(self, *options: str) -> list[str]:
        """Return the failed sentences."""
        return [sentence for _, status, sentence in self.verify(*options) if status == "failed"]

    def settle(self) -> None:
        """Run, commit and push."""
        self.run("dvc", "repro", "--quiet")
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "-m", "change")
        self.run("dvc", "push", "--quiet")

    def objects(self) -> list[Path]:
        """Return the objects of the restricted remote, the largest last."""
        found = [path for path in (self.root.parent / "restricted").rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size)


@pytest.fixture(scope="session")
def _finished_project(tmp_path_factory) -> Project:
    top = tmp_path_factory.mktemp("verifying")
    root = make_repository(top / "project")
    for name in ("storage", "restricted"):
        (top / name).mkdir()
    # Relative to `.dvc`, so that a copy of everything has remotes of its own.
    config = "[core]\n    remote = storage\n    analytics = false\n    autostage = true\n"
    for name in ("storage", "restricted"):
        config += f"['remote \"{name}\"']\n    url = ../../{name}\n"
    write(root / ".dvc" / "config", config)
    write(root / "dvc.yaml", PIPELINE)
    write(root / "src" / "one.py", ONE)
    write(root / "src" / "two.py", TWO)
    write(root / "params.yaml", "dataset: sample\nsample:\n  rows: 3\n")
    write(root / "requirements.txt", "")
    write(root / "docs" / "extra.txt", "x")
    project = Project(root)
    project.run("git", "init", "--quiet", "--initial-branch=main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.settle()
    return project


@pytest.fixture
def project(_finished_project, tmp_path) -> Project:
    """Give a copy of the finished project, with its cache and remotes."""
    top = tmp_path / "copy"
    shutil.copytree(_finished_project.root.parent, top, symlinks=True)
    return Project(top / "project")
