from __future__ import annotations

import subprocess

import pytest
from typer.testing import CliRunner

from helpers import ROOT, make_repository
from quickstack.cli.main import app
from quickstack.data.privacy.pseudonym_keys import (
    KEY_VARIABLE,
    SAMPLE_KEY,
    destroyed,
    epochs,
    fingerprint,
)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    make_repository(tmp_path)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def call(*arguments, **options):
    return CliRunner().invoke(app, ["key", *arguments], **options)


def contract(root, **changes):
    folder = root / "configuration" / "contracts"
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "configuration/contracts/telco_churn.odcs.yaml").read_text(encoding="utf-8")
    text = text.replace("id: telco_churn", "id: people", 1)
    text = text.replace("data/raw/telco_churn/", "data/raw/people/")
    lines = [line for line in text.splitlines() if "pseudonymKey" not in line]
    place = lines.index("customProperties:") + 1
    for name, value in changes.items():
        lines.insert(place, f"  - {{property: {name}, value: {value}}}")
    (folder / "people.odcs.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_key_made_in_a_folder_below_lies_in_the_root(repository):
    made = call("new")
    assert made.exit_code == 0, made.output
    (epoch,) = epochs(repository)
    assert made.output.startswith(
        f"made key {epoch.fingerprint} in .quickstack/keys/0001-{epoch.fingerprint}.key; git ignor"
    )
    assert f"value: {epoch.fingerprint}" in made.output
    assert epoch.key().hex() not in made.output
    assert not (repository / "notebooks" / ".quickstack").exists()
    shown = call("show")
    assert shown.exit_code == 0
    assert shown.output.strip() == f"epoch 1  {epoch.fingerprint}  used by no contract"


def test_a_second_first_key_is_refused(repository):
    call("new")
    before = epochs(repository)
    again = call("new")
    assert again.exit_code == 1
    assert "there is already a key" in again.output
    assert "quickstack key rotate" in again.output
    assert epochs(repository) == before


def test_without_a_key_show_says_so(repository):
    shown = call("show")
    assert shown.exit_code == 1
    assert KEY_VARIABLE in shown.output
    assert call("rotate").exit_code == 1


def test_rotation_keeps_the_old_key_and_says_what_to_do(repository):
    call("new")
    contract(repository)
    first = epochs(repository)[0]
    contract(repository, pseudonymKey=first.fingerprint)
    rotated = call("rotate")
    second = epochs(repository)[1]
    assert rotated.exit_code == 0
    assert f"pseudonymKey, value: {second.fingerprint}" in rotated.output
    assert "dvc repro" in rotated.output
    assert call("show").output.splitlines() == [
        f"epoch 1  {first.fingerprint}  used by people",
        f"epoch 2  {second.fingerprint}  used by no contract",
    ]


@pytest.mark.parametrize("pinned", [True, False])
def test_a_key_in_use_is_destroyed_by_force_only(repository, pinned):
    call("new")
    (epoch,) = epochs(repository)
    contract(repository, **({"pseudonymKey": epoch.fingerprint} if pinned else {}))
    refused = call("destroy", epoch.fingerprint, "--yes")
    assert refused.exit_code == 1
    assert "people would lose the key" in refused.output
    assert epochs(repository) == [epoch]
    done = call("destroy", epoch.fingerprint, "--yes", "--force")
    assert done.exit_code == 0, done.output
    assert "password manager" in done.output
    assert epochs(repository) == []
    shown = call("show")
    assert f"destroyed on {destroyed(repository)[epoch.fingerprint]}" in shown.output
    again = call("destroy", epoch.fingerprint, "--yes")
    assert again.exit_code == 1
    assert "it was destroyed on" in again.output


def test_destruction_asks_first(repository):
    call("new")
    (epoch,) = epochs(repository)
    asked = call("destroy", epoch.fingerprint, input="n\n")
    assert asked.exit_code == 1
    assert "cannot be undone" in asked.output
    assert epochs(repository) == [epoch]
    assert call("destroy", epoch.fingerprint, input="y\n").exit_code == 0
    assert epochs(repository) == []


def test_what_an_unreadable_contract_may_use_is_not_destroyed(repository):
    call("new")
    contract(repository, nonsense=1)
    (epoch,) = epochs(repository)
    refused = call("destroy", epoch.fingerprint, "--yes")
    assert refused.exit_code == 2
    assert epochs(repository) == [epoch]


def test_a_key_of_the_team_is_taken_from_a_pipe(repository):
    key = bytes(range(32))
    taken = call("add", "--epoch", "3", input=key.hex() + "\n")
    assert taken.exit_code == 0, taken.output
    assert key.hex() not in taken.output
    (epoch,) = epochs(repository)
    assert (epoch.number, epoch.key()) == (3, key)
    wrong = call("add", input="s3cret words")
    assert wrong.exit_code == 1
    assert "64 hexadecimal digits" in wrong.output
    assert "s3cret" not in wrong.output


@pytest.mark.parametrize(
    "path",
    [
        ".quickstack/keys/0001-0011223344556677.key",
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
        ["git", "check-ignore", "--no-index", "--quiet", path], cwd=ROOT, check=False
    )
    assert done.returncode == 0


def test_a_contract_that_was_copied_is_named_with_what_to_write(repository):
    contract(repository, pseudonymKey=fingerprint(SAMPLE_KEY))
    made = call("new")
    assert made.exit_code == 0, made.output
    assert "Contract 'people' names the sample's published key: write this one" in made.output
