"""Bring a stage's previous outputs back when it fails: DVC removes them before it starts."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.yaml_lines import read_yaml

_LOCK = Path("dvc.lock")
#: Copies of the outputs that only git keeps (`cache: false`), as of each stage's last success.
KEPT = Path(".quickstack/outputs")
#: Index node and time of the last change.
Identity = tuple[int, int]


def note_outputs(stage: str) -> dict[Path, Identity | None]:
    """Return what tells whether an output is replaced later: the identity of each, or None."""
    return {path: _identity(path) for path in _locked(stage)}


def keep_outputs(stage: str) -> None:
    """Keep a copy of the stage's small outputs that DVC's cache does not hold."""
    for path in _uncached(stage):
        if path.is_file():
            kept = KEPT / path
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


def restore_outputs(stage: str, before: dict[Path, Identity | None]) -> list[str]:
    """Bring back, as `dvc.lock` names them, those outputs that are gone or were just replaced.

    Cached ones come from DVC's cache, the others from the copy kept at the last success or from
    git.

    Parameters
    ----------
    before
        What `note_outputs` found when the stage began; what is not in it counts as untouched.

    Returns
    -------
    list of str
        What could not be brought back; `dvc repro` makes it again.
    """
    wanted, uncached = _locked(stage), set(_uncached(stage))
    away = [p for p in wanted if not p.exists() or _identity(p) != before.get(p, _identity(p))]
    for path in away:
        try:
            _remove(path)
            if path in uncached:
                _restore_uncached(path, wanted[path])
        except OSError:  # the disk that was full is still full: the stage's own sentence says so
            continue
    cached = [path.as_posix() for path in away if path not in uncached]
    if cached:
        # The same environment's DVC, also where the stage was started without its PATH.
        _output(sys.executable, "-m", "dvc", "checkout", "--quiet", *cached)
    return [path.as_posix() for path in away if not path.exists()]


def clear_leftovers(stage: str) -> None:
    """Remove what a killed run left beside the outputs: it may hold raw data."""
    for path, _ in _declared(stage):
        for found in sorted(path.parent.glob(f".{path.name}.*.*")):
            number, _, kind = found.name.removeprefix(f".{path.name}.").partition(".")
            if kind not in ("tmp", "previous") or not number.isdigit() or _runs(int(number)):
                continue
            if kind == "previous" and not path.exists():
                os.replace(found, path)
            else:
                _remove(found)


def _runs(process: int) -> bool:
    import psutil

    return process != os.getpid() and psutil.pid_exists(process)


def _restore_uncached(path: Path, md5: str) -> None:
    kept = KEPT / path
    found = [kept.read_bytes()] if kept.is_file() else []
    found += [_output("git", "show", f"{place}:./{path.as_posix()}") for place in ("HEAD", "")]
    for content in found:
        if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            return


def _locked(stage: str) -> dict[Path, str]:
    """Return the stage's outputs as `dvc.lock` names them, each with its md5."""
    stages = _read(_LOCK).get("stages") or {}
    return {Path(out["path"]): out["md5"] for out in stages.get(stage, {}).get("outs", ())}


def _declared(stage: str) -> list[tuple[Path, dict[str, Any]]]:
    declared = _read(Path("dvc.yaml")).get("stages", {}).get(stage, {})
    entries = [e for kind in ("outs", "metrics", "plots") for e in declared.get(kind, ())]
    pairs = [next(iter(e.items())) if isinstance(e, dict) else (e, None) for e in entries]
    return [(Path(path), options or {}) for path, options in pairs]


def _uncached(stage: str) -> list[Path]:
    return [path for path, options in _declared(stage) if options.get("cache") is False]


def _read(path: Path) -> dict[str, Any]:
    """Read YAML; nothing where it is none, as after a merge: DVC says so itself."""
    try:
        value = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return value if isinstance(value, dict) else {}


def _identity(path: Path) -> Identity | None:
    """Tell a replaced file or folder from the one before: writing replaces, it never changes."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _output(*command: str) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=False).stdout
    except OSError:
        return b""
