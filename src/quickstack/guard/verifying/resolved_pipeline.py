"""The pipeline as DVC understands it: variables filled in, each stage after what it needs."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.facts.errors import QuickstackError
from quickstack.guard.verifying.named_files import covers
from quickstack.runtime.repository.plan import quiet_repo


@dataclass(frozen=True)
class ResolvedStage:
    """A stage with paths relative to the repository's root.

    Attributes
    ----------
    script
        What its command runs.
    deps
        The files and folders that it reads.
    params
        The keys of each parameter file; None for the whole file.
    outs
        What it writes, with the md5 of `dvc.lock` where there is one.
    """

    name: str
    script: str
    deps: tuple[str, ...]
    params: dict[str, tuple[str, ...] | None]
    outs: dict[str, str | None]


def resolved_stages(root: Path) -> list[ResolvedStage]:
    """Read the pipeline through DVC.

    Raises
    ------
    QuickstackError
        Where DVC cannot read it.
    """
    from dvc.dependency import ParamsDependency
    from dvc.stage import PipelineStage

    def path(entry: Any) -> str:
        return Path(os.path.relpath(entry.fs_path, root)).as_posix()

    found = []
    with quiet_repo(root) as repo:
        for stage in repo.index.stages:
            if not isinstance(stage, PipelineStage):
                continue
            files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
            params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
            found.append(
                ResolvedStage(
                    name=stage.name,
                    script=shlex.split(str(stage.cmd))[-1],
                    deps=tuple(path(dep) for dep in files),
                    params={path(dep): tuple(dep.params) or None for dep in params},
                    outs={path(out): out.hash_info.value for out in stage.outs},
                )
            )
    return _ordered(found)


def _ordered(stages: list[ResolvedStage]) -> list[ResolvedStage]:
    done: list[ResolvedStage] = []
    waiting = list(stages)
    while waiting:
        ready = [s for s in waiting if not any(_needs(s, o) for o in waiting if o is not s)]
        if not ready:
            raise QuickstackError("stages wait for each other", where="dvc.yaml", fix="correct it")
        done.append(ready[0])
        waiting.remove(ready[0])
    return done


def _needs(stage: ResolvedStage, other: ResolvedStage) -> bool:
    return any(covers(out, dep) for out in other.outs for dep in stage.deps)
