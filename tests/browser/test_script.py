"""The script and the style of the page: linted as they are written, joined as they are shipped."""

from __future__ import annotations

import re
import subprocess

import pytest

from helpers import ROOT
from quickstack.results.exporting.bundle import compact_style, joined, modules
from quickstack.results.exporting.page import TEMPLATES

ENTRIES = sorted(path.stem for path in (TEMPLATES / "script").glob("page_*.js"))


def lint(node_modules, folder):
    program = node_modules / ".bin" / "biome"
    settings = f"--config-path={ROOT / 'tests' / 'browser'}"
    return subprocess.run(
        [program, "check", "--error-on-warnings", settings, folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_linter_passes(node_modules):
    done = lint(node_modules, TEMPLATES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", ["const unused = 1;\n", "missing(1);\n", "let  x=1\n"])
def test_the_linter_finds_a_fault(node_modules, tmp_path, fault):
    (tmp_path / "fault.js").write_text(fault)
    assert lint(node_modules, tmp_path).returncode != 0


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_name_stands_twice_in_what_is_joined(entry):
    script = joined(TEMPLATES / "script", entry)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", script, re.MULTILINE)
    listed = modules(TEMPLATES / "script", entry)
    top = [
        name
        for module in listed
        for name in re.findall(
            r"^(?:export )?(?:function|const|let) (\w+)",
            (TEMPLATES / "script" / f"{module}.js").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    ]
    assert set(top) <= set(names)
    assert len(top) == len(set(top))
    assert listed[-1] == entry


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_joined_is_one_script_without_ties(entry):
    script = joined(TEMPLATES / "script", entry)
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert "</" not in script
    assert "<!--" not in script
    for word in ("innerHTML", "eval(", "fetch(", "XMLHttpRequest", "document.write"):
        assert word not in script


def test_the_style_asks_for_nothing():
    style = compact_style(TEMPLATES / "page.css")
    assert "</" not in style
    assert "url(" not in style
    assert "@import" not in style
