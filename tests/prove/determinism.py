"""Run the pipeline under other circumstances, and compare the hash of every output.

`python tests/prove/determinism.py [--rows 6000]`: takes about eight minutes. Each cell of the
matrix is a clone of its own in which every stage runs, with one thing changed: threads, seeds,
places, people, caches, a Dask cluster, the order in which raw files were written. Every output that
`dvc.lock` names must have the names and bytes that it has in the first cell. The exit code is 1
where one has not.
"""

from __future__ import annotations

import argparse
import hashlib
import locale
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from pipeline.conftest import Clone, clone_into  # noqa: E402 - the path comes first
from servers import end, free_ports  # noqa: E402

STAGES = ("ingest", "train", "evaluate", "monitor", "export")
#: The stages as `python src/<stage>.py` runs them, in one process: packages are imported once.
RUN = """
import importlib, sys
sys.path.insert(0, "src")
from quickstack.runtime.running.stage import run
for name in sys.argv[1:]:
    run(name, importlib.import_module(name).main)
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Cell:
    """One thing that is other.

    Attributes
    ----------
    environment
        Variables of every stage.
    folder
        The name of the clone's folder.
    workers
        `compute.workers`; None leaves it.
    cluster
        Workers of a Dask cluster on this machine; 0 is none.
    before
        Called with the clone before it runs.
    again
        Whether it runs twice, the second time with what the first one remembered.
    """

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "project"
    workers: int | None = None
    cluster: int = 0
    before: Callable[[Clone], None] = lambda clone: None
    again: bool = False
    umask: int = 0o022


def cells(folder: Path) -> list[Cell]:
    """Return the matrix; the first cell is what the others are compared with."""
    home = folder / "another home"
    home.mkdir()
    somebody = {"HOME": str(home), "USER": "somebody", "LOGNAME": "somebody"}
    return [
        Cell("as it is"),
        *(Cell(f"threads {n}", dict.fromkeys(THREADS, str(n))) for n in (1, 2, 4)),
        *(Cell(f"compute.workers {n}", workers=n) for n in (1, 3, 4)),
        *(Cell(f"PYTHONHASHSEED {n}", {"PYTHONHASHSEED": str(n)}) for n in (0, 1, 4242)),
        *(Cell(f"TZ {zone}", {"TZ": zone}) for zone in ("Asia/Tokyo", "America/St_Johns")),
        *(Cell(_named(name), {"LC_ALL": name}) for name in ("C", "C.UTF-8", "de_DE.UTF-8")),
        Cell("PYTHONUTF8 0, C", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        *(Cell(f"umask {mask:03o}", umask=mask) for mask in (0o000, 0o077)),
        Cell("folder with spaces and letters", folder="größe und レール (1)"),
        Cell("HOME and USER", somebody),
        Cell("warm cache", again=True),
        *(Cell(f"Dask cluster of {n}", cluster=n) for n in (1, 2, 3, 4)),
        Cell("raw files in another order", before=_reversed_files),
    ]


def _named(name: str) -> str:
    """Name a locale, and say so where this machine has it not: it counts as C then."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return f"LC_ALL {name}, not here"
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return f"LC_ALL {name}"


def main() -> int:
    """Run the matrix and print it; 1 where a cell differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=6000, help="rows of the sample")
    parser.add_argument("--only", default="", help="cells whose name holds this")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quickstack-determinism-"))
    try:
        return compare(folder, chosen.rows, chosen.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(folder: Path, rows: int, only: str = "") -> int:
    """Run the cells in a folder; return how many differ, at most 1."""
    first = clone_into(folder / "first")
    first.set("^dataset: .*", "dataset: sample")
    first.set("^  rows: .*", f"  rows: {rows}")
    first.set("^    iterations: .*", "    iterations: 30")
    first.set("^  resamples: .*", "  resamples: 50")
    first.commit("small")
    expected: dict[str, str] = {}
    wrong = 0
    print(f"{'cell':<32}{'equal':>8}{'seconds':>9}", flush=True)
    for number, cell in enumerate(cells(folder)):
        if number and only not in cell.name:
            continue
        began = time.monotonic()
        found = run_cell(first, folder / str(number) / cell.folder, cell)
        expected = expected or found
        equal = sum(expected.get(path) == md5 for path, md5 in found.items())
        seconds = time.monotonic() - began
        print(f"{cell.name:<32}{equal:>4}/{len(expected)}{seconds:>9.0f}", flush=True)
        if found != expected:
            wrong = 1
            names = sorted(p for p in expected if expected[p] != found.get(p))
            print(f"  differs: {', '.join(names)}", flush=True)
    print("every output is equal in every cell" if not wrong else "some outputs differ")
    return wrong


def run_cell(first: Clone, place: Path, cell: Cell) -> dict[str, str]:
    """Clone, change the one thing, run every stage, and return the hash of every output."""
    place.parent.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(first.path), str(place)], check=True)
    clone = Clone(place)
    if cell.workers is not None:
        clone.set("^  workers: .*", f"  workers: {cell.workers}")
    old = os.umask(cell.umask)
    try:
        with cluster(place, cell.cluster) as address:
            environment = dict(cell.environment)
            if address:
                environment["DASK_SCHEDULER_ADDRESS"] = address
            clone.run(sys.executable, "-c", RUN, "sample", **environment)
            cell.before(clone)
            for _ in range(2 if cell.again else 1):
                clone.run(sys.executable, "-c", RUN, *STAGES, **environment)
    finally:
        os.umask(old)
    outputs = hashes(place, clone.outputs())
    shutil.rmtree(place.parent, ignore_errors=True)
    return outputs


def hashes(root: Path, outputs: Iterable[str]) -> dict[str, str]:
    """Return the hash of each output's names and bytes."""
    found = {}
    for output in sorted(outputs):
        top = root / output
        files = sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]
        whole = hashlib.sha256()
        for file in files:
            whole.update(f"{file.relative_to(top).as_posix()}\0".encode())
            whole.update(hashlib.sha256(file.read_bytes()).digest())
        found[output] = f"{len(files)} {whole.hexdigest()}"
    return found


@contextmanager
def cluster(project: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers, each in a process of its own, and give their address.

    They share the disk, and start in the project's folder: raw files have relative paths.
    """
    if not workers:
        yield ""
        return
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    commands = [["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]]
    one = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    commands += [one] * workers
    processes = []
    try:
        for number, command in enumerate(commands):
            with (project.parent / f"log {number}").open("wb") as log:
                processes.append(
                    subprocess.Popen([*dask, *command], cwd=project, stdout=log, stderr=log)
                )
        yield address
    finally:
        end(processes)


def _reversed_files(clone: Clone) -> None:
    """Write the raw files anew, the last one first: folders list them in another order then."""
    raw = clone.path / "data/raw/sample"
    files = {path.name: path.read_bytes() for path in raw.iterdir()}
    shutil.rmtree(raw)
    raw.mkdir()
    for age, name in enumerate(sorted(files, reverse=True)):
        (raw / name).write_bytes(files[name])
        os.utime(raw / name, (1_600_000_000 + age, 1_600_000_000 + age))


if __name__ == "__main__":
    sys.exit(main())
