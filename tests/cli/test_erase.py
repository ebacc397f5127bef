from __future__ import annotations

import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from examples import write
from helpers import ROOT
from quickstack.cli.main import app
from quickstack.data.privacy.pseudonym_keys import KEY_VARIABLE, SAMPLE_KEY
from quickstack.data.privacy.pseudonyms import pseudonymise

VALUE = "C" + "0004711"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "project"
    write(
        root / ".dvc/config",
        "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../..\n",
    )
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (root / "configuration/contracts").mkdir(parents=True)
    shutil.copy(ROOT / "configuration/contracts/sample.odcs.yaml", root / "configuration/contracts")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *author, "commit", "-qm", "x"], cwd=root, check=True)
    (root.parent / "remote").mkdir()
    text = (root / ".dvc/config").read_text().replace("../..", "../../remote")
    (root / ".dvc/config").write_text(text)
    monkeypatch.chdir(root)
    return root


def call(*arguments, **options):
    return CliRunner().invoke(app, ["erase", *arguments], **options)


def test_the_value_comes_from_a_pipe_or_a_file_which_is_left_out(repository):
    value = write(repository / "value", VALUE + "\n")
    given = call("--column", "customer_id", "--value-file", str(value))
    assert given.exit_code == 0, given.output
    assert "no trace of this person" in given.output
    piped = call("--column", "customer_id", input=VALUE + "\n")
    assert "value  workspace" in piped.output
    assert piped.exit_code == 1, "something of the person is left"
    assert VALUE not in piped.output


def test_a_pseudonym_leads_to_the_value_where_raw_data_and_key_are_here(repository):
    import pyarrow as pa

    token = pseudonymise(pa.array([VALUE]), SAMPLE_KEY, "customer").to_pylist()[0]
    unknown = call("--column", "customer_id", "--token", token)
    assert unknown.exit_code == 1
    assert "give the value itself" in unknown.output
    raw = write(repository / "data/raw/sample/a.csv", f"customer_id,month\n{VALUE},2025-01-01\n")
    found = call("--column", "customer_id", "--token", token)
    assert found.exit_code == 1, found.output
    assert "data/raw/sample/a.csv" in found.output
    assert "add --apply" in found.output
    assert raw.exists()
    assert token not in found.output
    done = call("--column", "customer_id", "--token", token, "--apply")
    assert done.exit_code == 0, done.output
    assert "data/raw/sample/a.csv: 1 rows taken out" in done.output
    assert raw.read_text() == "customer_id,month\n"


def test_a_column_that_is_not_personal_is_refused(repository):
    refused = call("--column", "region", input=VALUE)
    assert refused.exit_code == 2
    assert "is not personal" in refused.output
