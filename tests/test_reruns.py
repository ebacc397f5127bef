"""The replay of a history that is known to the last commit."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from examples import write
from helpers import ROOT


@pytest.fixture(scope="module")
def reruns():
    path = ROOT / "benchmarks" / "reruns.py"
    spec = importlib.util.spec_from_file_location("benchmark_reruns", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pipeline(*deps):
    listed = "".join(f"      - {dep}\n" for dep in deps)
    return f"stages:\n  train:\n    cmd: python src/train.py\n    deps:\n{listed}"


@pytest.fixture
def repository(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=T", "-c", "user.email=t@example.org"]

    def commit(files, gone=(), moved=()):
        for old, new in moved:
            (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([*git, "mv", old, new], check=True)
        for name, text in files.items():
            write(tmp_path / name, text)
        for name in gone:
            (tmp_path / name).unlink()
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "c"], check=True)

    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    # Files that git must tell apart hold lines of their own.
    text = {name: "".join(f"{name} = {n}\n" for n in range(9)) for name in ("fit", "old", "csv")}
    own, library = "src/train.py", "src/quickstack"
    commit(
        {own: "", "dvc.yaml": pipeline(own, f"{library}/models/fit.py")}
        | {f"{library}/models/fit.py": text["fit"], f"{library}/models/old.py": text["old"]}
        | {f"{library}/readers/csv.py": text["csv"]}
    )  # modules, rooms, all
    commit({"README.md": "x"})  # none
    commit({f"{library}/readers/csv.py": text["csv"] + "more\n"})  # all
    commit({f"{library}/models/fit.py": text["fit"] + "more\n"})  # modules, rooms, all
    commit({f"{library}/models/old.py": text["old"] + "more\n"})  # rooms, all: of its folder's room
    commit({}, gone=[f"{library}/models/old.py"])  # rooms, all
    commit(
        {"dvc.yaml": pipeline(own, f"{library}/models/modeling/fit.py")},
        moved=[
            (f"{library}/models/fit.py", f"{library}/models/modeling/fit.py"),
            (f"{library}/readers/csv.py", f"{library}/data/readers/csv.py"),
        ],
    )  # modules, rooms, all
    commit({f"{library}/models/tuning/new.py": "tuning\n"})  # all
    commit({"dvc.yaml": pipeline(own, f"{library}/facts", f"{library}/models/modeling")})  # the end
    commit({f"{library}/models/modeling/fit.py": "after the end\n"})
    return tmp_path


def test_a_known_history_is_counted(reruns, repository):
    assert reruns.reruns(repository) == (7, {"train": (3, 5, 7)})


def test_the_table_gives_the_ratio_and_what_is_over_the_limit_fails(reruns, capsys, monkeypatch):
    counts = {"train": (20, 25, 90), "evaluate": (20, 26, 90)}
    assert reruns.table(96, counts).splitlines()[-2:] == [
        "| train | 20 | 25 | 1.25 | 90 |",
        "| evaluate | 20 | 26 | 1.30 | 90 |",
    ]
    monkeypatch.setattr(reruns, "LIMITED", tuple(counts))
    monkeypatch.setattr(reruns, "reruns", lambda root: (96, counts))
    assert reruns.main() == 1
    assert "evaluate runs 26 times, more than 1.25 x 20" in capsys.readouterr().out
