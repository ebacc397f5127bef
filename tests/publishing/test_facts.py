"""Arrival and age of the data, what changed, and when a model counts as worse."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta

import pytest

from examples import write
from publishing.cases import NOON, make_facts
from quickstack.results.publishing.changes import changed_sentence, loss_sentence
from quickstack.results.publishing.data_age import DataArrival, arrival, freshness


def git(root, *arguments, **environment):
    subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments],
        cwd=root, check=True, capture_output=True, env={**os.environ, **environment},
    )  # fmt: skip


def test_the_commit_of_the_pointer_comes_first_then_the_landing_then_the_files(tmp_path):
    assert arrival(tmp_path, "people") == DataArrival(None, "unknown")
    raw = write(tmp_path / "data/raw/people/a.csv", "id\n")
    os.utime(raw, (0, 1_700_000_000))
    assert arrival(tmp_path, "people") == DataArrival(datetime(2023, 11, 14, 22, 13, 20), "files")
    record = {"files": [{"landed_at": f"2026-11-0{day}T10:00:00Z"} for day in (3, 4)]}
    write(raw.with_name("a.landing.json"), json.dumps(record))
    assert arrival(tmp_path, "people") == DataArrival(datetime(2026, 11, 4, 10), "landing")
    write(raw.with_name("b.landing.json"), "[]")  # no record: the others are asked all the same
    assert arrival(tmp_path, "people").source == "landing"
    git(tmp_path, "init", "--quiet")
    pointer = write(tmp_path / "data/raw/people.dvc", "outs: []\n")
    assert arrival(tmp_path, "people").source == "landing"  # not committed yet
    git(tmp_path, "add", str(pointer))
    when = "2026-11-05T01:30:00+02:00"
    git(tmp_path, "commit", "-qm", "data", GIT_COMMITTER_DATE=when, GIT_AUTHOR_DATE=when)
    assert arrival(tmp_path, "people") == DataArrival(datetime(2026, 11, 4, 23, 30), "git")
    write(tmp_path / "README.md", "later")
    git(tmp_path, "add", "README.md")
    git(tmp_path, "commit", "-qm", "other")
    assert arrival(tmp_path, "people").moment == datetime(2026, 11, 4, 23, 30)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}", str(tmp_path / "shallow"))
    assert arrival(tmp_path / "shallow", "people").source != "git"


def test_freshness_beside_the_promises():
    day = timedelta(days=1)
    found = freshness(NOON, NOON - 36 * day, NOON - day, 35 * day, day)
    assert found.document() == {
        "promise_hours": 840.0, "age_hours": 864.0, "kept": False, "lead_hours": 24.0,
        "lead_promise_hours": 24.0, "lead_kept": True,
    }  # fmt: skip
    nothing = freshness(NOON, None, None, None, None)
    assert set(nothing.document().values()) == {None}
    # A row in the future is no reason to call the data old.
    assert freshness(NOON, NOON + day, NOON + day, day, day).document() == {
        "promise_hours": 24.0, "age_hours": -24.0, "kept": True, "lead_hours": None,
        "lead_promise_hours": 24.0, "lead_kept": None,
    }  # fmt: skip


ROW = {
    "run": "r1", "metric": "roc_auc", "value": 0.8, "model_version": "m", "data_version": "d",
    "clean": 1000, "verdict": "stable",
}  # fmt: skip


def compared(verdict, before=0.8, after=0.8):
    """Give what the comparison of two runs says of the main metric."""
    sides = {"before": {"value": before}, "after": {"value": after}}
    gap = {"difference": {"value": after - before, "low": -0.1, "high": 0.1}}
    return {"how": "judged so", "metrics": [{"main": True, "verdict": verdict, **sides, **gap}]}


@pytest.mark.parametrize("verdict", ["better", "worse", "within noise", "same", "not comparable"])
def test_only_what_is_worse_on_the_same_rows_is_a_loss(verdict):
    lost = loss_sentence(make_facts(), compared(verdict, 0.8, 0.7))
    assert (lost is not None) == (verdict == "worse")
    assert lost is None or "is 0.7000 where that has 0.8000" in lost
    assert loss_sentence(make_facts(), None) is None


def test_what_cannot_be_compared_is_said():
    assert "cannot be compared with then" in changed_sentence(make_facts(metric="mae"), ROW)
    why = changed_sentence(make_facts(), ROW, compared("not comparable"))
    assert "cannot be compared with 0.8000 of then (judged so)" in why


def test_the_sentence_says_what_did_not_change():
    facts = make_facts(model_version="m", data_version="d", clean=1000)
    assert changed_sentence(facts, None) == "This is the first published run."
    assert changed_sentence(facts, ROW, compared("same")) == (
        "Since the last published run, the model is the same, the data are the same, ROC AUC stays "
        "0.8000, and the drift verdict is still stable."
    )
    fewer = changed_sentence(make_facts(clean=999), ROW)
    assert "the data have 1 clean row fewer" in fewer
    assert "the data changed (1,000 clean rows as before)" in changed_sentence(
        make_facts(clean=1000), ROW
    )
