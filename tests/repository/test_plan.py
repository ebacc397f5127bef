from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import make_repository
from quickstack.facts.errors import QuickstackError
from quickstack.runtime.repository.plan import Change, changes, sentences, stages_to_run

PIPELINE = """\
stages:
  first:
    cmd: python -c "open('one.txt', 'w').write(open('source.txt').read())"
    deps: [source.txt]
    outs: [one.txt]
  second:
    cmd: python -c "open('two.txt', 'w').write('Running stage')"
    deps: [one.txt]
    params: [speed]
    outs: [two.txt]
"""


def dvc(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def finished_pipeline(tmp_path_factory) -> Path:
    root = make_repository(tmp_path_factory.mktemp("plan") / "project")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (root / "source.txt").write_text("a", encoding="utf-8")
    (root / "params.yaml").write_text("speed: 1\nother: 1\n", encoding="utf-8")
    dvc(root, "repro")
    return root


def edit(file: str, text: str):
    return lambda root: (root / file).write_text(text, encoding="utf-8")


CASES = {
    "nothing changed": ([], []),
    "a parameter of the second": ([edit("params.yaml", "speed: 2\nother: 1\n")], ["second"]),
    "a parameter of none": ([edit("params.yaml", "speed: 1\nother: 2\n")], []),
    # What stands on it cannot be known before it has run.
    "the source of the first": ([edit("source.txt", "b")], ["first"]),
    "an output by hand": ([edit("one.txt", "b")], ["first", "second"]),
    "data that are not here": ([lambda root: (root / "one.txt").unlink()], []),
    "a parameter that is gone": ([edit("params.yaml", "other: 1\n")], ["second"]),
    "a command": (
        [edit("dvc.yaml", PIPELINE.replace("'Running stage'", "'Running stage ?'"))],
        ["second"],
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_the_plan_names_what_would_run_and_runs_nothing(finished_pipeline, name):
    changes, stages = CASES[name]
    root = finished_pipeline
    before = {path: path.read_bytes() for path in root.iterdir() if path.is_file()}
    try:
        for change in changes:
            change(root)
        changed = {path: path.read_bytes() for path in root.iterdir() if path.is_file()}
        assert stages_to_run(root) == stages
        assert {p: p.read_bytes() for p in root.iterdir() if p.is_file()} == changed
    finally:
        for path, content in before.items():
            path.write_bytes(content)


def test_each_reason_is_named_with_old_and_new(finished_pipeline):
    root = finished_pipeline
    before = {path: path.read_bytes() for path in root.iterdir() if path.is_file()}
    (root / "params.yaml").write_text("speed: 2\n", encoding="utf-8")
    (root / "source.txt").write_text("b", encoding="utf-8")
    (root / "one.txt").write_text("c", encoding="utf-8")
    (root / "dvc.yaml").write_text(PIPELINE.replace("open('two", "open(r'two"), encoding="utf-8")
    try:
        # Without the cache DVC itself takes an edited output for unchanged.
        shutil.move(root / ".dvc" / "cache", root / "cache")
        told = sentences(changes(root))
    finally:
        shutil.move(root / "cache", root / ".dvc" / "cache")
        for path, content in before.items():
            path.write_bytes(content)
    command = "python -c \"open({}'two.txt', 'w').write('Running stage')\""
    assert told == [
        "stage 'first' would run: output one.txt (0cc175b9, now 4a8a08f0); "
        "dependency source.txt (0cc175b9, now 92eb5ffe)",
        "stage 'second' would run: parameter speed (1, now 2); "
        f"command ({command.format('')}, now {command.format('r')}); "
        "dependency one.txt (0cc175b9, now 4a8a08f0)",
    ]


def test_many_reasons_are_counted():
    found = [Change("fit", "dependency", f"{i}.py", "a", "b") for i in range(6)]
    assert sentences(found)[0].endswith("dependency 3.py (a, now b); and 2 more")


def test_it_needs_no_activated_environment(finished_pipeline, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert stages_to_run(finished_pipeline) == []


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("dvc.yaml", "stages: [", "dvc.yaml"),
        ("dvc.yaml", PIPELINE.replace("cmd:", "command:"), "dvc.yaml"),
        ("dvc.lock", "<<<<<<< HEAD\n", "dvc.lock"),
    ],
    ids=["no YAML", "no command", "a merge in dvc.lock"],
)
def test_what_dvc_cannot_plan_is_a_sentence(finished_pipeline, file, text, reason):
    path = finished_pipeline / file
    before = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    try:
        with pytest.raises(QuickstackError) as caught:
            stages_to_run(finished_pipeline)
    finally:
        path.write_bytes(before)
    sentence = caught.value.sentence()
    assert sentence.startswith("dvc cannot plan the pipeline: ")
    assert reason in sentence
    assert "To fix it: correct" in sentence
    assert "Traceback" not in sentence
    assert "pipeline: . " not in sentence
