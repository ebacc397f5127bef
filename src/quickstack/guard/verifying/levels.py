"""The levels of verification: what each one checks, and the problems that it finds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.guard.verifying.declarations import undeclared_sentences
from quickstack.guard.verifying.environment import environment_sentences
from quickstack.guard.verifying.kept_secrets import kept_secrets
from quickstack.runtime.repository.plan import changes, sentences
from quickstack.runtime.repository.restricted import unrestricted_outputs
from quickstack.runtime.repository.tracked import tracked_sentences
from quickstack.runtime.storage.health_check import Result, Status
from quickstack.runtime.storage.local_config import check_no_secrets
from quickstack.runtime.stores.remotes import CONFIG


@dataclass
class LevelResult:
    """What a level found.

    Attributes
    ----------
    summary
        The sentence that is shown where there is no problem.
    problems
        One sentence each, with what to do about it.
    notes
        What is no problem and should be known: what was not looked at.
    """

    summary: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Level = Callable[[Path], LevelResult]


def results(root: Path, levels: dict[str, Level]) -> Iterator[Result]:
    """Run levels one after the other; an error with a sentence is a problem of its level."""
    for name, level in levels.items():
        try:
            result = level(root)
        except QuickstackError as error:
            result = LevelResult("", [error.sentence()])
        for sentence in result.problems:
            yield Result(name, Status.FAILED, sentence)
        if not result.problems:
            yield Result(name, Status.OK, result.summary)
        for sentence in result.notes:
            yield Result(name, Status.NOTE, sentence)


def step(text: str) -> None:
    """Say what begins, on stderr; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr, flush=True)


def declared(root: Path) -> LevelResult:
    """Hold `deps` and `params` against the code, and outputs against what git holds."""
    return LevelResult(
        "every stage declares the rooms it imports",
        undeclared_sentences(root) + tracked_sentences(root),
    )


def restricted(root: Path) -> LevelResult:
    """Look for raw data that a push would share, and for keys in the shared configuration."""
    check_no_secrets(root / CONFIG)
    return LevelResult(
        "raw data and quarantine go to the restricted remote only",
        [
            f"a push would share {path}; bind it by `quickstack add`, or `remote: restricted`"
            for path in unrestricted_outputs(root)
        ],
    )


def secrets(root: Path) -> LevelResult:
    """Look for pseudonym keys and S3 secrets in the workspace and in all commits."""
    return LevelResult(
        "no pseudonym key or S3 secret in the workspace and in all commits", *kept_secrets(root)
    )


def environment(root: Path) -> LevelResult:
    """Hold the interpreter and its packages against the lock."""
    return LevelResult("the packages are those of requirements.txt", environment_sentences(root))


def plan(root: Path) -> LevelResult:
    """Ask what would run."""
    return LevelResult(
        "nothing would run: dvc.lock describes this state",
        sentences(changes(root)),
    )


#: Plain `quickstack verify`: seconds, no network, nothing is run.
QUICK: dict[str, Level] = {
    "declared": declared,
    "restricted": restricted,
    "secrets": secrets,
    "environment": environment,
    "plan": plan,
}
