"""What tests need from outside: programs and real data; and what happens where they are missing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: The Debian package of each program that tests use.
PACKAGES = {
    "ceph": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "chromium": "chromium",
    "initdb": "postgresql",
    "monmaptool": "ceph-base",
    "mount": "mount",
    "node": "nodejs",
    "npm": "npm",
    "radosgw": "radosgw",
    "radosgw-admin": "ceph-common",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
#: And of ODBC, whose libraries are no programs.
ODBC = ("unixodbc", "odbc-postgresql")


def needs_program(*names: str | Path) -> None:
    """Skip the test where a program does not start; fail it where everything is required.

    Parameters
    ----------
    names
        The programs, by the name that PATH finds them by or as a path.
    """
    if missing := [Path(name).name for name in names if not _starts(name)]:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        lack(f"{', '.join(missing)} cannot be started; install with: apt-get install {packages}")


@functools.cache
def _starts(program: str | Path) -> bool:
    """Start a program, since one that is found may lack a library or be a stub."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def needs_odbc(driver: str) -> ModuleType:
    """Return pyodbc where it can be imported and knows a driver; skip or fail where not."""
    install = f"install with: apt-get install {' '.join(ODBC)}"
    try:
        import pyodbc
    except ImportError as error:  # it is installed by pip, and its library by the system
        lack(f"pyodbc cannot be imported ({error}); {install}")
    if driver not in pyodbc.drivers():
        lack(f"the ODBC driver {driver!r} is not there; {install}")
    return pyodbc


def full_disk(disk: Path) -> list[str]:
    """Return what runs a command where a RAM disk may be mounted on a folder.

    The mount ends with the command. Where the system forbids mounting, the test is skipped; the
    failure planted in pipeline/test_bad_input.py runs everywhere.
    """
    needs_program("unshare", "mount")
    namespace = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    trial = ["mount", "-t", "tmpfs", "tmpfs", str(disk)]
    if subprocess.run([*namespace, *trial], capture_output=True, check=False).returncode:
        pytest.skip("not run: this system forbids to mount a RAM disk")
    return namespace


def without_privileges() -> list[str]:
    """Return what runs a command that may read only what the permission bits allow."""
    if os.geteuid() != 0:
        return []
    needs_program("setpriv")
    dropped = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped]


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
