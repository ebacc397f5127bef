"""`quickstack doctor`: each check on its own, and the whole on a healthy and a broken clone."""

from __future__ import annotations

import subprocess
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli import checks
from quickstack.cli.doctor import run
from quickstack.cli.main import app
from quickstack.guard.verifying.environment import differences
from quickstack.runtime.storage.health_check import CHECKS, Result, Status
from servers import S3Server

SECRET = "s3cr3t-never-shown"


def only(check: checks.Check, root: Path) -> Result:
    (result,) = run(check, root)
    return result


@pytest.fixture
def clone(tmp_path: Path, seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a healthy repository: git, a lock that holds, and both remotes on a server."""
    keys = {
        "endpointurl": seaweedfs.endpoint,
        "access_key_id": seaweedfs.access_key,
        "secret_access_key": seaweedfs.secret_key,
    }
    root = make_repository(tmp_path / "clone", {"storage": keys, "restricted": keys})
    s3 = boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key,
        region_name="us-east-1",
    )
    there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in {"quickstack-storage", "quickstack-restricted"} - there:
        s3.create_bucket(Bucket=bucket)
    (root / "requirements.txt").write_text(f"dvc=={version('dvc')}\n")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    monkeypatch.chdir(root)
    # The checks of contract and key have their own tests.
    own = [checks.python, checks.packages, checks.git, checks.dvc]
    s3_checks = [checks.shared_storage, checks.restricted_storage]
    monkeypatch.setattr("quickstack.cli.doctor.CHECKS", [*own, *s3_checks])
    return root


def test_healthy_clone(clone: Path, seaweedfs: S3Server) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines), result.stdout
    for check in ("python", "packages", "git", "dvc", "dvc config"):
        assert any(line.split("  ")[0] == "ok" and check in line for line in lines)
    for remote in ("storage", "restricted"):
        for check in CHECKS:
            assert f"{remote}: {check}" in result.stdout
    assert seaweedfs.secret_key not in result.output
    assert seaweedfs.access_key not in result.output


def test_restricted_is_a_note(clone: Path) -> None:
    config = clone / ".dvc/config.local"
    config.write_text(config.read_text().partition("['remote \"restricted\"']")[0])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    notes = [line for line in result.stdout.splitlines() if line.startswith("note")]
    assert len(notes) == 1
    assert "not configured here: fine unless you work with raw data" in notes[0]
    assert "No credentials were found" in notes[0]


def test_everything_wrong_at_once(clone: Path, seaweedfs: S3Server) -> None:
    (clone / "requirements.txt").write_text("dvc==0.1\nno-such-package==1\n")
    with (clone / ".dvc/config").open("a") as file:
        file.write(f"    secret_access_key = {SECRET}\n")
    keys = {"access_key_id": seaweedfs.access_key, "secret_access_key": SECRET}
    make_local = {"storage": {"endpointurl": seaweedfs.endpoint, **keys}}
    committed = (clone / ".dvc/config").read_text()
    make_repository(clone, make_local)
    (clone / ".dvc/config").write_text(committed)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "3 failed." in result.stderr
    assert f"dvc {version('dvc')}, not ==0.1; no-such-package is not installed" in result.stdout
    assert "pip install -r requirements.txt" in result.stdout
    assert "secret_access_key in line" in result.stdout
    assert "The secret key is not that of the access key id" in result.stdout
    assert "not checked storage: list" in " ".join(result.stdout.split())
    assert SECRET not in result.output
    assert "Traceback" not in result.output


def test_server_down(clone: Path) -> None:
    config = clone / ".dvc/config.local"
    lines = config.read_text().splitlines()
    address = "    endpointurl = http://127.0.0.1:9"
    config.write_text("\n".join(address if "endpointurl" in line else line for line in lines))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "Nothing listens at http://127.0.0.1:9: connection refused" in result.stdout
    assert "quickstack storage start" in result.stdout


@pytest.mark.parametrize("version_info", [(3, 10, 4), (2, 7, 18)])
def test_old_python(
    version_info: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks.sys, "version_info", version_info)
    result = only(checks.python, tmp_path)
    monkeypatch.undo()
    assert result.status == Status.FAILED
    assert "3.11 or newer" in result.sentence


@pytest.mark.parametrize(
    ("lock", "wanted", "found"),
    [
        (f"# a comment\n\ndvc=={version('dvc')}\n    # via x\n", 1, []),
        (f"dvc=={version('dvc')} ; python_full_version >= '3.0'\n", 1, []),
        ("dvc==0.1 ; python_full_version < '3.0'\n", 0, []),
        ("no-such-package==1 ; sys_platform == 'plan9'\n", 0, []),
        ("dvc==0.1\n", 1, [f"dvc {version('dvc')}, not ==0.1"]),
        ("DVC_S3==0.1\n", 1, [f"DVC_S3 {version('dvc-s3')}, not ==0.1"]),
        ("no-such-package==1\n", 1, ["no-such-package is not installed"]),
        ("-r other.txt\n--hash=sha256:00\n", 0, []),
        ("<<<<<<< HEAD\n", 0, ["line 1 is not a requirement"]),
    ],
)
def test_lock_against_installed(lock: str, wanted: int, found: list[str]) -> None:
    assert differences(lock) == (wanted, found)


def test_this_environment_is_the_lock() -> None:
    result = only(checks.packages, ROOT)
    assert result.status == Status.OK, result.sentence


def test_missing_lock(tmp_path: Path) -> None:
    result = only(checks.packages, tmp_path)
    assert result.status == Status.FAILED
    assert "requirements.txt is missing" in result.sentence


def test_long_list_of_differences_is_cut(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("".join(f"no-such-{i}==1\n" for i in range(9)))
    assert "; and 4 more" in only(checks.packages, tmp_path).sentence


def test_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not a git repository" in only(checks.git, tmp_path).sentence
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert only(checks.git, tmp_path).status == Status.OK
    said = namedtuple("Said", "stdout stderr")("", "fatal: detected dubious ownership in ...")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", lambda *_, **__: said)
        assert "safe.directory" in only(checks.git, tmp_path).sentence
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install git" in only(checks.git, tmp_path).sentence


def test_errors_of_a_check_are_its_failure(tmp_path: Path) -> None:
    def broken(root: Path):
        yield Result("first", Status.OK, "fine")
        (root / "missing").read_text()

    first, second = run(broken, tmp_path)
    assert first.status == Status.OK
    assert second.check == "broken"
    assert second.status == Status.FAILED
    assert "missing" in second.sentence

    # No remote of that name, for example.
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("")
    result = only(checks.shared_storage, tmp_path)
    assert result.check == "shared storage"
    assert "No remote is named storage" in result.sentence
