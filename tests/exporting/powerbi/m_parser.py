"""Microsoft's parser of M, installed once from the lock beside this file into the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from helpers import lack, needs_program

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json")


def read_m(queries: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Parse queries by name: `error`, and where there is none `sources` and `names`."""
    needs_program("node", "npm")
    done = subprocess.run(
        ["node", str(HERE / "parse_m.js")],
        input=json.dumps(queries), capture_output=True, text=True,
        env={**os.environ, "NODE_PATH": str(_modules())}, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def _modules() -> Path:
    locked = b"".join((HERE / name).read_bytes() for name in FILES)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "quickstack-tests" / hashlib.sha256(locked).hexdigest()[:16]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            for name in FILES:
                shutil.copy(HERE / name, folder)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                lack("npm could not install @microsoft/powerquery-parser; is there a network?")
            try:
                Path(folder).rename(place)
            except OSError:
                if not place.exists():
                    raise
            else:
                Path(folder).mkdir()
    return place / "node_modules"
