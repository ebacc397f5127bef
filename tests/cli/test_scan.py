from __future__ import annotations

import json
import subprocess

import pytest
from typer.testing import CliRunner

from examples import write
from helpers import make_repository
from quickstack.cli.main import app
from quickstack.results.publishing.places import remember

SECRET = "zoe.quell+canary@example.org"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = make_repository(tmp_path / "project")
    write(root / "dvc.yaml", "stages: {}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    write(tmp_path / "values.txt", f"{SECRET}\nabc\n")
    monkeypatch.chdir(root)
    return root


def scan(*options):
    done = CliRunner().invoke(app, ["scan", "--values", "../values.txt", "--offline", *options])
    assert SECRET not in done.output
    return done.exit_code, done.output


def test_nothing_found_succeeds_and_says_what_was_looked_at(repository):
    code, said = scan()
    assert code == 0
    assert "no personal value and no key found, 0 places not read" in said
    assert "Not       searchable: too short 1" in said
    assert "Left out  the remotes (--offline)" in said


def test_a_finding_fails_and_names_place_and_kind(repository):
    write(repository / "reports/a.json", json.dumps({"mail": SECRET}))
    code, said = scan()
    assert code == 1
    assert "leak    workspace: reports/a.json: a value of line 1 as utf-8" in said
    assert "Result    1 finding," in said
    code, said = scan("--json", "--allow-unread")
    assert code == 1
    (found,) = json.loads(said)["findings"]
    assert found == {
        "kind": "workspace", "path": "reports/a.json", "inside": "", "value": "line 1",
        "encoding": "utf-8", "count": 1, "key": False,
    }  # fmt: skip


def test_places_that_were_published_to_are_searched(repository, tmp_path):
    remember(repository, str(tmp_path / "share"))
    said = CliRunner().invoke(app, ["scan", "--values", "../values.txt"]).output
    assert "unread  published: " in said, "a place that is gone is not clean"
    write(tmp_path / "share/runs/one/table.csv", f"a,{SECRET}\n")
    found = CliRunner().invoke(app, ["scan", "--values", "../values.txt"])
    assert found.exit_code == 1
    assert "leak    published: runs/one/table.csv: a value of line 1" in found.output


def test_what_was_not_read_fails_unless_it_is_allowed(repository):
    write(repository / "reports/a.zip", b"PK\x03\x04 and nothing more")
    code, said = scan()
    assert code == 1
    assert "unread  workspace: reports/a.zip: it is damaged (BadZipFile)" in said
    assert scan("--allow-unread")[0] == 0


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--values", "nowhere.txt"), 1, "it cannot be read"),
        (("--values", "../values.txt", "--from-raw"), 2, "not both"),
        ((), 1, "no raw data with personal columns are here"),
        (("--values", "../short.txt"), 1, "none of the values can be searched"),
    ],
)
def test_wrong_use_gets_a_sentence(repository, options, code, sentence):
    write(repository.parent / "short.txt", "abc\n")
    done = CliRunner().invoke(app, ["scan", *options])
    assert (done.exit_code, sentence in done.output) == (code, True), done.output
