"""What proof costs: verify beside `dvc status`, and a rerun beside `dvc repro --force`.

`python benchmarks/verify.py [--rounds 5] [--reruns 3]`. Each is measured in turn in the same clone
of the full sample; the ratio is the median of the rounds' own ratios. Limits: 2 and 1.3.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
#: Ratios that must not be exceeded.
LIMITS = {"verify / dvc status": 2.0, "verify's rerun / dvc repro --force": 1.3}


def seconds(folder: Path, *command: str) -> float:
    """Return how long a command takes; end with its words if it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed\n{done.stdout}{done.stderr}")
    return time.monotonic() - start


def finished_clone(folder: Path) -> Path:
    """Clone what git would commit, and run the pipeline."""
    clone = folder / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    seconds(clone, "git", "init", "--quiet", "--initial-branch=main")
    seconds(clone, "git", "config", "user.name", "Benchmark")
    seconds(clone, "git", "config", "user.email", "benchmark@example.org")
    seconds(clone, "dvc", "repro", "--quiet")
    seconds(clone, "git", "add", "--all")
    seconds(clone, "git", "commit", "--quiet", "-m", "clone")
    return clone


def main() -> None:
    """Measure, print and fail where a limit is exceeded."""
    parser = argparse.ArgumentParser(description="What proof costs.")
    parser.add_argument("--rounds", type=int, default=7, help="of the quick levels (7)")
    parser.add_argument("--reruns", type=int, default=3, help="of whole runs (3)")
    options = parser.parse_args()
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in LIMITS}
    quick, whole = LIMITS
    with tempfile.TemporaryDirectory(prefix="quickstack-") as name:
        clone = finished_clone(Path(name))
        seconds(clone, "dvc", "status")
        seconds(clone, "quickstack", "verify")
        for _ in range(options.rounds):
            status = seconds(clone, "dvc", "status")
            pairs[quick].append((seconds(clone, "quickstack", "verify"), status))
        for _ in range(options.reruns):
            repro = seconds(clone, "dvc", "repro", "--force", "--no-run-cache", "--quiet")
            looked = seconds(clone, "quickstack", "verify")
            again = seconds(clone, "quickstack", "verify", "--rerun")
            # The quick levels come before the rerun in the same command.
            pairs[whole].append((again - looked, repro))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | seconds | beside | ratio | limit |\n|---|--:|--:|--:|--:|")
    wrong = []
    for name, limit in LIMITS.items():
        ours, theirs = (median(times) for times in zip(*pairs[name], strict=True))
        ratio = median(a / b for a, b in pairs[name])
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ratio:.2f} | {limit} |")
        if ratio > limit:
            wrong.append(name)
    if wrong:
        raise SystemExit(f"too slow: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
