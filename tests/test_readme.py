"""Every command of the README, in its order, in a fresh clone with an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from helpers import ROOT, real_data
from pipeline.conftest import clone_into

#: What the run of these tests sets, and a first user's shell does not.
OUTER = ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_TERMOUT")

README = (ROOT / "README.md").read_text(encoding="utf-8")


def console(text: str) -> list[tuple[str, list[str]]]:
    """Return the commands of the console blocks, each with the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def expected_pattern(lines: list[str]) -> re.Pattern[str]:
    """Build a pattern of the lines; `...` alone is any lines, inside a line any text."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(part) for part in line.split("...")) + r"\n")
    return re.compile("".join(parts))


def wait_until(holds: Callable[[], bool], seconds: float = 1200) -> None:
    """Wait until something holds; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(2)


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
    # Another thread count and hash seed than the run that made dvc.lock.
    environment |= {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}

    def run(command: str) -> str:
        done = subprocess.run(
            command, shell=True, cwd=clone.path, env=environment, text=True, timeout=1200,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    commands = console(README)
    assert [command for command, _ in commands[:2]] == ["make run", "make test"]
    try:
        for command, lines in commands:
            if command == "make test":
                # All tests are running now; here its own set-up and one file of them.
                command += " TESTS=tests/test_writing.py"
            if command.startswith("quickstack pull"):
                shutil.rmtree(clone.path / ".dvc" / "cache")
                for path in (clone.path / "models").glob("[!.]*"):
                    path.unlink()
            if command.startswith("quickstack add"):
                raw = Path(clone.path, "data", "raw", "telco_churn")
                raw.mkdir()
                shutil.copy(telco, raw)
            printed = run(command)
            pattern = expected_pattern(lines)
            assert pattern.fullmatch(printed), f"$ {command}\n{printed}\nis not\n{lines}"
            if command.startswith("dvc queue start"):
                wait_until(lambda: not re.search("Queued|Running", run("dvc queue status")))
            if command == "dvc queue status":
                assert printed.count("Success") == 2, printed
            if command.startswith("quickstack pull"):
                pulled = (clone.path / "models" / "model.skops").is_file()
                assert pulled, "the model did not come back"
            if command == "make run":
                assert run("git status --porcelain") == "", "the committed result is not reproduced"
                assert (clone.path / "exports" / "index.html").is_file()
                # As `. .venv/bin/activate` does.
                programs = clone.path / ".venv" / "bin"
                environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    finally:
        subprocess.run(
            ["quickstack", "storage", "stop"], cwd=clone.path, env=environment,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip


def test_the_readme_names_every_top_level_place():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {name.split("/")[0] for name in tracked if "/" in name and not name.startswith(".")}
    assert {folder for folder in folders if f"{folder}/" not in README} == set()


def test_the_readme_names_every_custom_property():
    from quickstack.facts.contract import custom_properties

    for name in (
        *custom_properties.CONTRACT_PROPERTIES,
        *custom_properties.SERVER_PROPERTIES,
        *custom_properties.COLUMN_PROPERTIES,
    ):
        assert f"`{name}`" in README, name


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target
