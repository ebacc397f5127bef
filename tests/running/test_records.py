"""Records of real stages under a real DVC, and of stages that fail or cannot write one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from examples import write
from helpers import ROOT, make_repository
from quickstack.runtime.running.run_records import (
    KEPT,
    RECORDS,
    THREADS,
    describe_machine,
    lock_digest,
    read_records,
    recorded,
)

PIPELINE = """\
stages:
  ingest:
    cmd: python src/ingest.py
    deps:
      - src/ingest.py
      - src/templates
      - data/raw/${dataset}
      - requirements.txt
    params: [dataset, ingest]
    outs: [data/interim]
  train:
    cmd: python src/train.py
    deps: [src/train.py, data/interim]
    params: [train.model]
    outs: [models/model.skops]
"""
SCRIPT = """\
import pathlib, sys
sys.path.insert(0, {source!r})
from quickstack.runtime.running.run_records import recorded
with recorded({name!r}) as facts:
    facts["rows"] = 7
    {work}
"""


def script(root, name, work):
    text = SCRIPT.format(source=str(ROOT / "src"), name=name, work=work)
    write(root / "src" / f"{name}.py", text)


def dvc(root, *arguments):
    # The interpreter of this environment, first on PATH as in a stage.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=root, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = make_repository(tmp_path / "project")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    write(root / "dvc.yaml", PIPELINE)
    write(root / "params.yaml", "dataset: people\ningest: {a: 1}\ntrain: {model: x, seed: 1}\n")
    write(root / "requirements.txt", "")
    write(root / "data/raw/people/one.csv", "secret value\n")
    for name in ("b.css", "a.j2", "sub/c.css"):
        write(root / "src/templates" / name, name)
    make = "pathlib.Path({0!r}).mkdir(parents=True); pathlib.Path({0!r}, 'x').write_text('12345')"
    script(root, "ingest", make.format("data/interim"))
    write(root / "models/.gitignore", "/model.skops\n")
    script(root, "train", "pathlib.Path('models/model.skops').write_text('1')")
    monkeypatch.chdir(root)
    return root


def test_a_record_and_the_lock_agree_and_nothing_personal_is_in_it(root):
    dvc(root, "add", "--quiet", "data/raw/people")
    dvc(root, "repro", "--quiet")
    lock = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    for stage in ("ingest", "train"):
        (record,) = read_records(root, stage)
        assert record["lock"] == lock_digest(lock[stage]), stage
        assert record["succeeded"] is True
        assert record["rows"] == 7
        assert record["seconds"] >= 0
        assert 5_000_000 < record["peak_memory_bytes"] < 500_000_000
        assert record["machine"] == describe_machine()
        assert os.uname().nodename not in json.dumps(record)
        assert "secret" not in json.dumps(record)
        assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert read_records(root, "ingest")[0]["bytes"]["written"] == 5
    interim = next(out["md5"] for out in lock["ingest"]["outs"])
    assert read_records(root, "train")[0]["inputs"]["data/interim"] == interim
    # DVC sees neither the record nor its folder.
    dvc(root, "repro", "--quiet")
    assert len(read_records(root, "train")) == 1


def test_a_failed_stage_leaves_a_record_that_says_so_and_its_error(root):
    with pytest.raises(ValueError, match="as it was"), recorded("train"):
        raise ValueError("as it was")
    (record,) = read_records(root, "train")
    assert record["succeeded"] is False


def test_the_newest_are_kept(root, monkeypatch):
    folder = root / RECORDS / "train"
    for number in range(KEPT + 5):
        write(folder / f"2020{number:04}.json", '{"began": 1, "seconds": 1, "succeeded": true}')
    with recorded("train"):
        pass
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == KEPT
    assert names[0] == "20200006.json"
    assert not names[-1].startswith("2020")


@pytest.mark.parametrize("broken", ["folder", "pipeline", "lock"])
def test_a_record_that_cannot_be_written_fails_nothing(root, broken):
    if broken == "folder":
        write(root / ".quickstack", "a file in the way")
    else:
        name = {"pipeline": "dvc.yaml", "lock": "dvc.lock"}[broken]
        write(root / name, "<<<<<<< ours: [")
    with recorded("train") as facts:
        facts["rows"] = 1
    assert read_records(root, "train") == []


def test_threads_and_the_cluster_are_in_it_without_its_address(root, monkeypatch):
    for name in THREADS:  # a cluster of another test may have left some
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://inner.example.org:8786")
    with recorded("train"):
        pass
    (record,) = read_records(root, "train")
    assert record["threads"] == {"OMP_NUM_THREADS": "3", "workers": None, "cluster": True}
    assert "example.org" not in json.dumps(record)
