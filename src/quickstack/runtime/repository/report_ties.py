"""Whether what a stage left stands on what the stages before it left last, by `dvc.lock`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quickstack.facts.paths import PARAMS
from quickstack.runtime.repository.revisions import find_revision


def untied(root: Path, stages: Iterable[str]) -> str | None:
    """Say that the outputs of stages belong to other data, or are older than what they stand on.

    Parameters
    ----------
    root
        The repository; its workspace counts.
    stages
        Names as in `dvc.yaml`; the first of which something is to be said decides.

    Returns
    -------
    str or None
        None where the outputs stand on what is there, or nothing is known of them.
    """
    here = find_revision(root, None)
    made = {
        out["path"]: (name, out.get("md5"))
        for name, stage in here.stages.items()
        for out in stage.get("outs") or ()
    }
    wanted = here.params.get("dataset")
    for name in stages:
        for stage in _with_those_before(name, here.stages, made):
            said = ((here.stages[stage].get("params") or {}).get(PARAMS.as_posix())) or {}
            if (was := said.get("dataset", wanted)) != wanted:
                return f"of the data set {was}, not of {wanted}"
            for dep in here.stages[stage].get("deps") or ():
                if made.get(dep["path"], ("", dep.get("md5")))[1] != dep.get("md5"):
                    return f"older than {dep['path']}: run `dvc repro`"
    return None


def _with_those_before(
    name: str, stages: dict[str, Any], made: dict[str, tuple[str, str | None]]
) -> list[str]:
    """Return a stage and all that it stands on, itself first."""
    found = [name] if name in stages else []
    for stage in found:
        before = [made[d["path"]][0] for d in stages[stage].get("deps") or () if d["path"] in made]
        found += [other for other in before if other not in found]
    return found
