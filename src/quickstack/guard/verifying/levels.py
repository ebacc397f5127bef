"""The levels of verification: what each one holds to be right, and every doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quickstack.facts.errors import QuickstackError
from quickstack.runtime.stores.health_check import Result, Status


@dataclass
class Verdict:
    """What a level found.

    Attributes
    ----------
    right
        The sentence where there is no doubt.
    wrong
        Every doubt, with what to do about it.
    notes
        What is no doubt and should be known: what was not looked at.
    """

    right: str
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Level = Callable[[Path], Verdict]


def results(root: Path, levels: dict[str, Level]) -> Iterator[Result]:
    """Run levels one after the other; an error with a sentence is a doubt of its level."""
    for name, level in levels.items():
        try:
            verdict = level(root)
        except QuickstackError as error:
            verdict = Verdict("", [error.sentence()])
        for sentence in verdict.wrong:
            yield Result(name, Status.FAILED, sentence)
        if not verdict.wrong:
            yield Result(name, Status.OK, verdict.right)
        for sentence in verdict.notes:
            yield Result(name, Status.NOTE, sentence)


def declared(root: Path) -> Verdict:
    """Hold `deps` and `params` against the code, and outputs against what git holds."""
    from quickstack.guard.verifying.declarations import undeclared_sentences
    from quickstack.runtime.repository.tracked import tracked_sentences

    return Verdict(
        "every stage declares the rooms it imports",
        undeclared_sentences(root) + tracked_sentences(root),
    )


def restricted(root: Path) -> Verdict:
    """Look for raw data that a push would share, and for keys in the shared configuration."""
    from quickstack.runtime.repository.restricted import unrestricted_outputs
    from quickstack.runtime.storage.local_config import check_no_secrets
    from quickstack.runtime.stores.remotes import CONFIG

    check_no_secrets(root / CONFIG)
    return Verdict(
        "raw data and quarantine go to the restricted remote only",
        [
            f"a push would share {path}; bind it by `quickstack add`, or `remote: restricted`"
            for path in unrestricted_outputs(root)
        ],
    )


def environment(root: Path) -> Verdict:
    """Hold the interpreter and its packages against the lock."""
    from quickstack.guard.verifying.environment import environment_sentences

    return Verdict("the packages are those of requirements.txt", environment_sentences(root))


def plan(root: Path) -> Verdict:
    """Ask what would run."""
    from quickstack.runtime.repository.plan import changes, sentences

    return Verdict(
        "nothing would run: dvc.lock describes this state",
        sentences(changes(root)),
    )


#: Plain `quickstack verify`: seconds, no network, nothing is run.
QUICK: dict[str, Level] = {
    "declared": declared,
    "restricted": restricted,
    "environment": environment,
    "plan": plan,
}
