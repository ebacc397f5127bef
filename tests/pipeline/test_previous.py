"""A stage that fails or is killed: what was there before comes back, and nothing is left lying."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

OUTPUTS = ("data", "models", "reports", "exports")


def files(root: Path) -> dict[str, bytes]:
    """Return every file of the outputs, leftovers included."""
    found = [root / "dvc.lock", *(path for name in OUTPUTS for path in (root / name).rglob("*"))]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(found) if p.is_file()}


def leftovers(root: Path) -> list[str]:
    found = [p for name in OUTPUTS for p in (root / name).rglob(".*") if p.name != ".gitignore"]
    return [p.relative_to(root).as_posix() for p in found]


def stop_midway(clone, number: int, *command: str) -> int:
    """Start a command, and send its stage a signal while it writes; return the exit code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        cwd=clone.path,
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (found := list((clone.path / "data").glob(".quarantine.*.tmp"))):
            assert process.poll() is None, "it ended before it could be stopped"
            time.sleep(0.002)
        os.kill(int(found[0].name.split(".")[2]), number)
        return process.wait()
    finally:
        process.kill()
        process.wait()


def make_ingest_slow(clone) -> None:
    """Let it write a block for each few rows, so that it can be met while it writes."""
    clone.change("params.yaml", "block_bytes: 8388608", "block_bytes: 2048")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("recovery", ["dvc checkout", "dvc repro"])
def test_after_a_kill_the_next_command_has_all_again(finished, run_stage, recovery):
    before = files(finished.path)
    make_ingest_slow(finished)
    assert stop_midway(finished, signal.SIGKILL, "dvc", "repro", "--single-item", "ingest") != 0
    assert not (finished.path / "data" / "interim").exists(), "DVC removes it before the stage"
    assert files(finished.path)["dvc.lock"] == before["dvc.lock"]
    left = leftovers(finished.path)
    assert {Path(name).parts[1].split(".")[1] for name in left} >= {"interim", "quarantine"}

    finished.change("params.yaml", "block_bytes: 2048", "block_bytes: 8388608")
    if recovery == "dvc checkout":
        finished.run("dvc", "checkout")
        finished.run("git", "checkout", "--", "reports")
        now = files(finished.path)
        assert {name: now[name] for name in before} == before
        # The next run of the stage clears away what the killed one left: it holds raw rows.
        assert run_stage(finished, "ingest").returncode == 0
    else:
        finished.run("dvc", "repro")
    # DVC may take the result from its run-cache; then the stage itself does not run.
    left = leftovers(finished.path) if recovery == "dvc checkout" else []
    assert left == []
    now = files(finished.path)
    assert {name: now.get(name) for name in before} == before


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupted_stage_leaves_what_was_there(finished):
    before = files(finished.path)
    make_ingest_slow(finished)
    assert stop_midway(finished, signal.SIGINT, "python", "src/ingest.py") == 130
    assert files(finished.path) == before
    assert leftovers(finished.path) == []


def plant_leftovers(root: Path) -> list[Path]:
    """Leave what killed runs leave; the process of the last one still runs."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folders = [root / f"data/.{name}.{gone.pid}.tmp" for name in ("interim", "quarantine")]
    folders += [
        root / f"data/.interim.{gone.pid}.previous",
        root / f"data/.interim.{os.getpid()}.tmp",
    ]
    for folder in folders:
        folder.mkdir()
        (folder / "subscriptions_2024-01.parquet").write_text("Ada Lovelace", encoding="utf-8")
    return folders


def test_leftovers_become_no_output_and_go_with_the_next_run(finished):
    root, before = finished.path, files(finished.path)
    *stale, alive = plant_leftovers(root)
    assert finished.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    listed = finished.run("git", "status", "--porcelain").stdout
    assert ".tmp" not in listed, "git add -A would take raw rows"
    finished.run("python", "src/ingest.py")
    assert [path for path in stale if path.exists()] == []
    assert alive.exists(), "that run may still be going on"
    shutil.rmtree(alive)
    assert files(root) == before


def test_a_previous_folder_without_its_successor_takes_its_name_again(finished, run_stage):
    """As after a kill between the two renames that replace a folder."""
    root, before = finished.path, files(finished.path)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (root / "data/interim").rename(root / f"data/.interim.{gone.pid}.previous")
    finished.change("params.yaml", "block_bytes: 8388608", "block_bytes: none")
    done = run_stage(finished, "ingest")
    assert done.returncode == 2
    assert files(root) == before


# Where the last good copy of an output that only git keeps may be found.
COPIES = {
    "committed, and kept": [],
    "committed only": [lambda clone: shutil.rmtree(clone.path / ".quickstack")],
    "staged only": [
        lambda clone: clone.change("reports/quality.json", "sample", "sampled"),
        lambda clone: lock_again(clone),
        lambda clone: clone.run("git", "add", "reports/quality.json"),
        lambda clone: shutil.rmtree(clone.path / ".quickstack"),
    ],
    "neither committed nor staged": [
        lambda clone: clone.change("reports/quality.json", "sample", "sampled"),
        lambda clone: lock_again(clone),
        lambda clone: shutil.copy(
            clone.path / "reports/quality.json", clone.path / ".quickstack/outputs/reports"
        ),
    ],
}


def lock_again(clone) -> None:
    """Let dvc.lock name the report as it is now, as a run with this result would have."""
    path = clone.path / "dvc.lock"
    lock = yaml.safe_load(path.read_text(encoding="utf-8"))
    (out,) = [o for o in lock["stages"]["ingest"]["outs"] if o["path"] == "reports/quality.json"]
    content = (clone.path / "reports/quality.json").read_bytes()
    out |= {"md5": hashlib.md5(content, usedforsecurity=False).hexdigest(), "size": len(content)}
    path.write_text(yaml.safe_dump(lock, sort_keys=False), encoding="utf-8")


@pytest.mark.parametrize("name", list(COPIES))
def test_reports_that_only_git_keeps_come_back(finished, run_stage, name):
    for step in COPIES[name]:
        step(finished)
    root, staged = finished.path, finished.run("git", "diff", "--cached").stdout
    before = files(root)
    finished.change("params.yaml", "block_bytes: 8388608", "block_bytes: none")
    (root / "reports/quality.json").unlink()  # as DVC does before it starts the stage
    done = run_stage(finished, "ingest")
    assert done.returncode == 2
    assert "run `dvc repro`" not in done.stderr
    assert files(root) == before
    assert finished.run("git", "diff", "--cached").stdout == staged


def test_what_cannot_be_brought_back_is_said(finished, run_stage):
    for name in ("data/interim", ".dvc/cache"):
        shutil.rmtree(finished.path / name)
    finished.change("params.yaml", "block_bytes: 8388608", "block_bytes: none")
    done = run_stage(finished, "ingest")
    assert done.returncode == 2
    assert "'ingest.block_bytes': input should be a valid integer" in done.stderr
    assert "ingest: to bring data/interim back, run `dvc repro`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["dvc.lock", "dvc.yaml"])
def test_a_merge_in_the_pipeline_hides_no_sentence(finished, run_stage, file):
    path = finished.path / file
    path.write_text("<<<<<<< HEAD\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    before = files(finished.path)
    finished.change("params.yaml", "block_bytes: 8388608", "block_bytes: none")
    done = run_stage(finished, "ingest")
    assert done.returncode == 2
    assert done.stderr.startswith("ingest stopped: params.yaml: ingest: wrong parameters")
    assert "Traceback" not in done.stderr
    assert files(finished.path) == before
