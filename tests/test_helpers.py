"""A system program that is missing is named, with what installs it, and never fails a test."""

from __future__ import annotations

import builtins
import re
import sys
import types

import pytest

import helpers
from servers import ceph, postgres

NEEDED = {
    "PostgreSQL": lambda: helpers.needs_program("setpriv", postgres.programs() / "initdb"),
    "Ceph": lambda: helpers.needs_program(*ceph.PROGRAMS),
    "the browser": lambda: helpers.needs_program("chromium"),
    "Node": lambda: helpers.needs_program("node", "npm"),
    "a full disk": lambda: helpers.full_disk("unused"),
    "another user": helpers.without_privileges,
    "ODBC": lambda: helpers.needs_odbc("PostgreSQL Unicode"),
}


def test_ci_installs_what_tests_use():
    script = (helpers.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lists = re.findall(r"packages\+?=\(([^)]*)\)", script)
    assert {*helpers.PACKAGES.values(), *helpers.ODBC} <= set(" ".join(lists).split())


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Hide every system program, and the library of unixODBC."""
    helpers._starts.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "FOLDER", tmp_path)
    monkeypatch.setattr(helpers.os, "geteuid", lambda: 0)
    monkeypatch.delitem(sys.modules, "pyodbc", raising=False)
    real = builtins.__import__

    def without_odbc(name, *more, **options):
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return real(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without_odbc)
    yield tmp_path
    helpers._starts.cache_clear()


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("required", ["", "1"])
def test_what_is_missing_is_said_and_fails_only_where_all_is_required(
    bare, monkeypatch, name, required
):
    monkeypatch.setenv("QUICKSTACK_REQUIRE_ALL", required)
    ends = pytest.fail.Exception if required else pytest.skip.Exception
    with pytest.raises(ends, match=r"(?s)^not run.*; install with: apt-get install [a-z]"):
        NEEDED[name]()


def test_a_program_that_is_found_and_does_not_start_is_missing_too(bare, monkeypatch):
    """As a command is that only says how to install the program, or lacks a library."""
    monkeypatch.setenv("QUICKSTACK_REQUIRE_ALL", "")
    stub = bare / "chromium"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    with pytest.raises(pytest.skip.Exception, match="chromium cannot be started"):
        helpers.needs_program("chromium")
    helpers._starts.cache_clear()
    stub.write_text("#!/bin/sh\nexit 0\n")
    helpers.needs_program("chromium")


def test_a_driver_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("QUICKSTACK_REQUIRE_ALL", "")
    pyodbc = types.SimpleNamespace(drivers=lambda: ["SQLite3"])
    monkeypatch.setitem(sys.modules, "pyodbc", pyodbc)
    assert helpers.needs_odbc("SQLite3") is pyodbc
    with pytest.raises(pytest.skip.Exception, match="'PostgreSQL Unicode' is not there"):
        helpers.needs_odbc("PostgreSQL Unicode")
