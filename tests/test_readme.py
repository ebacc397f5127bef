"""Every command of the README, in its order, in a fresh clone with an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess

from documents import README, check_printed, console, expected_pattern
from helpers import ROOT, real_data
from pipeline.conftest import clone_into

#: What the run of these tests sets, and a first user's shell does not.
OUTER = ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_TERMOUT")


def test_the_patterns_tell_right_from_wrong():
    pattern = expected_pattern(["a", "...", "b ... c"])
    assert pattern.fullmatch("a\nx\ny\nb 12 c\n")
    assert pattern.fullmatch("a\nb  c\n")
    assert not pattern.fullmatch("a\nx\n")
    assert not pattern.fullmatch("x\nb 1 c\n")


def test_every_command_does_what_the_readme_says(tmp_path):
    telco = real_data("telco_churn/Telco-Customer-Churn.csv")
    clone = clone_into(tmp_path / "quickstack")
    environment = {k: v for k, v in os.environ.items() if k not in OUTER}
    # Another thread count and hash seed than the run that made dvc.lock. To compile all packages
    # takes a minute, and what these few commands import is compiled when they do.
    environment |= {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "UV_COMPILE_BYTECODE": "0"}

    def run(command: str) -> str:
        done = subprocess.run(
            command, shell=True, cwd=clone.path, env=environment, text=True, timeout=1200,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    commands = console(README)
    assert [command for command, _ in commands[:2]] == ["make run", "make test"]
    for command, lines in commands:
        if command == "make test":
            # All tests are running now; here its own set-up and one file of them.
            command += " TESTS=tests/test_writing.py"
            if (ROOT / ".mypy_cache").is_dir():  # types were checked before these tests
                shutil.copytree(ROOT / ".mypy_cache", clone.path / ".mypy_cache")
        if command.startswith("quickstack init"):
            shutil.copy(telco, clone.path / "telco.csv")
        check_printed(command, run(command), lines)
        if command == "make run":
            assert run("git status --porcelain") == "", "the committed result is not reproduced"
            assert (clone.path / "exports" / "index.html").is_file()
            # As `. .venv/bin/activate` does.
            programs = clone.path / ".venv" / "bin"
            environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 1000


def test_the_readme_names_every_top_level_place():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {name.split("/")[0] for name in tracked if "/" in name and not name.startswith(".")}
    text = README.read_text(encoding="utf-8")
    assert {folder for folder in folders if f"{folder}/" not in text} == set()
