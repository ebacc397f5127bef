"""`datacontract test` on everything that `exports/` holds: `python tests/prove/datacontract.py`.

Each table as CSV and as Parquet, against `exports/contract.odcs.yaml`; exit code 1 where a check
fails. Run `dvc repro` before. The first time uv fetches the tool from the package index.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from exporting.contract_checks import PACKAGE, failed_checks  # noqa: E402 - the path comes first


def main() -> int:
    """Test every table, and say what failed."""
    folder = ROOT / "exports"
    if not folder.is_dir():
        raise SystemExit("There are no exports. To fix it: run `dvc repro` before.")
    document = yaml.safe_load((folder / "contract.odcs.yaml").read_text(encoding="utf-8"))
    cases = []
    for table in document["schema"]:
        suffix = "_by_period" if any(p.get("partitioned") for p in table["properties"]) else ""
        cases += [(folder, f"{kind}{suffix}", table["name"]) for kind in ("csv", "parquet")]
    wrong = 0
    for (_, server, table), failed in zip(cases, failed_checks(cases), strict=True):
        sys.stdout.write(f"{table:14} {server:18} {', '.join(failed) or 'passed'}\n")
        wrong += bool(failed)
    sys.stdout.write(f"{len(cases)} tests with {PACKAGE}, {wrong} failed\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
