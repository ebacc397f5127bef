"""What killed commands leave half-written: `dvc.lock`, and lock files of DVC and git."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from projects import Project
from quickstack.facts.errors import QuickstackError
from quickstack.runtime.repository.killed_writes import mend


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a repository with a commit, and a newer `ingest` that git does not know."""
    made = Project(tmp_path / "project")
    made.folder("data/interim", {"a": b"1"})
    made.file("models/model.skops", b"model")
    made.folder("exports", {"index.html": b"page"})
    made.lock()
    in_order(made)
    made.git("add", "-A")
    made.git("commit", "--quiet", "-m", "state")
    made.folder("data/interim", {"a": b"2"})
    made.lock()
    in_order(made)
    return made


def in_order(project: Project) -> None:
    """Write the lock in DVC's order: a stage's outputs stand last, and of each its md5."""
    found = {
        name: {
            "cmd": entry["cmd"],
            "params": entry["params"],
            "outs": [{key: out[key] for key in ("path", "hash", "md5")} for out in entry["outs"]],
        }
        for name, entry in stages(project).items()
    }
    document = yaml.safe_dump({"schema": "2.0", "stages": found}, sort_keys=False)
    (project.root / "dvc.lock").write_text(document)


def stages(project: Project) -> dict:
    return yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]


def test_a_lock_cut_anywhere_comes_back_with_all_that_stood_whole(project: Project) -> None:
    lock = project.root / "dvc.lock"
    text, newer = lock.read_bytes(), stages(project)
    older = yaml.safe_load(project.git("show", "HEAD:dvc.lock"))["stages"]
    assert list(newer) == ["export", "ingest", "train"], "in this order in the file"
    next_begins = text.index(b"  train:\n") + len(b"  train:\n")
    ends = {number + 1 for number, byte in enumerate(text[:-1]) if byte == ord("\n")}
    for end in sorted({0, 1, next_begins, *range(50, len(text), 197), *sorted(ends)[::5]}):
        lock.write_bytes(text[:end])
        said = mend(project.root)
        assert len(said) == 1, text[:end]
        assert "dvc.lock was cut short" in said[0]
        found = stages(project)
        assert {name: found[name] for name in ("export", "train")} == {
            name: older[name] for name in ("export", "train")
        }
        assert found["ingest"] == (newer if end >= next_begins else older)["ingest"], end
        assert mend(project.root) == []


@pytest.mark.parametrize(
    "content", [b"\0" * 500, b"\xff\xfe", b"[]\n", b"schema: '2.0'\nstages:\n  ingest: 3\n"]
)
def test_what_is_no_lock_is_brought_back(project: Project, content: bytes) -> None:
    (project.root / "dvc.lock").write_bytes(content)
    assert "brought back from git" in mend(project.root)[0]
    assert (project.root / "dvc.lock").read_text().strip() == project.git("show", "HEAD:dvc.lock")


def test_what_dvc_staged_is_newer_than_the_commit(project: Project) -> None:
    lock = project.root / "dvc.lock"
    text = lock.read_bytes()
    project.git("add", "dvc.lock")
    lock.write_bytes(b"")
    mend(project.root)
    assert lock.read_bytes() == text


def test_a_committed_cut_is_passed_over(project: Project) -> None:
    lock = project.root / "dvc.lock"
    whole = project.git("show", "HEAD:dvc.lock")
    lock.write_bytes(b"schema: '2")
    project.git("commit", "--quiet", "-a", "-m", "cut")
    mend(project.root)
    assert lock.read_text().strip() == whole


def test_without_any_in_git_the_whole_stages_stay(tmp_path: Path) -> None:
    made = Project(tmp_path / "project")
    made.file("models/model.skops", b"model")
    made.folder("exports", {"a": b"1"})
    made.lock()
    lock = made.root / "dvc.lock"
    text = lock.read_bytes()
    lock.write_bytes(text[:-3])
    assert "what stands whole" in mend(made.root)[0]
    assert list(stages(made)) == ["export"]
    lock.write_bytes(b"")
    mend(made.root)
    assert not lock.exists()


@pytest.mark.parametrize("change", ["merge", "less", "more", "none"])
def test_what_people_do_to_it_is_no_cut(project: Project, change: str) -> None:
    lock, pipeline = project.root / "dvc.lock", project.root / "dvc.yaml"
    text, declared = lock.read_text(), pipeline.read_text()
    if change == "merge":
        lock.write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    elif change == "less":  # a stage and an output are taken out
        pipeline.write_text(declared.replace("  export: {cmd: 'true', outs: [exports]}\n", ""))
        known = yaml.safe_load(text)
        del known["stages"]["export"]
        lock.write_text(yaml.safe_dump(known))
    elif change == "more":  # and one is added, and has not run
        pipeline.write_text(f"{declared}  report: {{cmd: 'true', outs: [report.txt]}}\n")
    else:
        lock.unlink()
    before = lock.read_bytes() if lock.exists() else None
    assert mend(project.root) == []
    assert (lock.read_bytes() if lock.exists() else None) == before


@pytest.mark.parametrize("content", ["", '{"write": {"/data": {"pi', "[]", '{"write": 3}', "{}"])
def test_the_rwlock_that_dvc_cannot_read_goes(project: Project, content: str) -> None:
    path = project.root / ".dvc/tmp/rwlock"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert len(mend(project.root)) == (content != "{}")
    assert path.exists() == (content == "{}")


def test_the_rwlock_of_a_process_whose_number_went_to_another_goes(project: Project) -> None:
    """DVC takes the younger process for the owner, and waits for it."""
    path = project.root / ".dvc/tmp/rwlock"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"write": {"/data": {"pid": os.getpid(), "cmd": "dvc repro"}}}))
    assert mend(project.root) == []
    os.utime(path, (1e9, 1e9))
    assert ".dvc/tmp/rwlock was left" in mend(project.root)[0]
    assert not path.exists()


def test_while_dvc_works_nothing_is_touched(project: Project) -> None:
    from dvc.lock import make_lock

    lock = project.root / "dvc.lock"
    lock.write_bytes(b"sche")
    (project.root / ".dvc/tmp").mkdir(exist_ok=True)
    with (
        make_lock(str(project.root / ".dvc/tmp/lock")),
        pytest.raises(QuickstackError, match="another command of DVC works here"),
    ):
        mend(project.root)
    assert lock.read_bytes() == b"sche"


def test_a_lock_of_git_goes_when_nobody_holds_it(project: Project) -> None:
    left = [project.root / ".git/index.lock", project.root / ".git/refs/heads/main.lock"]
    for path in left:
        path.touch()
    # A program of git that waits for its input, in this folder.
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=project.root, stdin=subprocess.PIPE
    ) as git:
        assert mend(project.root) == []
        assert git.stdin is not None
        git.stdin.close()
    assert all(path.exists() for path in left)
    said = mend(project.root)
    assert len(said) == 2
    assert ".git/index.lock was left by a git command that was killed" in said[0]
    assert not any(path.exists() for path in left)
