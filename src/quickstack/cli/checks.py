"""What `quickstack doctor` checks: each a small function from the repository to results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from quickstack.facts.paths import REQUIREMENTS
from quickstack.runtime.storage.health_check import Result, Status

Check = Callable[[Path], Iterator[Result]]


def python(_root: Path) -> Iterator[Result]:
    """Hold Python against the oldest that is supported."""
    from quickstack.guard.verifying.environment import MINIMUM

    here, least = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, MINIMUM))
    if sys.version_info[:2] >= MINIMUM:
        yield Result("python", Status.OK, here)
    else:
        what = f"{here} is too old. To fix it: make the environment with Python {least} or newer."
        yield Result("python", Status.FAILED, what)


def packages(root: Path) -> Iterator[Result]:
    """Hold what is installed against the lock."""
    from quickstack.guard.verifying.environment import differences

    try:
        text = (root / REQUIREMENTS).read_text(encoding="utf-8")
    except FileNotFoundError:
        what = f"{REQUIREMENTS} is missing. To fix it: git checkout -- {REQUIREMENTS}."
        yield Result("packages", Status.FAILED, what)
        return
    wanted, differing = differences(text)
    if not differing:
        yield Result("packages", Status.OK, f"all {wanted} as in {REQUIREMENTS}")
        return
    shown = "; ".join(differing[:5]) + (
        f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
    )
    what = f"{len(differing)} of {wanted} differ from {REQUIREMENTS}: {shown}"
    fix = f"pip install -r {REQUIREMENTS}"
    yield Result("packages", Status.FAILED, f"{what}. To fix it: {fix}.")


def git(root: Path) -> Iterator[Result]:
    """Look for git, and for its repository."""
    import shutil
    import subprocess

    if shutil.which("git") is None:
        yield Result("git", Status.FAILED, "not found. To fix it: install git.")
        return
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--is-inside-work-tree"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except subprocess.TimeoutExpired:
        yield Result("git", Status.FAILED, "did not answer within 20 s.")
        return
    if asked.stdout.strip() == "true":
        yield Result("git", Status.OK, "inside a repository")
    elif "dubious ownership" in asked.stderr:
        fix = f'git config --global --add safe.directory "{root}"'
        what = f"this repository belongs to another user. To fix it: {fix}."
        yield Result("git", Status.FAILED, what)
    else:
        yield Result("git", Status.FAILED, "this is not a git repository. To fix it: clone it.")


def dvc(root: Path) -> Iterator[Result]:
    """Look for DVC and its packages for the remotes, and for keys in what git shares."""
    from importlib.metadata import PackageNotFoundError, version

    from quickstack.runtime.storage.local_config import check_no_secrets
    from quickstack.runtime.stores.remotes import CONFIG, read_remote, remote_names

    remotes = [read_remote(root, name) for name in remote_names(root)]
    packages = sorted({remote.package for remote in remotes if remote.package})
    try:
        found = ", ".join(f"{package} {version(package)}" for package in packages)
        sentence = version("dvc") + (f" with {found}" if found else "")
    except PackageNotFoundError as error:
        listed = error.name in ("dvc", "dvc-s3")
        fix = f"-r {REQUIREMENTS}" if listed else f"{error.name}, and add it to pyproject.toml"
        what = f"{error.name} is not installed. To fix it: pip install {fix}."
        yield Result("dvc", Status.FAILED, what)
    else:
        yield Result("dvc", Status.OK, sentence)
    check_no_secrets(root / CONFIG)
    yield Result("dvc config", Status.OK, f"{CONFIG} holds no keys")


def killed_commands(root: Path) -> Iterator[Result]:
    """Make whole what a killed command left half-written."""
    from quickstack.runtime.repository.killed_writes import mend

    for sentence in mend(root) or ["nothing was left half-written"]:
        yield Result("killed commands", Status.OK, sentence)


def contract(root: Path) -> Iterator[Result]:
    """Read the contract of the data set that params.yaml names, and the key its pseudonyms need."""
    from quickstack.data.privacy.pseudonym_keys import contract_key, fingerprint
    from quickstack.facts.contract import load_contract
    from quickstack.facts.params import read_dataset
    from quickstack.facts.paths import PARAMS, contract_path

    path = contract_path(read_dataset(root / PARAMS))
    named = load_contract(root / path)
    yield Result("contract", Status.OK, path.as_posix())
    key = contract_key(named)
    sentence = f"the key {fingerprint(key)} is here" if key else "its columns need no key"
    yield Result("key", Status.OK, sentence)


def shared_storage(root: Path) -> Iterator[Result]:
    """Try the shared remote step by step."""
    from quickstack.runtime.storage.health_check import check_remote
    from quickstack.runtime.stores.remotes import SHARED, read_remote

    for result in check_remote(read_remote(root, SHARED)):
        yield Result(f"{SHARED}: {result.check}", result.status, result.sentence)


def restricted_storage(root: Path) -> Iterator[Result]:
    """Try the restricted remote; being without it is no failure."""
    from quickstack.runtime.storage.health_check import check_remote, failure
    from quickstack.runtime.stores.remotes import RESTRICTED, read_remote

    results = check_remote(read_remote(root, RESTRICTED))
    if failed := failure(results):
        note = "not configured here: fine unless you work with raw data"
        yield Result(RESTRICTED, Status.NOTE, f"{note} ({failed.check}: {failed.sentence})")
        return
    for result in results:
        yield Result(f"{RESTRICTED}: {result.check}", result.status, result.sentence)


# In the order in which they are shown. A QuickstackError in one of them is a failed check.
CHECKS: list[Check] = [
    python,
    packages,
    git,
    dvc,
    killed_commands,
    contract,
    shared_storage,
    restricted_storage,
]
