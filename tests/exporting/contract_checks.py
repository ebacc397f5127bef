"""Run `datacontract test` of the project datacontract-cli, in an environment of its own.

Its dependencies contradict ours (typer below 0.28), so uv makes it one, the first time from the
package index. Called as a script inside that environment: one JSON list of (folder, server,
table) in, the failed checks of each out, since starting it costs more than a test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = "datacontract-cli[duckdb]==1.2.8"


def failed_checks(cases: list[tuple[Path, str, str]]) -> list[list[str]]:
    """Return for each (folder of the contract, server, table) the kinds of checks that failed.

    Raises
    ------
    RuntimeError
        Where the environment cannot be made, or the tool itself breaks.
    """
    from uv import find_uv_bin

    asked = json.dumps([(str(folder), server, table) for folder, server, table in cases])
    done = subprocess.run(
        [find_uv_bin(), "run", "--quiet", "--no-project", "--with", PACKAGE, "python", __file__],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")},
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Answer what stands on standard input."""
    from datacontract.data_contract import DataContract

    found = []
    for folder, server, table in json.load(sys.stdin):
        os.chdir(folder)
        contract = DataContract(
            data_contract_file="contract.odcs.yaml", server=server, schema_name=table
        )
        run = contract.test()
        passed = {"passed", "warning", "info"}
        checks = [(str(c.type), getattr(c.result, "value", str(c.result))) for c in run.checks]
        if len(checks) < 3 and all(result in passed for _, result in checks):
            raise SystemExit(f"{table}: only {len(checks)} checks ran")
        found.append(sorted({kind for kind, result in checks if result not in passed}))
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
