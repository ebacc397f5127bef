"""Small repositories with a real git, DVC's files and its cache, without running a pipeline."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from examples import write
from helpers import ROOT

PIPELINE = """\
stages:
  ingest:
    cmd: 'true'
    outs: [data/interim, {data/quarantine: {remote: restricted}}]
  train: {cmd: 'true', outs: [models/model.skops, models/reference.json]}
  export: {cmd: 'true', outs: [exports]}
"""
CONFIG = """\
[core]
    remote = storage
    analytics = false
['remote "storage"']
    url = {0}/storage
    verify = true
['remote "restricted"']
    url = {0}/restricted
"""
STAGE = {
    "data/interim": "ingest",
    "data/quarantine": "ingest",
    "models/model.skops": "train",
    "models/reference.json": "train",
    "exports": "export",
}


def people(first: int, rows: int, **columns: Any) -> pa.Table:
    """Give a table of customers with the key of the sample's contract."""
    draw = np.random.default_rng(first)
    table = {
        "customer_id": [f"secret-{i}" for i in range(first, first + rows)],
        "month": pa.array([datetime.date(2025, 1, 1)] * rows),
        "plan": [("basic", "plus", "pro")[i % 3] for i in range(first, first + rows)],
        "monthly_fee": draw.normal(20, 5, rows),
        "support_tickets": draw.integers(0, 5, rows),
    }
    return pa.table(table | columns)


@dataclass
class Project:
    """A repository whose states are written, committed and put into the cache."""

    root: Path
    params: dict[str, Any] = field(default_factory=lambda: {"dataset": "sample"})
    outs: dict[str, dict[str, str] | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        write(self.root / ".dvc/config", CONFIG.format(self.root.parent))
        write(self.root / ".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
        write(self.root / ".gitignore", "/data\n/models\n/exports\n.quickstack/\n")
        write(self.root / "dvc.yaml", PIPELINE)
        write(self.root / "requirements.txt", "")
        name = "configuration/contracts/sample.odcs.yaml"
        write(self.root / name, (ROOT / name).read_bytes())
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    @property
    def cache(self) -> Path:
        return self.root / ".dvc/cache/files/md5"

    def put(self, content: bytes, ending: str = "") -> str:
        """Put an object into the cache, and return its MD5."""
        md5 = hashlib.md5(content).hexdigest()
        write(self.cache / md5[:2] / f"{md5[2:]}{ending}", content)
        return md5 + ending

    def interim(self, **tables: pa.Table) -> None:
        self.folder("data/interim", {f"{n}.parquet": parquet(t) for n, t in tables.items()})

    def folder(self, output: str, files: dict[str, bytes]) -> None:
        """Write a folder in the workspace and the cache."""
        shutil.rmtree(self.root / output, ignore_errors=True)
        for name, content in files.items():
            write(self.root / output / name, content)
        entries = {name: self.put(content) for name, content in sorted(files.items())}
        self.outs[output] = entries

    def file(self, output: str, content: bytes) -> None:
        write(self.root / output, content)
        self.outs[output] = self.put(content)

    def report(self, name: str, **document: Any) -> None:
        write(self.root / "reports" / f"{name}.json", json.dumps(document))

    def lock(self) -> None:
        """Write params.yaml, and dvc.lock as DVC does."""
        write(self.root / "params.yaml", yaml.safe_dump(self.params))
        stages: dict[str, Any] = {}
        for path, held in self.outs.items():
            stage = stages.setdefault(STAGE[path], {"cmd": "true", "outs": []})
            out = {"path": path, "hash": "md5"}
            if isinstance(held, dict):
                listing = [{"md5": md5, "relpath": name} for name, md5 in held.items()]
                out["md5"] = self.put(json.dumps(listing).encode(), ".dir")
            else:
                out["md5"] = held
            stage["outs"].append(out)
            stage["params"] = {"params.yaml": self.params}
        write(self.root / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))

    def commit(self, message: str = "state") -> str:
        """Commit the state, and return the commit."""
        self.lock()
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue().to_pybytes()


def predictions(noise: float, rows: int = 2000, first: int = 0, jitter: float = 0) -> pa.Table:
    """Give exported predictions: the better, the smaller the noise; jitter is as good as none."""
    draw = np.random.default_rng(first)
    truth = draw.random(rows) < 0.2
    score = 1 / (
        1
        + np.exp(
            -(2.0 * truth - 1.5 + noise * draw.normal(size=rows) + jitter * draw.normal(size=rows))
        )
    )
    return pa.table(
        {
            "customer_id": [f"secret-{i}" for i in range(first, first + rows)],
            "month": pa.array([datetime.date(2025, 1, 1)] * rows),
            "period": ["2025-01"] * rows,
            "split": ["test"] * rows,
            "actual": np.where(truth, "yes", "no").tolist(),
            "prediction": np.where(score > 0.5, "yes", "no").tolist(),
            "probability": score.round(6),
        }
    )
