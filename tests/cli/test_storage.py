"""`quickstack storage` in a repository: the real server, the real DVC."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers import make_repository
from quickstack.cli.main import app
from quickstack.runtime.storage import server
from quickstack.runtime.storage.health_check import check_remote, failure
from quickstack.runtime.stores.remotes import read_remote


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = make_repository(tmp_path / "clone")
    (root / "deeper").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    monkeypatch.chdir(root / "deeper")
    yield root
    server.stop(root)


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["storage", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def test_start_push_stop(root: Path) -> None:
    assert call("status") == (1, "Not running. To start it: quickstack storage start\n")
    assert call("stop") == (0, "The server was not running\n")

    code, output = call("start")
    assert code == 0, output
    assert "Started at http://127.0.0.1:" in output
    assert "bucket quickstack-storage created" in output
    assert "bucket quickstack-restricted created" in output
    outputs = [output]
    for name in ("storage", "restricted"):
        assert failure(check_remote(read_remote(root, name))) is None

    (root / "numbers.csv").write_text("a\n1\n")
    dvc(root, "add", "-q", "numbers.csv")
    assert "1 file pushed" in dvc(root, "push")

    code, output = call("start")
    assert code == 0, output
    assert "Already running" in output
    assert "bucket quickstack-storage found" in output
    outputs += [output, call("status")[1], call("stop")[1]]
    assert "Running at" in outputs[2]
    assert call("status")[0] == 1

    code, output = call("start")
    assert code == 0, output
    (root / "numbers.csv").unlink()
    (root / ".dvc/cache").rename(root / "elsewhere")
    dvc(root, "pull", "-q")
    assert (root / "numbers.csv").read_text() == "a\n1\n"

    secret = read_remote(root).settings["secret_access_key"]
    assert secret not in "".join([*outputs, output])
    tracked = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "config.local" not in tracked
    assert ".quickstack" not in tracked.replace(".quickstack/storage/.gitignore", "")


def test_start_leaves_another_server_alone(root: Path) -> None:
    make_repository(root, {"storage": {"endpointurl": "https://s3.example.org"}})
    before = (root / ".dvc/config.local").read_bytes()
    code, output = call("start")
    assert code == 1
    assert "another S3 server" in output
    assert "--replace" in output
    assert (root / ".dvc/config.local").read_bytes() == before
    assert server.status(root) is None, "it runs for nobody"
    assert call("start", "--replace")[0] == 0


def test_start_without_the_program(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.seaweedfs.sysconfig, "get_path", lambda _: str(root))
    code, output = call("start")
    assert code == 1
    assert "make storage" in output
    assert not (root / ".dvc/config.local").exists()
