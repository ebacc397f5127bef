"""Fuzz ingest for minutes: `python tests/prove/fuzz_ingest.py [--seconds 600] [--seed N]`.

Random files are ingested under random contracts, each in five ways (three sizes of blocks, two
threads, the careful reader alone; every tenth through the whole engine twice). What must hold is in
`tests/torture/fuzz.py`. It prints the seed, with which a run can be repeated, and the number of
examples. An example that fails is made smaller, and kept in `tests/torture/seeds/` as a case that
`make test` runs ever after; the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import secrets
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from torture.fuzz import (  # noqa: E402 - the path comes first
    SEEDS,
    Example,
    Seen,
    check,
    check_whole,
    examples,
    shortest,
)

#: Failures of different kinds after which it is enough.
ENOUGH = 20


class TimeIsUp(Exception):  # noqa: N818 - no error
    """The time that was given is over."""


def main() -> int:
    """Fuzz, report, and return the exit code."""
    parser = argparse.ArgumentParser(description="Fuzz ingest.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    number = arguments.seed if arguments.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {number}, {arguments.seconds:g} s", flush=True)
    counts: Counter[str] = Counter()
    found: dict[str, tuple[Example, BaseException]] = {}
    end = time.monotonic() + arguments.seconds

    @seed(number)
    @settings(
        max_examples=10**9,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(examples())
    def run(example: Example) -> None:
        if time.monotonic() > end or len(found) >= ENOUGH:
            raise TimeIsUp
        counts["examples"] += 1
        try:
            note(counts, check(example))
            if counts["examples"] % 10 == 0:
                check_whole(example)
        except Exception as error:
            kind = f"{type(error).__name__}: {str(error)[:60]}"
            if kind not in found or len(found[kind][0].data) > len(example.data):
                found[kind] = example, error

    with contextlib.suppress(TimeIsUp):
        run()
    for kind, (example, _) in found.items():
        small = shortest(example)
        path = keep(small)
        print(f"\n{kind}\n  {small.document()}\n  kept as {path.relative_to(ROOT)}")
    listed = ", ".join(f"{value} {name}" for name, value in sorted(counts.items()))
    print(f"{listed}; {len(found)} kinds of failure; seed {number}")
    return 1 if found else 0


def note(counts: Counter[str], seen: Seen) -> None:
    """Count what became of an example."""
    counts["refused with a sentence"] += bool(seen.error)
    counts["with rows in quarantine"] += seen.refused not in ("", "[]")
    counts["with clean rows"] += seen.rows not in ("", "[]")


def keep(example: Example) -> Path:
    """Write an example where the tests find it."""
    text = json.dumps(example.document(), indent=1, sort_keys=True) + "\n"
    SEEDS.mkdir(exist_ok=True)
    path = SEEDS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    raise SystemExit(main())
