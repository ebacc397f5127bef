"""What is refused before anything runs, each with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from quickstack.facts.errors import QuickstackError
from quickstack.models.tuning.runner import open_sweep, require_results, run_trials

RANGES = Path("configuration/sweep.yaml")


def opened(small, name="sweep"):
    return open_sweep(small.path, small.path / RANGES, name)


def change(small, file, old, new):
    path = small.path / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_clean_commit_opens_and_so_does_a_changed_file_of_ranges(small):
    small.ranges("parameters:\n  train.gradient_boosting.max_leaf_nodes: {low: 2, high: 4}\n")
    (small.path / "note.txt").write_text("untracked files stay where they are")
    sweep = opened(small)
    assert (sweep.metric, sweep.higher, sweep.ordered, sweep.before) == ("roc_auc", True, True, ())
    assert len(sweep.default) == 5


def test_trials_are_compared_by_the_main_metric_of_the_contract(small):
    written = "  - {property: target, value: churned_next_month}\n"
    chosen = f"{written}  - {{property: mainMetric, value: log_loss}}\n"
    change(small, "configuration/contracts/sample.odcs.yaml", written, chosen)
    small.run("git", "commit", "--quiet", "--all", "--message", "choose")
    sweep = opened(small)
    assert (sweep.metric, sweep.higher) == ("log_loss", False)


def test_changes_that_no_commit_holds(small):
    change(small, "params.yaml", "learning_rate: 0.1", "learning_rate: 0.2")
    with pytest.raises(
        QuickstackError, match=r"params.yaml differs from the last commit"
    ) as caught:
        opened(small)
    assert "git stash && dvc checkout" in caught.value.fix


def test_a_commit_whose_results_are_not_its_own(small):
    change(small, "params.yaml", "learning_rate: 0.1", "learning_rate: 0.2")
    small.run("git", "commit", "--quiet", "--all", "--message", "forgot dvc repro")
    with pytest.raises(QuickstackError, match="train would run"):
        require_results(small.path)


def test_no_commit_and_no_git(small):
    small.run("git", "update-ref", "-d", "HEAD")
    with pytest.raises(QuickstackError, match="there is no commit"):
        opened(small)
    (small.path / ".git").rename(small.path / "away")
    with pytest.raises(QuickstackError, match="not a git repository"):
        opened(small)


@pytest.mark.parametrize("name", ["", "a b", "-x", "../x", "a/b"])
def test_a_name_that_cannot_be(small, name):
    with pytest.raises(QuickstackError, match="name"):
        opened(small, name)


def test_no_cross_validation(small):
    change(small, "params.yaml", "folds: 5", "folds: 0")
    with pytest.raises(QuickstackError, match=r"train\.folds is 0"):
        opened(small)


def test_an_experiment_of_another_kind_has_the_name(small):
    head = small.run("git", "rev-parse", "HEAD").stdout.strip()
    small.run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/sweep-001", head)
    with pytest.raises(QuickstackError, match="sweep-001 has the name of a trial and is not one"):
        opened(small)


def test_data_that_are_not_here(small):
    for path in (small.path / ".dvc" / "cache").glob("files/md5/*/*"):
        path.unlink()
    with pytest.raises(QuickstackError, match="is not in the cache") as caught:
        run_trials(opened(small), 2, 1, lambda *_: None)
    assert "quickstack pull" in caught.value.fix
    assert not list((small.path / ".dvc" / "tmp" / "sweeps").glob("*"))
