"""What is installed, held against `requirements.txt`."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from quickstack.facts.paths import REQUIREMENTS

MINIMUM = (3, 11)


def environment_sentences(root: Path) -> list[str]:
    """Return one sentence for each package, and for a Python, that is not as the lock says."""
    found = []
    if sys.version_info[:2] < MINIMUM:
        here, least = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, MINIMUM))
        found.append(f"Python {here} is too old; make the environment with {least} or newer")
    try:
        text = (root / REQUIREMENTS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return [*found, f"{REQUIREMENTS} is missing; git checkout -- {REQUIREMENTS}"]
    fix = f"pip install -r {REQUIREMENTS}"
    return found + [f"{difference}; {fix}" for difference in differences(text)[1]]


def differences(lock: str) -> tuple[int, list[str]]:
    """Compare a lock with what is installed.

    Parameters
    ----------
    lock
        Text of a requirements file, of exact versions with markers.

    Returns
    -------
    tuple
        How many packages it wants here, and a phrase for each that is missing or different.
    """
    wanted, found = 0, []
    for number, line in enumerate(lock.splitlines(), 1):
        line = line.partition(" #")[0].strip()
        if not line or line.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            found.append(f"line {number} is not a requirement")
            continue
        if requirement.marker and not requirement.marker.evaluate():
            continue
        wanted += 1
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            found.append(f"{requirement.name} is not installed")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(f"{requirement.name} {installed}, not {requirement.specifier}")
    return wanted, found
