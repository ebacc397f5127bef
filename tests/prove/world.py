"""Small copies of the real pipeline with real remotes, in which faults are planted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from pipeline.conftest import Clone, clone_into  # noqa: E402 - the path comes first
from pipeline.test_storage import Buckets  # noqa: E402
from quickstack.runtime.stores.remotes import read_remote  # noqa: E402
from quickstack.runtime.stores.s3 import create_buckets  # noqa: E402
from servers import seaweedfs  # noqa: E402

#: The commands that people have without verify.
PEERS = ("dvc status", "repro --dry", "data status")


@dataclass
class World:
    """A finished clone whose data were pushed, to be copied for each fault."""

    base: Clone
    server: Any
    folder: Path
    pushed: Buckets

    def copy(self, name: str | None = None) -> Case:
        """Copy the clone, and give it buckets of its own with the same objects."""
        clone = self.base.copy(self.folder / (name or f"case-{uuid.uuid4().hex[:8]}"))
        case = Case(clone, Buckets(self.server), self)
        case.point()
        for bucket in ("storage", "restricted"):
            source, target = getattr(self.pushed, bucket), getattr(case.buckets, bucket)
            for key in self.pushed.objects(source).values():
                case.buckets.s3.copy_object(Bucket=target, Key=key, CopySource=f"{source}/{key}")
        return case


@dataclass
class Case:
    """One clone with its buckets."""

    clone: Clone
    buckets: Buckets
    world: World

    @property
    def path(self) -> Path:
        """Where the clone lies."""
        return self.clone.path

    def point(self) -> None:
        self.buckets.point(self.path, "storage", "restricted")
        create_buckets([read_remote(self.path, name) for name in ("storage", "restricted")])

    def push(self) -> None:
        self.clone.run("dvc", "push", "--quiet")

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def add_code(self, script: str, code: str, anchor: str = "    contract") -> None:
        """Put lines at the beginning of a stage's main function."""
        path = self.path / "src" / f"{script}.py"
        text = path.read_text(encoding="utf-8")
        start = text.index(anchor, text.index("def main("))
        block = "".join(f"    {line}\n" for line in code.splitlines())
        path.write_text(text[:start] + block + text[start:], encoding="utf-8", newline="\n")

    def settle(self) -> None:
        """Run what changed, commit and push it: the fault is then in the committed state."""
        self.clone.run("dvc", "repro", "--quiet")
        self.clone.commit()
        self.push()

    def objects(self, bucket: str = "storage") -> dict[str, str]:
        return self.buckets.objects(getattr(self.buckets, bucket))

    def verify(self, *levels: str, **environment: str) -> dict[str, Any]:
        done = self.clone.run("quickstack", "verify", "--json", *levels, check=False, **environment)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"ok": False, "results": [], "error": done.stdout + done.stderr}
        if found["ok"] != (done.returncode == 0):
            raise AssertionError(f"exit code {done.returncode} and ok {found['ok']}")
        return found

    def peers(self) -> dict[str, bool]:
        """Return which of DVC's commands say that something is wrong, in words or by exit code."""
        status = self.clone.run("dvc", "status", check=False)
        dry = self.clone.run("dvc", "repro", "--dry", "--allow-missing", check=False)
        data = self.clone.run("dvc", "data", "status", "--not-in-remote", "--json", check=False)
        try:
            listed = json.loads(data.stdout or "{}")
        except ValueError:
            listed = {"error": data.stdout}
        return {
            "dvc status": bool(status.returncode) or "up to date" not in status.stdout,
            "repro --dry": bool(dry.returncode) or "Running stage" in dry.stdout,
            "data status": bool(data.returncode) or any(listed.values()),
        }

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def world() -> Iterator[World]:
    """Make a clone of the working tree with 2,400 rows, run it and push it."""
    with TemporaryDirectory(prefix="quickstack-", ignore_cleanup_errors=True) as name:
        folder = Path(os.path.realpath(name))
        os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site-cache")
        for variable in [v for v in os.environ if v.startswith(("AWS_", "QUICKSTACK_"))]:
            del os.environ[variable]
        os.environ["NO_PROXY"] = "127.0.0.1,localhost"
        with seaweedfs.running() as server:
            clone = clone_into(folder / "base")
            clone.set("^dataset: .*", "dataset: sample")
            clone.set("^  rows: .*", "  rows: 2400")
            clone.set("^  folds: [0-9]*", "  folds: 0")
            clone.set("^    iterations: .*", "    iterations: 10")
            clone.set("^  resamples: .*", "  resamples: 20")
            clone.run("dvc", "repro", "--quiet")
            clone.commit("small sample")
            made = World(clone, server, folder, Buckets(server))
            first = Case(clone, made.pushed, made)
            first.point()
            first.push()
            yield made


def git(case: Case, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=case.path, capture_output=True, text=True, check=True
    ).stdout
