"""What refuses to be published: leaks, a broken quality gate, a workspace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from examples import write
from helpers import ROOT
from publishing.cases import NOON, make_exports, make_facts
from quickstack.facts.errors import DataError, QuickstackError
from quickstack.results.publishing.gates import (
    committed,
    doubts_of,
    leak_free,
    of_model,
    of_quality,
)
from quickstack.results.publishing.publication import build_run, read_exports
from quickstack.results.publishing.published_runs import State
from quickstack.results.publishing.readers_place import FolderPlace, Seen, open_folder, open_place

CONTRACT = "configuration/contracts/sample.odcs.yaml"
SECRET = "Wanda.Q.Zybrinski@example.org"


@pytest.fixture
def repository(tmp_path):
    """Give a folder with the sample's contract, raw data of one person, and a quality report."""
    root = tmp_path / "repository"
    write(root / CONTRACT, (ROOT / CONTRACT).read_bytes())
    write(root / "params.yaml", (ROOT / "params.yaml").read_bytes())
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=lambda _, names: {"cache", "tmp"})
    write(root / "data/raw/sample/subscriptions_2024-01.csv", f"customer_id,email\n1,{SECRET}\n")
    return root


def built(root, reason=None, *, anew=True):
    """Build a run; with `anew` its export is written first."""
    exports = read_exports(make_exports(root / "exports") if anew else root / "exports")
    empty = State(Seen(None))
    return build_run(
        root / "work", exports, make_facts(), empty, run="r", published=NOON, reason=reason
    )


def test_a_leak_is_found_in_the_export_and_in_what_joins_it(repository):
    assert leak_free(repository, built(repository)).startswith("none of 1 personal values in 9")
    (repository / "exports/model/part0/page.json").write_text(f"ask {SECRET}")
    with pytest.raises(DataError, match="the leak scan failed") as caught:
        leak_free(repository, built(repository, anew=False))
    assert SECRET not in str(caught.value)
    with pytest.raises(DataError, match=r"the leak scan failed: export: index\.html"):
        leak_free(repository, built(repository, reason=f"{SECRET} asked for it"))


def test_a_key_in_the_export_is_found(repository, monkeypatch):
    key = bytes(range(32))
    monkeypatch.setenv("QUICKSTACK_PSEUDONYM_KEY", key.hex())
    run = built(repository)
    assert leak_free(repository, run)
    (repository / "exports/model/part0/page.json").write_text(json.dumps({"k": key.hex()}))
    with pytest.raises(DataError, match=r"the leak scan failed: export: .*pseudonym key") as caught:
        leak_free(repository, built(repository, anew=False))
    assert key.hex() not in str(caught.value)


def test_without_raw_data_the_scan_cannot_run(repository):
    shutil.rmtree(repository / "data")
    with pytest.raises(DataError, match="the leak scan cannot run"):
        leak_free(repository, built(repository))


@pytest.mark.parametrize(
    ("read", "clean", "quarantined", "hidden", "sentence"),
    [
        (100, 99, 1, 0, None),
        (100, 50, 50, 49, None),  # suppressed for k-anonymity, which is right
        (100, 98, 1, 0, "100 rows read are not 98 clean and 1 in quarantine"),
        (0, 0, 0, 0, "or none is clean"),
        (100, 90, 10, 0, r"10 of 100 rows break the contract, and it allows 1\.0%"),
    ],
)
def test_the_quality_gate(repository, read, clean, quarantined, hidden, sentence):
    rules = [{"column": "", "rule": "k-anonymity", "rows": hidden}]
    rows = {"read": read, "clean": clean, "quarantined": quarantined}
    write(
        repository / "reports/quality.json",
        json.dumps({"dataset": "sample", "rows": rows, "rules": rules}),
    )
    if sentence is None:
        assert f"{clean} clean rows" in of_quality(repository)
    else:
        with pytest.raises(DataError, match=sentence):
            of_quality(repository)


def test_a_workspace_that_differs_is_refused(repository):
    def git(*arguments):
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=repository, check=True)

    with pytest.raises(QuickstackError, match="commit the run first"):
        committed(repository)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "-m", "all")
    assert committed(repository) == "the workspace is what the commit says"
    for number in range(5):
        write(repository / f"new{number}", "")
    with pytest.raises(QuickstackError, match=r"differs from the commit: new0, new1, new2 and 2"):
        committed(repository)


def test_which_place_is_meant(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for text, sentence in (
        (None, "where to publish is not said"),
        ("ftp://host/x", "cannot be published in ftp://"),
        ("s3:///x", "names no bucket"),
        (str(repository / "published"), "lies in the repository"),
    ):
        with pytest.raises(QuickstackError, match=sentence):
            open_place(repository, text)
    assert isinstance(open_place(repository, str(tmp_path / "shared")), FolderPlace)
    config = repository / ".dvc" / "config"
    common = config.read_text()
    config.write_text(common + "['remote \"publish\"']\n    url = ../../shared\n")
    assert open_place(repository, None).shown == str(tmp_path / "shared")
    config.write_text(
        common + "['remote \"publish\"']\n    url = s3://results/a/b\n    region = eu-north-1\n"
    )
    there = open_place(repository, None)
    assert (there.shown, there.address("current.json")) == (
        "s3://results/a/b", "s3://results/a/b/current.json",
    )  # fmt: skip
    # An address in a bucket that a remote knows gets that remote's settings.
    buckets = ("results", "quickstack-storage")
    known, other = (open_place(repository, f"s3://{bucket}/c") for bucket in buckets)
    assert known.store.remote.settings["region"] == "eu-north-1"
    assert other.store.remote.settings.get("region") is None
    config.write_text(common + "['remote \"publish\"']\n    url = gs://results/a\n")
    with pytest.raises(QuickstackError, match=r"cannot be published in gs://.*conditional write"):
        open_place(repository, None)


def test_a_folder_outside_is_fine(repository, tmp_path):
    assert open_folder(tmp_path / "shared", repository).shown == str(tmp_path / "shared")


def test_the_gate_of_the_model(repository):
    def report(**changes):
        gap = {"roc_auc": {"value": 0.0, "low": -0.1, "high": 0.1, "better": None}}
        base = {"roc_auc": 0.862}
        document = {"roc_auc": 0.717, "baseline": base, "difference": gap, "doubt": None}
        document["guess"] = {"roc_auc": "the last known one"}
        write(repository / "reports/metrics.json", json.dumps(document | changes))

    report()
    assert of_model(repository).endswith("without a model 0.862, by the last known one")
    assert doubts_of(repository) == (
        "The model is not clearly better than a guess without any model: ROC AUC is 0.862 by the "
        "last known one, and 0.717 by the model",
    )
    report(difference={"roc_auc": {"better": True}})
    assert doubts_of(repository) == ()
    report(doubt="The model is too good to be believed")
    with pytest.raises(DataError, match="too good to be believed"):
        of_model(repository)
