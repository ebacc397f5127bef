"""Run the steps of the pull-request workflow on three branches, and print their summaries.

`python tests/prove/pull_requests.py [--tests FILES]`: takes about five minutes. The first model is
a linear one. One branch brings a better model, one regularises the first to death, one changes the
README only. Each is merged as GitHub merges a pull request, cloned without data, and every `run:`
step of every job is run in its order, with an environment made from the lock. `make test` gets the
tests that are named, since all of them take as long as CI. The comment goes to a server that stands
for GitHub.
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
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from pipeline.conftest import Clone, clone_into  # noqa: E402 - the path comes first
from servers import github  # noqa: E402

BETTER = {
    "^  model: .*": "  model: gradient_boosting",
    "^    learning_rate: .*": "    learning_rate: 0.05",
    "^    iterations: .*": "    iterations: 120",
    "^    max_leaf_nodes: .*": "    max_leaf_nodes: 4",
    "^    min_samples_leaf: 40": "    min_samples_leaf: 100",
}
WORSE = {"^    regularization: .*": "    regularization: 100000.0"}
#: What each branch changes, and the verdict that its summary must give.
BRANCHES = {"improve": (BETTER, "better"), "worsen": (WORSE, "worse"), "readme": ({}, "the same")}
#: What `make test` gets where nothing is named.
TESTS = "tests/modeling/test_metrics.py"
#: Where a step keeps what it hands to later ones.
FILES = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")


def main() -> int:
    """Make the branches, run the steps, print the summaries; 1 where a step or a verdict fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tests", default="tests/modeling/test_metrics.py", help="what `make test` runs"
    )
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quickstack-pull-requests-"))
    failures = []
    try:
        author = clone_into(folder / "author")
        author.set("^dataset: .*", "dataset: sample")
        author.set("^  model: .*", "  model: linear")
        author.run("quickstack", "verify", "--fix", check=False)
        author.run("dvc", "repro")
        author.commit("The first model is linear")
        with github.running(github.GitHub()) as service:
            for name, (changes, verdict) in BRANCHES.items():
                service.comments.clear()
                summary, failed = _pull_request(author, name, changes, service, chosen.tests)
                print(f"\n{'=' * 30} {name} {'=' * 30}\n{summary}", flush=True)
                failures += [f"{name}: {step} failed" for step in failed]
                if f"Model: **{verdict}**" not in summary:
                    failures.append(f"{name}: the summary does not say {verdict}")
                if [c["body"].strip() for c in service.comments] != [summary.strip()]:
                    failures.append(f"{name}: the comment is not the summary")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(failures) or "every step of every job succeeded, and every verdict is right")
    return 1 if failures else 0


def _pull_request(
    author: Clone, name: str, changes: dict[str, str], service: github.GitHub, tests: str
) -> tuple[str, list[str]]:
    """Make a branch, merge it, run the workflow; return the summary and the steps that failed."""
    author.run("git", "checkout", "--quiet", "-B", name, "main")
    for pattern, line in changes.items():
        author.set(pattern, line)
    if changes:
        author.run("dvc", "repro")
    else:
        readme = author.path / "README.md"
        readme.write_text(f"{readme.read_text(encoding='utf-8')}\nOne more sentence.\n", "utf-8")
    author.commit(name)
    author.run("git", "checkout", "--quiet", "-B", f"merge-{name}", "main")
    author.run("git", "merge", "--quiet", "--no-ff", "-m", f"Merge {name}", name)
    place = author.path.parent / f"runner-{name}"
    author.run("git", "clone", "--quiet", str(author.path), str(place))
    failed = run_workflow(place, service, tests)
    author.run("git", "checkout", "--quiet", "main")
    author.run("dvc", "checkout", "--quiet")
    return (place / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8"), failed


def run_workflow(place: Path, service: github.GitHub, tests: str) -> list[str]:
    """Run every `run:` step in a clone; return the names of those that failed."""
    workflow = yaml.safe_load((place / ".github/workflows/pull-request.yml").read_text("utf-8"))
    failed, handed = [], ""
    for job, description in workflow["jobs"].items():
        for step in description["steps"]:
            if "run" not in step:
                continue
            environment = _environment(place, tests) | _given(step.get("env") or {})
            if job == "comment":
                environment |= service.environment(handed)
            began = time.monotonic()
            done = subprocess.run(
                step["run"], cwd=place, shell=True, env=environment, capture_output=True, text=True
            )
            seconds = time.monotonic() - began
            print(
                f"{job:<10} {step['run']:<22} exit {done.returncode} {seconds:6.1f} s", flush=True
            )
            if done.returncode != 0:
                failed.append(f"{job}: {step['run']}")
                print(done.stdout[-2000:], done.stderr[-2000:])
        outputs = (place / FILES[1]).read_text("utf-8").splitlines()
        handed = next((o.partition("=")[2] for o in outputs if o.startswith("summary=")), "")
    return failed


def _environment(place: Path, tests: str) -> dict[str, str]:
    """Return the environment of a runner: nothing of this one's, and no credential."""
    files = {name: place / name for name in FILES}
    for path in files.values():
        path.touch()
        # The files of the runner lie outside the clone there.
        (place / ".git/info/exclude").open("a").write(f"/{path.name}\n")
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    kept |= {k: v for k, v in os.environ.items() if k.startswith(("UV_", "PIP_", "SSL_"))}
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if ".venv" not in p)
    return kept | {name: str(file) for name, file in files.items()} | {"PATH": path, "TESTS": tests}


def _given(declared: dict[str, Any]) -> dict[str, str]:
    """Return a step's own variables; an expression is empty, as before an artifact is there."""
    return {k: "" if "${{" in str(v) else str(v) for k, v in declared.items()}


if __name__ == "__main__":
    sys.exit(main())
