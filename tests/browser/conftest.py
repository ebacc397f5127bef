"""A real Chromium per module, and what the tests use from npm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import lack, needs_program

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Give Debian's Chromium, driven by Playwright; Playwright's own browsers are not needed."""
    from playwright.sync_api import sync_playwright

    needs_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            # Its sandbox needs rights that a container does not give; it opens our pages only.
            args=["--no-sandbox"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Give the packages of package.json, installed once into a folder that git ignores."""
    needs_program("npm")
    folder, mark = HERE / "node_modules", HERE / "node_modules" / ".package.json"
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-save"]
        done = subprocess.run(
            [*command, "--ignore-scripts"], cwd=HERE, capture_output=True, text=True, check=False
        )
        if done.returncode:
            lack(f"npm cannot install what the page's tests use: {done.stderr.strip()[-300:]}")
        mark.write_text(wanted, encoding="utf-8")
    return folder
