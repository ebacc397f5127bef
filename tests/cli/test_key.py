from __future__ import annotations

import subprocess

import pytest
from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli.main import app
from quickstack.privacy.keys import KEY_FILE, KEY_VARIABLE, fingerprint


@pytest.fixture
def repository(tmp_path, monkeypatch):
    make_repository(tmp_path)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def test_a_key_made_in_a_folder_below_lies_in_the_root(repository):
    made = CliRunner().invoke(app, ["key", "new"])
    assert made.exit_code == 0, made.output
    text = (repository / KEY_FILE).read_text(encoding="ascii").strip()
    named = fingerprint(bytes.fromhex(text))
    assert named in made.output
    assert text not in made.output
    assert not (repository / "notebooks" / ".quickstack").exists()
    shown = CliRunner().invoke(app, ["key", "show"])
    assert (shown.exit_code, shown.output.strip()) == (0, named)


def test_a_second_key_is_refused(repository):
    CliRunner().invoke(app, ["key", "new"])
    before = (repository / KEY_FILE).read_bytes()
    again = CliRunner().invoke(app, ["key", "new"])
    assert again.exit_code == 1
    assert "there is a key already" in again.output
    assert (repository / KEY_FILE).read_bytes() == before


def test_without_a_key_show_says_so(repository):
    shown = CliRunner().invoke(app, ["key", "show"])
    assert shown.exit_code == 1
    assert KEY_VARIABLE in shown.output


@pytest.mark.parametrize(
    "path",
    [
        ".quickstack/pseudonym.key",
        "notebooks/.quickstack/pseudonym.key",
        ".env",
        ".dvc/config.local",
        "data/raw/own/people.csv",
        "data/.quarantine.12.tmp/people.jsonl",
    ],
)
def test_git_ignores_keys_and_raw_data(path):
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--quiet", path], cwd=ROOT, check=False, timeout=20
    )
    assert done.returncode == 0
