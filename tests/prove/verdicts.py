"""Are verdicts true? Simulated worlds whose truth is known: `python tests/prove/verdicts.py`.

Each scenario of a module of worlds is run with 500 seeds. A run says of each claim whether it came
true under the rules as they are and, where the world has them, under the rules of before, which
stand beside them in the table. The share over all runs must lie in the claim's range; where it does
not, the program ends with 1.

    python tests/prove/verdicts.py [--runs 500] [--only TEXT]
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src"), str(ROOT / "tests")]

#: Modules beside this one, each with a list `SCENARIOS`.
WORLDS = ("interval_worlds", "drift_worlds", "late_truth")
#: Whether a claim came true by the rules as they are, and by those of before; None where a run
#: says nothing of it.
Outcome = tuple[bool | None, bool | None]


@dataclass(frozen=True)
class Scenario:
    """One kind of world.

    Attributes
    ----------
    name
        What the world is like.
    run
        From a seed to the outcome of each claim.
    claims
        Each claim with the range, 0 to 1, in which its share must lie.
    """

    name: str
    run: Callable[[int], Mapping[str, Outcome]]
    claims: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Finding:
    """How often a claim came true; None where no run said anything of it."""

    scenario: str
    claim: str
    wanted: tuple[float, float]
    now: float | None
    before: float | None

    @property
    def holds(self) -> bool:
        """Whether the share lies in its range."""
        low, high = self.wanted
        return self.now is not None and low <= self.now <= high


def scenarios() -> list[Scenario]:
    """Return those of every module of worlds that is there."""
    here = Path(__file__).parent
    names = [name for name in WORLDS if (here / f"{name}.py").is_file()]
    return [one for name in names for one in importlib.import_module(name).SCENARIOS]


def measure(scenario: Scenario, runs: int) -> list[Finding]:
    """Run one scenario with the seeds from 0 on."""
    outcomes = [scenario.run(seed) for seed in range(runs)]
    found = []
    for claim, wanted in scenario.claims.items():
        now, before = (
            _share([one[claim][rule] for one in outcomes if claim in one]) for rule in (0, 1)
        )
        found.append(Finding(scenario.name, claim, wanted, now, before))
    return found


def _share(said: Sequence[bool | None]) -> float | None:
    known = [one for one in said if one is not None]
    return sum(known) / len(known) if known else None


def line(finding: Finding) -> str:
    """Write a row of the table."""
    low, high = finding.wanted
    wanted = f"{low:.2f} to {high:.2f}"
    shares = ["-" if s is None else f"{s:.3f}" for s in (finding.now, finding.before)]
    mark = "" if finding.holds else "  <- outside"
    return (
        f"{finding.scenario:<34}{finding.claim:<46}{wanted:<14}{shares[0]:>7}{shares[1]:>8}{mark}"
    )


def main() -> int:
    """Print the table; 1 where a share lies outside its range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    chosen = parser.parse_args()
    print(f"{'world':<34}{'claim':<46}{'wanted':<14}{'now':>7}{'before':>8}")
    wrong = 0
    for scenario in scenarios():
        if chosen.only not in scenario.name:
            continue
        for finding in measure(scenario, chosen.runs):
            print(line(finding), flush=True)
            wrong += not finding.holds
    print(f"{wrong} outside their range" if wrong else "all in their range")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
