"""The command itself: quick to answer, light to import, and no traceback for a user's mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from quickstack.cli.main import PANELS, Group, app
from quickstack.facts.errors import ParameterError, StorageError

PROGRAM = Path(sysconfig.get_path("scripts")) / "quickstack"
HEAVY = ("boto3", "botocore", "dvc", "pandas", "pyarrow", "sklearn", "dask", "rich", "psutil")


def imported(*command: str) -> tuple[str, set[str]]:
    """Run a Python program; return what it prints and the modules that it imports."""
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout, {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_help_imports_little_more_than_typer() -> None:
    """What it imports is what it costs: 40 modules more than typer; pandas alone brings 900."""
    _, typer_alone = imported(sys.executable, "-c", "import typer")
    printed, modules = imported(str(PROGRAM), "--help")
    assert "doctor" in printed
    assert "storage" in printed
    assert "completion" not in printed
    assert "typer" in typer_alone & modules
    assert len(modules - typer_alone) < 80, sorted(modules - typer_alone)


def test_import_is_light() -> None:
    code = f"import sys, quickstack.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_help_lists_every_command_once_under_its_task() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for panel in PANELS:
        assert f"\n{panel}:\n" in shown
    assert "\nCommands:\n" not in shown
    listed = re.findall(r"^  ([a-z]+) {2,}\S.*[.]$", shown, flags=re.MULTILINE)
    assert sorted(listed) == sorted(typer.main.get_group(app).commands)
    assert "..." not in shown.partition("Data:")[2], "a first sentence is too long for the list"


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("quickstack 0.")


@pytest.mark.parametrize(
    "arguments",
    [["unknown"], ["storage", "unknown"], ["doctor", "--json"], ["storage", "start", "x"]],
)
def test_mistyped_commands(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (StorageError("It is off", where="here", fix="switch it on"), 1, "here: It is off. To fix"),
        (ParameterError("It is unknown"), 2, "It is unknown."),
        (PermissionError(13, "Permission denied", "a-file"), 1, "a-file: Permission denied."),
        (OSError(28, "No space left on device", "a-file"), 1, "a-file: No space left on device."),
        (OSError(28, "No space left on device"), 1, "No space left on device."),
    ],
)
def test_errors_end_as_sentences(error: Exception, code: int, sentence: str) -> None:
    inner, outer = typer.Typer(), typer.Typer(cls=Group)
    outer.add_typer(inner, name="inner")

    @inner.command("fail")
    def fail() -> None:
        raise error

    @inner.command("other")
    def other() -> None: ...

    result = CliRunner().invoke(outer, ["inner", "fail"])
    assert result.exit_code == code
    assert result.stderr.startswith(sentence)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["storage", "start"], ["storage", "stop"], ["storage", "status"]]
)
def test_outside_a_repository(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run([str(PROGRAM), *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "This is not a Quickstack repository" in done.stderr
    assert "To fix it: go into your clone" in done.stderr
    assert "Traceback" not in done.stderr
