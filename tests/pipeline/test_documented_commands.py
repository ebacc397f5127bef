"""Every command of every page in docs, in its order, in a clone in which the pipeline has run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from documents import PAGES, check_printed, console
from pipeline.conftest import Clone
from quickstack.runtime.storage import server


@pytest.fixture
def shell(finished: Clone):
    """Run a line of the shell in the clone in which the pipeline has run."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def run(command: str) -> str:
        # Into a file: a pipe would be waited for until the workers end that `dvc queue` starts.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            done = subprocess.run(
                command, shell=True, cwd=finished.path, env=environment, text=True, timeout=1200,
                stdout=out, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
            out.seek(0)
            printed = out.read()
        assert done.returncode == 0, f"$ {command}\n{printed}"
        return printed

    yield run
    for process in finished.processes():
        process.kill()
    if (finished.path / server.FOLDER).exists():
        run("quickstack storage stop")


#: `test_upgrade` runs the commands of the guide to upgrading, which need a newer Quickstack;
#: `onboarding/test_init` those of the page on init, which need a table.
TESTED = [page for page in PAGES if console(page) and page.stem not in ("upgrading", "init")]


@pytest.mark.parametrize("page", TESTED, ids=lambda page: page.stem)
def test_every_command_does_what_the_page_says(page, shell, finished):
    for command, lines in console(page):
        # Its environment would be made in this clone; that is what the README's test shows.
        assert not command.startswith("make ")
        if command.startswith("quickstack pull"):
            shutil.rmtree(finished.path / ".dvc" / "cache")
            (finished.path / "models" / "model.skops").unlink()
        printed = shell(command)
        check_printed(command, printed, lines)
        if command.startswith("dvc queue start"):
            finished.wait_for_queue()
        if command == "dvc queue status":
            assert printed.count("Success") == 2, printed
        if command.startswith("quickstack pull"):
            assert (finished.path / "models" / "model.skops").is_file()
