"""Plant faults in copies of the pipeline: `python tests/prove/planted_faults.py [--only PATTERN]`.

Each fault is planted in a copy of its own, with its own buckets on a real S3 server. `verify` must
fail and name it; what DVC's own commands say of the same state stands beside it. Then come states
in which nothing is wrong, where `verify` must be silent with all its levels.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from clean_states import STATES
from faults import FAULTS, Fault
from world import PEERS, Case, World, world


def plant(fault: Fault, case: Case) -> tuple[bool, str]:
    """Plant a fault; return whether verify names it, and what it said."""
    fault.plant(case)
    options = [fault.option] if fault.option else []
    found = case.verify(*options, **fault.environment(case))
    said = [f"{r['level']} {r['sentence']}" for r in found["results"] if r["status"] == "failed"]
    named = any(re.search(fault.says, sentence) for sentence in said)
    return not found["ok"] and named, found.get("error") or "\n".join(said)


def faults(made: World, only: str) -> list[str]:
    """Plant all faults, print a table, and return those that were not named."""
    print(f"\n| planted fault | verify | {' | '.join(PEERS)} |\n|---|---|{'---|' * len(PEERS)}")
    missed = []
    counts = dict.fromkeys(PEERS, 0)
    for name, fault in FAULTS.items():
        if not re.search(only, name):
            continue
        case = made.copy()
        named, said = plant(fault, case)
        peers = case.peers()
        for peer, found in peers.items():
            counts[peer] += found
        answer = f"found{' by ' + fault.option if fault.option else ''}" if named else "NOT FOUND"
        cells = [answer, *("found" if peers[peer] else "-" for peer in PEERS)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        if not named:
            missed.append(name)
            print(f"    verify said:\n{said}", file=sys.stderr, flush=True)
        case.remove()
    planted = sum(bool(re.search(only, name)) for name in FAULTS)
    cells = [f"{planted - len(missed)} of {planted}", *(f"{counts[p]} of {planted}" for p in PEERS)]
    print(f"| found | {' | '.join(cells)} |")
    return missed


def states(made: World, only: str) -> list[str]:
    """Look at clean states, print a table, and return those with a false alarm."""
    print("\n| clean state | verify | levels |\n|---|---|---|")
    alarms = []
    for name, state in STATES.items():
        if not re.search(only, name):
            continue
        case = made.copy()
        case = state.make(case) or case
        found = case.verify(*state.options, **state.environment)
        levels = dict.fromkeys(result["level"] for result in found["results"])
        print(
            f"| {name} | {'silent' if found['ok'] else 'ALARM'} | {', '.join(levels)} |", flush=True
        )
        if not found["ok"]:
            alarms.append(name)
            print(found, file=sys.stderr, flush=True)
        case.remove()
    looked = sum(bool(re.search(only, name)) for name in STATES)
    print(f"| false alarms | {len(alarms)} of {looked} | |")
    return alarms


def main() -> None:
    """Plant, look, and fail where something was missed or a false alarm was given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name this pattern finds")
    parser.add_argument("--skip", choices=("faults", "states"), help="leave out one table")
    options = parser.parse_args()
    began = time.monotonic()
    wrong = []
    with world() as made:
        if options.skip != "faults":
            wrong += faults(made, options.only)
        if options.skip != "states":
            wrong += states(made, options.only)
    print(f"\n{time.monotonic() - began:.0f} s")
    if wrong:
        raise SystemExit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
