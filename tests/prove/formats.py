"""Write random tables by every format, and hold what ingest types of them against each other.

`python tests/prove/formats.py [--tables 10000] [--seed N]`: CSV, gzip, JSON Lines, Parquet, xlsx,
ods and SQL. It prints the seed, each disagreement and their number; the exit code is 1 where there
is one.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from quality.one_table import Table, disagreements, tables  # noqa: E402 - the path comes first

#: Disagreements that are shown.
SHOWN = 30


def main() -> int:
    """Compare, report, and return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the formats.")
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    number = arguments.seed if arguments.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {number}, {arguments.tables:,} tables", flush=True)
    counts: Counter[str] = Counter()
    found: list[str] = []
    begin = time.monotonic()

    @seed(number)
    @settings(
        max_examples=arguments.tables,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(table=tables())
    def compare(table: Table) -> None:
        counts["tables"] += 1
        counts["values"] += sum(len(row) - 1 for row in table.rows)
        counts["without ods"] += bool(table.without)
        found.extend(disagreements(table, Path(folder)))
        if counts["tables"] % 500 == 0:
            seconds = time.monotonic() - begin
            print(f"{counts['tables']:,} tables, {len(found)} wrong, {seconds:.0f} s", flush=True)

    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        compare()
    for sentence in found[:SHOWN]:
        print(sentence)
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"{listed}: {len(found)} disagreements")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
