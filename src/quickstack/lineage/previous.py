"""Bring a stage's previous outputs back when it fails: DVC removes them before it starts."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

_LOCK = Path("dvc.lock")
#: Copies of the outputs that only git keeps (`cache: false`), as of each stage's last success.
_KEPT = Path(".quickstack/outputs")


def keep_outputs(stage: str) -> None:
    """Keep a copy of the stage's small outputs that DVC's cache does not hold."""
    for path in _uncached(stage):
        if path.is_file():
            kept = _KEPT / path
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


def restore_outputs(stage: str) -> None:
    """Bring back, as `dvc.lock` names them, those outputs of the stage that are gone.

    Cached ones come from DVC's cache, the others from the copy kept at the last success or from
    git. What cannot be brought back stays away; `dvc repro` makes it again.
    """
    lock = _read(_LOCK).get("stages", {}).get(stage, {})
    gone = {Path(out["path"]): out["md5"] for out in lock.get("outs", ())}
    gone = {path: md5 for path, md5 in gone.items() if not path.exists()}
    uncached = set(_uncached(stage))
    for path, md5 in gone.items():
        kept = _KEPT / path
        if path in uncached and kept.is_file() and _md5(kept) == md5:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept, path)
        elif path in uncached:
            _quietly("git", "checkout", "HEAD", "--", path.as_posix())
            if path.exists() and _md5(path) != md5:
                path.unlink()
    cached = [path.as_posix() for path in gone if path not in uncached]
    if cached:
        _quietly("dvc", "checkout", "--quiet", *cached)


def _uncached(stage: str) -> list[Path]:
    declared = _read(Path("dvc.yaml")).get("stages", {}).get(stage, {})
    entries = [e for kind in ("outs", "metrics", "plots") for e in declared.get(kind, ())]
    return [
        Path(path)
        for entry in entries
        if isinstance(entry, dict)
        for path, options in entry.items()
        if options.get("cache") is False
    ]


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _quietly(*command: str) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
