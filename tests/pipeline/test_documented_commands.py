"""Every command of every page in docs, in its order, in a clone in which the pipeline has run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
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
        done = subprocess.run(
            command, shell=True, cwd=finished.path, env=environment, text=True, timeout=1200,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    yield run
    if (finished.path / server.FOLDER).exists():
        run("quickstack storage stop")


def wait_for_queue(run) -> None:
    """Wait until every queued experiment has run."""
    while re.search("Queued|Running", run("dvc queue status")):
        time.sleep(8)  # asking takes DVC two seconds of a processor that the workers need


#: `test_upgrade` runs the commands of the guide to upgrading: they need a newer Quickstack.
TESTED = [page for page in PAGES if console(page) and page.stem != "upgrading"]


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
            wait_for_queue(shell)
        if command == "dvc queue status":
            assert printed.count("Success") == 2, printed
        if command.startswith("quickstack pull"):
            assert (finished.path / "models" / "model.skops").is_file()
