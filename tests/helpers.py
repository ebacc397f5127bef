"""What tests need from outside: programs and real data; and what happens where they lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]


def needs_program(*names: str, install: str) -> None:
    """Skip the test where a program is missing; fail it where everything is required.

    Parameters
    ----------
    names
        The programs.
    install
        The Debian packages that hold them, or a whole command.
    """
    if missing := [name for name in names if shutil.which(name) is None]:
        command = install if " install " in install else f"apt-get install {install}"
        lack(f"{', '.join(missing)} not found; install with: {command}")


def real_data(name: str) -> Path:
    """Return a file or folder of the real data sets; skip or fail where it is missing.

    Parameters
    ----------
    name
        Path below the folder that QUICKSTACK_TEST_DATA names.
    """
    folder = Path(os.environ.get("QUICKSTACK_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = folder / name
    if not path.exists():
        lack(f"{name} not found in {folder}; set QUICKSTACK_TEST_DATA to the folder that holds it")
    return path


def make_repository(root: Path, remotes: Mapping[str, Mapping[str, str]] | None = None) -> Path:
    """Make a folder with this repository's committed DVC configuration, and a private one.

    Parameters
    ----------
    root
        The folder.
    remotes
        Settings for `.dvc/config.local`, by remote.
    """
    (root / ".dvc").mkdir(parents=True, exist_ok=True)
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, root / ".dvc" / name)
    if remotes:
        lines = []
        for name, settings in remotes.items():
            lines.append(f"['remote \"{name}\"']")
            lines += [f"    {key} = {value}" for key, value in settings.items()]
        (root / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def lack(reason: str) -> NoReturn:
    """End a test that cannot run here: skipped, or failed with QUICKSTACK_REQUIRE_ALL=1."""
    if os.environ.get("QUICKSTACK_REQUIRE_ALL") == "1":
        pytest.fail(f"not run, and QUICKSTACK_REQUIRE_ALL=1 asks for it: {reason}", pytrace=False)
    pytest.skip(f"not run: {reason}")
