from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from helpers import ROOT, make_repository
from quickstack.facts.errors import QuickstackError
from quickstack.runtime.repository.restricted import add_restricted, unrestricted_outputs


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def project(tmp_path) -> Path:
    root = make_repository(tmp_path / "project")
    git(root, "init", "--quiet")
    (root / "data" / "raw" / "people").mkdir(parents=True)
    (root / "data" / "raw" / "people" / "a.csv").write_text("name\nAda\n", encoding="utf-8")
    (root / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    return root


def pointer(root: Path, name: str = "data/raw/people") -> dict:
    return yaml.safe_load((root / f"{name}.dvc").read_text(encoding="utf-8"))


def test_added_data_are_bound_to_the_restricted_remote(project):
    added = add_restricted(project, Path("data/raw/people"))
    assert added == Path("data/raw/people.dvc")
    (out,) = pointer(project)["outs"]
    assert (out["path"], out["remote"]) == ("people", "restricted")
    assert unrestricted_outputs(project) == []
    # A commit takes what is staged: without its remote, the next push would share the data.
    assert "remote: restricted" in git(project, "show", ":data/raw/people.dvc")
    assert git(project, "check-ignore", "data/raw/people/a.csv")
    assert "a.csv" not in git(project, "ls-files", "--cached", "--others", "--exclude-standard")

    first = out["md5"]
    (project / "data/raw/people/b.csv").write_text("name\nBo\n", encoding="utf-8")
    add_restricted(project, project / "data" / "raw" / "people")
    (out,) = pointer(project)["outs"]
    assert out["md5"] != first
    assert out["remote"] == "restricted"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("data/raw", "data/raw: this lies outside data/raw. To fix it: move it to data/raw/<dat"),
        ("data/people", "this lies outside data/raw"),
        ("data/raw/../people", "this lies outside data/raw"),
        ("/etc/hostname", "/etc/hostname: this lies outside data/raw"),
        ("data/raw/nobody", "data/raw/nobody: there is no such file or folder"),
    ],
)
def test_what_is_no_raw_data_is_refused(project, path, sentence):
    before = git(project, "status", "--porcelain")
    with pytest.raises(QuickstackError) as caught:
        add_restricted(project, Path(path))
    assert sentence in caught.value.sentence()
    assert git(project, "status", "--porcelain") == before
    assert not list(project.rglob("data/**/*.dvc"))


def test_what_dvc_refuses_is_one_sentence(project):
    (project / "dvc.yaml").write_text(
        "stages:\n  people:\n    cmd: python a.py\n    outs:\n      - data/raw/people:\n"
        "          remote: restricted\n",
        encoding="utf-8",
    )
    with pytest.raises(QuickstackError) as caught:
        add_restricted(project, Path("data/raw/people"))
    sentence = caught.value.sentence()
    assert sentence.startswith("data/raw/people: ")
    assert "dvc.yaml" in sentence
    assert "Traceback" not in sentence
    assert not (project / "data/raw/people.dvc").exists()


# Outputs as a stage of dvc.yaml declares them, and those that a push would share.
OUTPUTS = {
    "bound": ([{"data/raw/a": {"remote": "restricted"}}], []),
    "never pushed": ([{"data/quarantine": {"push": False}}], []),
    "kept by git": ([{"data/quarantine/counts.json": {"cache": False}}], []),
    "shared data": (["data/interim", "models/a", "exports", "data/rawest"], []),
    "plain raw": (["data/raw/a"], ["data/raw/a"]),
    "plain quarantine": (["data/quarantine"], ["data/quarantine"]),
    "bound to another": ([{"data/raw/a": {"remote": "storage"}}], ["data/raw/a"]),
    "with other options": ([{"data/raw/a": {"desc": "x"}}], ["data/raw/a"]),
    "without options": ([{"data/raw/a": None}], ["data/raw/a"]),
    "the folder above": (["data"], ["data"]),
    "by a detour": (["models/../data/raw/a"], ["data/raw/a"]),
    "of each data set": (["data/raw/${dataset}"], ["data/raw/${dataset}"]),
}


@pytest.mark.parametrize("kind", ["outs", "metrics", "plots"])
@pytest.mark.parametrize("name", list(OUTPUTS))
def test_stages_that_would_share_raw_data_are_found(tmp_path, name, kind):
    outputs, found = OUTPUTS[name]
    stages = {"stages": {"a": {"cmd": "python a.py", kind: outputs}}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(stages), encoding="utf-8")
    assert unrestricted_outputs(tmp_path) == found


def test_stages_of_a_loop_and_of_another_folder_are_found(tmp_path):
    stages = {
        "each": {"foreach": ["a"], "do": {"cmd": "true", "outs": ["data/raw/${item}"]}},
        "inside": {"cmd": "true", "wdir": "data", "outs": ["quarantine", "interim"]},
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    assert unrestricted_outputs(tmp_path) == ["data/raw/${item}", "data/quarantine"]


# Where a .dvc file lies, what it tracks, and what a push would share.
POINTERS = {
    "beside it": ("data/raw/a.dvc", {"path": "a"}, ["data/raw/a"]),
    "beside it, bound": ("data/raw/a.dvc", {"path": "a", "remote": "restricted"}, []),
    "deeper": ("data/raw/a/b.dvc", {"path": "b.csv"}, ["data/raw/a/b.csv"]),
    "all of it": ("data/raw.dvc", {"path": "raw"}, ["data/raw"]),
    "all of it, bound": ("data/raw.dvc", {"path": "raw", "remote": "restricted"}, []),
    "from above": ("data.dvc", {"path": "data"}, ["data"]),
    "shared data": ("data/external.dvc", {"path": "external"}, []),
}


@pytest.mark.parametrize("name", list(POINTERS))
def test_pointers_that_would_share_raw_data_are_found(tmp_path, name):
    file, out, found = POINTERS[name]
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    (tmp_path / ".dvc").mkdir()
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"outs": [{"md5": "0" * 32, **out}]}), encoding="utf-8")
    assert unrestricted_outputs(tmp_path) == found


def test_this_repository_shares_no_raw_data():
    assert unrestricted_outputs(ROOT) == []
