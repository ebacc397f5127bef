"""Commits with data, brought back by the real git and DVC from the cache and a remote."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from projects import Project, parquet, people
from quickstack.cli.main import app


def checkout(project, name):
    return CliRunner().invoke(app, ["checkout", name])


@pytest.fixture
def lived(project) -> Project:
    """Two commits of data, quarantine and model, all pushed to two remotes that are folders."""
    for rows in (10, 20):
        project.interim(a=people(0, rows), b=people(100, 5))
        project.folder("data/quarantine", {"a.jsonl": b"{}\n" * rows})
        project.folder("exports", {"index.html": b"<p>" * rows})
        project.file("models/model.skops", b"model" * rows)
        project.file("models/reference.json", b"{}")
        project.commit(f"{rows} rows")
    shutil.copytree(project.root / ".dvc/cache", project.root.parent / "storage")
    return project


def files(project):
    tops = [project.root / name for name in ("data", "models", "exports")]
    found = [path for top in tops for path in sorted(top.rglob("*")) if path.is_file()]
    return {path.relative_to(project.root).as_posix(): path.read_bytes() for path in found}


def forget(project, md5, *places):
    """Take an object out of the cache, or of the shared remote."""
    for place in places:
        (place / md5[:2] / md5[2:]).unlink()


def remote(project):
    return project.root.parent / "storage" / "files" / "md5"


def md5_at(project, revision, output):
    lock = yaml.safe_load(project.git("show", f"{revision}:dvc.lock"))
    outs = (out for stage in lock["stages"].values() for out in stage["outs"])
    return next(out["md5"] for out in outs if out["path"] == output)


def test_there_and_back_without_the_restricted_remote(lived):
    newest = files(lived)
    forget(lived, md5_at(lived, "HEAD~1", "models/model.skops"), lived.cache)
    quarantine = md5_at(lived, "HEAD~1", "data/quarantine")
    forget(lived, quarantine, lived.cache, remote(lived))
    done = checkout(lived, "HEAD~1")
    assert done.exit_code == 0, done.output
    assert "only the restricted remote has: data/quarantine" in done.output
    assert "The way back: `git checkout main && dvc checkout`" in done.output
    found = files(lived)
    assert found["models/model.skops"] == b"model" * 10
    assert found["exports/index.html"] == b"<p>" * 10
    assert found["data/interim/a.parquet"] == parquet(people(0, 10))
    lived.git("checkout", "--quiet", "main")
    subprocess.run([sys.executable, "-m", "dvc", "checkout", "--quiet"], cwd=lived.root)
    assert files(lived) == newest


@pytest.mark.long
def test_a_model_that_is_nowhere_is_named(lived):
    forget(lived, md5_at(lived, "HEAD~1", "models/model.skops"), lived.cache, remote(lived))
    done = checkout(lived, "HEAD~1")
    assert done.exit_code == 1
    assert "not in the cache or the shared remote: models/model.skops" in done.output
    assert files(lived)["exports/index.html"] == b"<p>" * 10


def test_changes_that_nothing_holds_are_not_given_up(lived):
    (lived.root / "models/model.skops").write_bytes(b"trained by hand")
    edited = checkout(lived, "HEAD~1")
    (lived.root / "requirements.txt").write_text("numpy")
    changed = checkout(lived, "HEAD~1")
    assert (edited.exit_code, changed.exit_code) == (1, 1)
    assert "models/model.skops: this is not what dvc.lock says" in edited.output
    assert "requirements.txt: 1 files hold changes that no commit has" in changed.output
    assert (lived.root / "models/model.skops").read_bytes() == b"trained by hand"
    assert lived.git("rev-parse", "HEAD") == lived.git("rev-parse", "main")
    assert "git knows no commit 'no-such'" in checkout(lived, "no-such").output
