"""What `dvc repro` would do."""

from __future__ import annotations

import re
import subprocess
import sys
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
        [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise QuickstackError(
            f"dvc cannot plan the pipeline: {dvc_reason(done.stderr)}",
            fix="correct dvc.yaml, or bring the data back by `dvc pull`",
        )
    return re.findall(r"^Running stage '([^']+)'", done.stdout, flags=re.MULTILINE)


def dvc_reason(stderr: str) -> str:
    """Return the line in which DVC says why it failed, without its full stop."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (named or lines or ["it does not say why"])[0].rstrip(".")
