"""A repository of three quick stages, under the real git, DVC and sweep.

The stages take a tenth of a second and compute a score from the parameters by a formula, so that a
sweep of them shows what the sweep does. The README's test and `benchmarks/sweep.py` run the real
stages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import programs
from helpers import ROOT

PIPELINE = """\
stages:
  ingest:
    cmd: python src/ingest.py
    deps: [src/ingest.py, requirements.txt]
    outs: [data/interim]
  train:
    cmd: python src/train.py
    deps: [src/train.py, requirements.txt, data/interim]
    params: [train]
    outs:
      - models/model.skops
      - reports/training.json:
          cache: false
  evaluate:
    cmd: python src/evaluate.py
    deps: [src/evaluate.py, requirements.txt, models/model.skops]
    metrics:
      - reports/metrics.json:
          cache: false
"""
STAGES = {
    "ingest": """\
from pathlib import Path
Path("data/interim").mkdir(parents=True)
for number in range(20):
    Path(f"data/interim/{number:02d}.parquet").write_text(f"{number}\\n" * 1000)
""",
    # It fails where 13 leaves are tried, and never scores where 17 are.
    "train": """\
import json, math, sys, time
from pathlib import Path
from quickstack.facts.params import read_params
from quickstack.models.modeling.candidates import TrainParams
own = read_params(TrainParams, Path("params.yaml")).gradient_boosting.model_dump()
time.sleep(float(Path("data/interim/00.parquet").read_text().splitlines()[0]) + 0.05)
if own["max_leaf_nodes"] == 13:
    sys.exit("train stopped: thirteen leaves bring bad luck.")
score = 0.8 - 0.02 * abs(math.log10(own["learning_rate"] / 0.03)) + 0.0001 * own["max_leaf_nodes"]
folds = [None if own["max_leaf_nodes"] == 17 else score + 0.01 * k for k in (-2, -1, 0, 1, 2)]
Path("models").mkdir(exist_ok=True)
Path("reports").mkdir(exist_ok=True)
Path("models/model.skops").write_text(json.dumps(own) * 1000)
validation = {"by_fold": {"roc_auc": folds}}
Path("reports/training.json").write_text(json.dumps({"cross_validation": validation}))
""",
    "evaluate": """\
import json
from pathlib import Path
model = Path("models/model.skops").read_text()
Path("reports/metrics.json").write_text(json.dumps({"roc_auc": 0.5 if model else None}))
""",
}
RANGES = """\
search: random
parameters:
  train.gradient_boosting.learning_rate: {low: 0.001, high: 1.0, log: true}
  train.gradient_boosting.max_leaf_nodes: {low: 4, high: 8}
"""


@dataclass(frozen=True)
class Small:
    """The repository."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        done = programs.run(command, self.path)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def experiments(self) -> dict[str, str]:
        """Return the commit of each experiment by name, as git has them."""
        listed = self.run("git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
        pairs = [line.split() for line in listed.stdout.splitlines()]
        return {ref.split("/")[4]: rev for ref, rev in pairs if ref.count("/") == 4}

    def ranges(self, text: str) -> None:
        """Write the file of ranges."""
        (self.path / "configuration" / "sweep.yaml").write_text(text, encoding="utf-8")

    def copy(self, path: Path) -> Small:
        """Copy it with its data and cache."""
        shutil.copytree(self.path, path, symlinks=True)
        return Small(path)


def make(path: Path) -> Small:
    """Make the repository, and run its pipeline once."""
    for folder in ("src", "configuration/contracts", ".dvc"):
        (path / folder).mkdir(parents=True)
    for name in (".gitignore", ".dvcignore", "params.yaml", "requirements.txt", ".dvc/config",
                 ".dvc/.gitignore", "configuration/contracts/sample.odcs.yaml"):  # fmt: skip
        shutil.copy(ROOT / name, path / name)
    (path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for name, code in STAGES.items():
        (path / "src" / f"{name}.py").write_text(code, encoding="utf-8")
    small = Small(path)
    small.ranges(RANGES)
    small.run("git", "init", "--quiet", "--initial-branch=main")
    small.run("git", "config", "user.name", "Test")
    small.run("git", "config", "user.email", "test@example.org")
    small.run("dvc", "repro", "--quiet")
    small.run("git", "add", "--all")
    small.run("git", "commit", "--quiet", "--message", "begin")
    return small
