"""Raw data and quarantine go to the restricted remote, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import PIPELINE, QUARANTINE, RAW
from quickstack.facts.yaml_lines import read_yaml
from quickstack.runtime.repository.plan import dvc_reason
from quickstack.runtime.stores.remotes import RESTRICTED


def add_restricted(root: Path, path: Path) -> Path:
    """Track `path` with DVC and bind it to the restricted remote.

    Returns
    -------
    Path
        The `.dvc` file, relative to `root`, to be committed.

    Raises
    ------
    QuickstackError
        Where the path is not in `data/raw`, is not there, or DVC refuses it.
    """
    relative = (path if path.is_absolute() else root / path).resolve()
    raw = (root / RAW).resolve()
    if raw not in relative.parents:
        raise QuickstackError(
            "this lies outside data/raw", where=str(path), fix="move it to data/raw/<dataset>"
        )
    if not relative.exists():
        raise QuickstackError(
            "there is no such file or folder", where=str(path), fix="put the data there first"
        )
    shown = relative.relative_to(root.resolve())
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", shown.as_posix()],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise QuickstackError(
            dvc_reason(done.stderr), where=shown.as_posix(), fix="see what `dvc add` says of it"
        )
    pointer = root / f"{shown.as_posix()}.dvc"
    document = read_yaml(pointer.read_text(encoding="utf-8"))
    for out in document["outs"]:
        out["remote"] = RESTRICTED
    pointer.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8", newline="\n")
    # DVC staged the file as it was before: committed so, a push would share the data.
    staged = subprocess.run(["git", "add", "--", str(pointer)], cwd=root, capture_output=True)
    if staged.returncode != 0:
        raise QuickstackError(
            "git could not stage it again, now that it is bound to the restricted remote",
            where=pointer.name,
            fix="`git add` it before you commit",
        )
    return pointer.relative_to(root)


def unrestricted_outputs(root: Path) -> list[str]:
    """Return the outputs in `data/raw` and quarantine that a push would share; none is right."""
    found = []
    stages = read_yaml((root / PIPELINE).read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        each = stage.get("do", stage)
        for kind in ("outs", "metrics", "plots"):
            found += _shared(each.get(kind, ()), Path(each.get("wdir", "")))
    pointers = [*root.glob("*.dvc"), *(root / RAW.parts[0]).rglob("*.dvc")]
    for pointer in sorted(path for path in pointers if path.is_file()):
        document = read_yaml(pointer.read_text(encoding="utf-8")) or {}
        entries = [{out["path"]: out} for out in document.get("outs", ())]
        found += _shared(entries, pointer.parent.relative_to(root) / document.get("wdir", ""))
    return found


def _shared(entries: Any, folder: Path) -> list[str]:
    found = []
    for entry in entries:
        path, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        options = options or {}
        place = Path(os.path.normpath(folder / path))
        kept_away = options.get("remote") == RESTRICTED or options.get("push") is False
        private = any(
            inner in (place, *place.parents) or place in inner.parents
            for inner in (RAW, QUARANTINE)
        )
        if private and not kept_away and options.get("cache") is not False:
            found.append(place.as_posix())
    return found
