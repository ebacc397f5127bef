"""How often each stage would have run over the repository's own history, by what it declares.

Run it in the root of a clone that holds the whole history: `python benchmarks/reruns.py`. It runs
no stage: it reads git, and counts the commits that change something a stage declares.

modules
    The modules that `dvc.yaml` of each commit itself declared.
rooms
    The rooms that `dvc.yaml` declares today. A file of that time counts where it lies today, as
    git's renames say; one that is gone counts where most files of its folder went.
all of src
    Every file below `src`.

The history ends where stages began to declare rooms. A stage is counted from the commit on in which
it exists. Exits with 1 where a stage that is limited runs more than 1.25 times as often as by its
modules.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import yaml

#: Stages that take long, and how often one may run for each run by its modules.
LIMITED, LIMIT = ("train", "evaluate", "monitor", "export"), 1.25
#: In git's own words, with one line for each file.
_CHANGES = ("--name-status", "--find-renames", "--format=commit %H", "--no-merges")
Declared = dict[str, frozenset[str]]


@dataclass
class Commit:
    """A commit that touches `src` or `dvc.yaml`.

    Attributes
    ----------
    touched
        The files that it changes, by their names of that time.
    today
        The same files by their names of today; a folder with a slash for one that is gone.
    """

    name: str
    touched: set[str] = field(default_factory=set)
    today: set[str] = field(default_factory=set)


def declared(text: str) -> Declared:
    """Return what each stage of a `dvc.yaml` declares below `src`."""
    stages = (yaml.safe_load(text) or {}).get("stages") or {}
    return {
        name: frozenset(dep for dep in stage.get("deps") or () if dep.startswith("src/"))
        for name, stage in stages.items()
    }


def history(root: Path) -> list[Commit]:
    """Read the commits, newest first, and follow each file to where it lies today."""
    lines = _git(root, "log", *_CHANGES, "--", "src", "dvc.yaml").splitlines()
    commits: list[Commit] = []
    places: dict[str, str] = {}  # name at the time of the commit that is read -> name of today
    went: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in filter(None, lines):
        if line.startswith("commit "):
            commits.append(Commit(line.removeprefix("commit ")))
            continue
        status, *names = line.split("\t")
        new = names[-1]
        today = places.get(new, new)
        commits[-1].touched.update(names)
        commits[-1].today.add(today if (root / today).is_file() else f"{_folder(new)}/")
        if status.startswith("R"):
            places[names[0]] = today
            went[_folder(names[0])][_folder(today)] += 1
        elif status == "D":
            # An older file of this name is another one than a newer file of the same name.
            places[new] = f"{new} is gone"
    for commit in commits:
        gone = {name for name in commit.today if name.endswith("/")}
        found = {_heir(name.rstrip("/"), went) for name in gone}
        commit.today = commit.today - gone | found
    return commits


def reruns(root: Path) -> tuple[int, dict[str, tuple[int, int, int]]]:
    """Return how many commits are counted, and how often each stage would have run.

    Parameters
    ----------
    root
        A git repository with `dvc.yaml`.

    Returns
    -------
    tuple
        Commits, and by stage the runs by modules, by today's rooms and by all of `src`.
    """
    rooms = declared((root / "dvc.yaml").read_text(encoding="utf-8"))
    counts = {name: [0, 0, 0] for name in rooms}
    before: Declared = {}
    counted = 0
    for commit in reversed(history(root)):
        stages = declared(_show(root, f"{commit.name}:dvc.yaml"))
        if any(_declares_rooms(deps) for deps in stages.values()):
            break
        counted += any(name.startswith("src/") for name in commit.touched)
        for name in rooms.keys() & stages.keys():
            deps = stages[name]
            counts[name][0] += deps != before.get(name) or _meets(commit.touched, deps)
            counts[name][1] += _meets(commit.today, rooms[name])
            counts[name][2] += _meets(commit.touched, ("src",))
        before = stages
    return counted, {name: (a, b, c) for name, (a, b, c) in counts.items()}


def table(counted: int, counts: dict[str, tuple[int, int, int]]) -> str:
    """Return the counts as a Markdown table."""
    lines = [
        f"Of {counted} commits that touch src, each stage would have run in:",
        "",
        "| stage | modules | rooms | rooms / modules | all of src |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {name} | {modules} | {rooms} | {rooms / max(modules, 1):.2f} | {everything} |"
        for name, (modules, rooms, everything) in counts.items()
    ]
    return "\n".join(lines)


def _heir(folder: str, went: dict[str, Counter[str]]) -> str:
    """Return where most files of a folder went, or the folder itself where none went elsewhere."""
    return went[folder].most_common(1)[0][0] if folder in went else folder


def _meets(touched: Iterable[str], deps: Iterable[str]) -> bool:
    return any(name == dep or name.startswith(f"{dep}/") for name in touched for dep in deps)


def _declares_rooms(deps: Iterable[str]) -> bool:
    return any(dep.startswith("src/quickstack/facts") and not dep.endswith(".py") for dep in deps)


def _folder(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _show(root: Path, name: str) -> str:
    done = subprocess.run(
        ["git", "show", name], cwd=root, check=False, capture_output=True, text=True
    )
    return done.stdout


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def _over(counts: dict[str, tuple[int, int, int]]) -> Iterator[str]:
    for name in LIMITED:
        modules, rooms, _ = counts[name]
        if rooms > LIMIT * modules:
            yield f"{name} runs {rooms} times, more than {LIMIT} x {modules}"


def main() -> int:
    """Print the table."""
    counted, counts = reruns(Path.cwd())
    print(table(counted, counts))
    over = list(_over(counts))
    print("\n".join(["", *over]) if over else f"\nNone of {', '.join(LIMITED)} is over {LIMIT}.")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
