"""Clones of this repository in temporary folders, in which the real git and DVC run."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import yaml
from filelock import FileLock

import programs
from helpers import ROOT
from quickstack.runtime.running import stage


@dataclass(frozen=True)
class Clone:
    """A clone of this repository, as its working tree is now."""

    path: Path

    def run(
        self, *command: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone, with this environment's programs first on PATH."""
        done = programs.run(command, self.path, **environment)
        if check and done.returncode != 0:
            pytest.fail(
                f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def change(self, file: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        path = self.path / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def set(self, pattern: str, line: str) -> None:
        """Replace the one line of params.yaml that matches, whatever people have tuned."""
        path = self.path / "params.yaml"
        text, times = re.subn(pattern, line, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert times == 1, f"{pattern!r} occurs {times} times in params.yaml"
        path.write_text(text, encoding="utf-8")

    def commit(self, message: str = "change") -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "--quiet", "--allow-empty", "-m", message)

    def outputs(self) -> dict[str, str]:
        """Return the hash of every output that dvc.lock names."""
        lock = yaml.safe_load((self.path / "dvc.lock").read_text(encoding="utf-8"))
        return {
            out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]
        }

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work in the clone."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.cwd() and Path(process.cwd()).resolve().is_relative_to(self.path):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def run_queue(self, *options: str) -> dict[str, str]:
        """Let DVC's workers run what is queued; return the state of each task by experiment."""
        try:
            self.run("dvc", "queue", "start", *options)
            self.wait_for_queue()
            lines = self.run("dvc", "queue", "status").stdout.splitlines()
            tasks = [line.split() for line in lines if line and line[:4] not in ("Task", "Work")]
            return {task[1]: task[-1] for task in tasks}
        finally:
            if self.processes():
                self.run("dvc", "queue", "stop", "--kill", check=False)
                for process in self.processes():
                    process.kill()

    def wait_for_queue(self) -> None:
        """Wait until every queued experiment has run.

        Looking for the workers costs nothing, but one that finds nothing to do may wait for ever.
        Asking DVC takes two seconds of a processor that the workers need, so it is asked seldom.
        """
        for second in itertools.count():
            if not self.processes():
                return
            time.sleep(1)
            if second % 10 == 9:
                status = self.run("dvc", "queue", "status").stdout
                if not re.search("Queued|Running", status):
                    return

    def copy(self, path: Path) -> Clone:
        """Copy the clone with its data and cache; objects, which nobody writes into, are linked."""

        def copy(source: str, target: str) -> None:
            kept = "/.git/objects/" in source or "/.dvc/cache/" in source
            (os.link if kept else shutil.copy2)(source, target)

        shutil.copytree(self.path, path, symlinks=True, copy_function=copy)
        return Clone(path)


def clone_into(path: Path) -> Clone:
    """Clone what git would commit now, with one commit."""
    path.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    clone = Clone(path)
    clone.run("git", "init", "--quiet", "--initial-branch=main")
    clone.run("git", "config", "user.name", "Test")
    clone.run("git", "config", "user.email", "test@example.org")
    clone.run("git", "config", "core.autocrlf", "false")
    clone.commit("clone")
    return clone


@pytest.fixture
def fresh_clone(tmp_path: Path) -> Callable[[str], Clone]:
    """Make clones without data, by name."""
    return lambda name: clone_into(tmp_path / name)


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Clone:
    """Give a clone in which the pipeline has run; the workers of pytest-xdist share one."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    path = folder / "finished" / "project"
    with FileLock(folder / "finished.lock"):
        if not path.exists():
            unfinished = path.with_name("unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)  # where another worker failed
            _finish(unfinished)
            unfinished.rename(path)
    return Clone(path)


def _finish(path: Path) -> None:
    clone = clone_into(path)
    clone.set("^dataset: .*", "dataset: sample")
    clone.set("^  rows: .*", "  rows: 6000")
    clone.set("^    iterations: .*", "    iterations: 30")
    clone.set("^  resamples: .*", "  resamples: 50")
    clone.set("^    learning_rate: .*", "    learning_rate: 0.1")
    clone.run("dvc", "repro")
    clone.commit("small sample")
    clone.run("git", "gc", "--quiet")


@pytest.fixture
def run_stage(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a stage in a clone as `python src/<stage>.py` does, without importing everything anew.

    What it cannot show is that a stage refuses to run the code of another checkout.
    """
    monkeypatch.setattr(stage, "require_own_modules", lambda: None)

    def run(clone: Clone, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        script = clone.path / "src" / f"{name}.py"
        loaded = ModuleType(f"stage_{name}")
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), vars(loaded))
        code: Any = 0
        with monkeypatch.context() as patch:
            patch.chdir(clone.path)
            for variable, value in environment.items():
                patch.setenv(variable, value)
            capfd.readouterr()
            try:
                stage.run(name, loaded.main)
            except SystemExit as error:
                code = error.code
        said = capfd.readouterr()
        return subprocess.CompletedProcess([name], code, said.out, said.err)

    return run


@pytest.fixture
def finished(_finished: Clone, tmp_path: Path) -> Clone:
    """Give a clone of its own in which the pipeline has run on a sample of 6,000 rows."""
    return _finished.copy(tmp_path / "project")
