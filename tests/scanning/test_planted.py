from __future__ import annotations

import pytest

from quickstack.guard.scanning.leak_scan import Scanner
from quickstack.guard.scanning.searched_values import searchable
from quickstack.guard.scanning.workspace_files import folder
from scanning.shapes import CLEAN, FILES, VALUES


def scan(path, values=VALUES, **settings):
    named = [(value, f"line {number}") for number, value in enumerate(values, 1)]
    scanner = Scanner(searchable(named, frozenset()), **settings)
    scanner.scan(folder(path, "workspace"))
    return scanner.report


def shown(report):
    return "\n".join(one.sentence() for one in [*report.findings, *report.unread])


@pytest.mark.parametrize("plant", FILES.values(), ids=FILES)
def test_a_planted_value_is_found_and_never_shown(tmp_path, plant):
    plant(tmp_path)
    report = scan(tmp_path)
    assert report.findings
    assert report.unread == []
    said = shown(report)
    assert not [value for value in VALUES if value.lower() in said.lower()]


@pytest.mark.parametrize("plant", CLEAN.values(), ids=CLEAN)
def test_what_holds_no_value_is_silent(tmp_path, plant):
    plant(tmp_path)
    report = scan(tmp_path)
    assert sum(report.read.values()) > 0
    assert shown(report) == ""
