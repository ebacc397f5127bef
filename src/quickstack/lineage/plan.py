"""What `dvc repro` would do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from quickstack.errors import QuickstackError


def stages_to_run(root: Path) -> list[str]:
    """Return the stages that `dvc repro` would run; data that are not here count as unchanged.

    DVC exits 0 although stages would run (its issues 9861 and 5369), so the plan itself is read.

    Raises
    ------
    QuickstackError
        Where DVC cannot plan.
    """
    done = subprocess.run(
        ["dvc", "repro", "--dry", "--allow-missing"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = next((x for x in done.stderr.splitlines() if x.startswith("ERROR: ")), "")
        raise QuickstackError(
            f"dvc cannot plan the pipeline: {reason.removeprefix('ERROR: ').rstrip('.')}",
            fix="correct dvc.yaml, or bring the data back by `dvc pull --allow-missing`",
        )
    return re.findall(r"^Running stage '([^']+)'", done.stdout, flags=re.MULTILINE)
