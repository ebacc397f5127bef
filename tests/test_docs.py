"""The pages in docs: every link leads somewhere, nothing is left out, nothing is stale."""

from __future__ import annotations

import importlib.util
import re

import pytest
import typer

from documents import ALL, PAGES, README, anchors, links
from helpers import ROOT
from quickstack.cli.main import app


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in links(page):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_readme_leads_to_every_page():
    named = {(ROOT / target.partition("#")[0]).resolve() for target in links(README)}
    assert {page.name for page in PAGES if page not in named} == set()


def test_every_command_is_documented():
    text = "".join(page.read_text(encoding="utf-8") for page in (README, *PAGES))
    for name, command in typer.main.get_group(app).commands.items():
        assert f"quickstack {name}" in text, name
        for below in getattr(command, "commands", {}):
            assert f"quickstack {name} {below}" in text, f"{name} {below}"


def test_the_contract_reference_is_as_the_code_has_it():
    spec = importlib.util.spec_from_file_location("", ROOT / "docs" / "contract_reference.py")
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    page = writer.PAGE.read_text(encoding="utf-8")
    assert page == writer.renewed(page), "run `make docs`"
    assert "| `task` | text |" in page


def test_the_architecture_names_every_room_and_no_other():
    library = ROOT / "src" / "quickstack"
    rooms = {
        folder.relative_to(library).as_posix()
        for group in library.iterdir()
        if group.is_dir() and group.name != "__pycache__"
        for folder in (group, *group.iterdir())
        if (folder / "__init__.py").is_file()
    }
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = re.search("^## Groups and rooms\n(.*?)^## ", text, flags=re.DOTALL | re.MULTILINE)[1]
    named = set(re.findall(r"^\| `([a-z/]+)` \|", section, flags=re.MULTILINE))
    assert named == rooms
