"""Outputs that DVC keeps and git holds too: a version of its own, and perhaps personal data."""

from __future__ import annotations

import subprocess
from pathlib import Path

from quickstack.facts.paths import PIPELINE
from quickstack.facts.yaml_lines import read_yaml


def tracked_sentences(root: Path) -> list[str]:
    """Return one sentence for each output of a stage, kept by DVC, in which git holds files."""
    stages = read_yaml((root / PIPELINE).read_text(encoding="utf-8"))["stages"]
    outs = []
    for stage in stages.values():
        for kind in ("outs", "metrics", "plots"):
            for entry in stage.get("do", stage).get(kind) or ():
                path, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
                if (options or {}).get("cache", True):
                    outs.append(path.partition("${")[0].rstrip("/"))
    if not outs:
        return []
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", *outs],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    held = [name for name in done.stdout.split("\0") if name and not name.endswith(_POINTERS)]
    return [f"git holds {name}, which DVC keeps; git rm --cached {name}" for name in held]


#: What git is meant to hold there.
_POINTERS = (".dvc", ".gitignore", ".gitkeep")
