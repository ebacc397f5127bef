"""What `dvc repro` would run, and why: what differs from `dvc.lock`, old and new."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import PIPELINE

#: Of a hash, in a sentence.
_SHORT = 8
#: Reasons that a sentence names.
_REASONS = 4


@dataclass(frozen=True)
class Change:
    """One reason for a stage to run.

    Attributes
    ----------
    kind
        `dependency`, `parameter`, `command` or `output`; `data` for what a `.dvc` file pins.
    name
        The path or the parameter.
    old, new
        The hash, shortened, or the parameter's value; empty where there is none.
    """

    stage: str
    kind: str
    name: str
    old: str
    new: str

    @property
    def reason(self) -> str:
        """What differs, old and new."""
        was, now = self.old or "not in dvc.lock", self.new or "gone"
        if self.kind == "data":
            return f"{self.name} is not what {self.stage} pins ({was}, now {now})"
        named = f" {self.name}" if self.name else ""
        return f"{self.kind}{named} ({was}, now {now})"


def sentences(found: list[Change]) -> list[str]:
    """Return one sentence for each stage, with its first reasons and how many more there are."""
    told, stages = [], dict[str, list[str]]()
    for change in found:
        if change.kind == "data":
            fix = f"`quickstack add` or `dvc checkout {change.stage}`"
            told.append(f"{change.reason}; {fix}")
        else:
            reasons = stages.setdefault(change.stage, [])
            # Dependencies are mostly code: what says more comes first.
            reasons.insert(len(reasons) if change.kind == "dependency" else 0, change.reason)
    for stage, reasons in stages.items():
        more = [f"and {len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
        told.append(f"stage '{stage}' would run: {'; '.join([*reasons[:_REASONS], *more])}")
    return told


def changes(root: Path) -> list[Change]:
    """Return every reason for which `dvc repro` would run something.

    Data that are not here count as unchanged, unless the stage that makes them has left others.
    DVC exits 0 although stages would run (its issues 9861 and 5369), and takes an edited output
    for unchanged where its cache lacks the original, so each entry is compared here.

    Raises
    ------
    QuickstackError
        Where DVC cannot plan.
    """
    with quiet_repo(root) as repo:
        made = {out.fs_path: out for stage in repo.index.stages for out in stage.outs}
        return [change for stage in repo.index.stages for change in _changes(stage, root, made)]


@contextmanager
def quiet_repo(root: Path) -> Iterator[Any]:
    """Open DVC's repository, locked; what DVC cannot do with it becomes a sentence."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        repo = Repo(str(root))
        with repo, repo.lock:
            yield repo
    except DvcException as error:
        raise QuickstackError(
            f"dvc cannot plan the pipeline: {_reason(error)}",
            fix="correct dvc.yaml, or bring the data back by `dvc pull`",
        ) from None


def stages_to_run(root: Path) -> list[str]:
    """Return the stages that `dvc repro` would run, in the order of `dvc.yaml`."""
    return list(dict.fromkeys(c.stage for c in changes(root) if c.kind != "data"))


def dvc_reason(stderr: str) -> str:
    """Return the line in which DVC says why it failed, without its full stop."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (named or lines or ["it does not say why"])[0].rstrip(".")


def _reason(error: BaseException) -> str:
    """Return the message, with that of its cause where it has one, in one line."""
    parts = [str(part) for part in (error, error.__cause__) if part is not None and str(part)]
    text = ": ".join(dvc_reason(part) for part in parts)
    return text or type(error).__name__


def _changes(stage: Any, root: Path, made: dict[str, Any]) -> Iterator[Change]:
    from dvc.stage import PipelineStage

    place = _place(stage.path, root)
    if not isinstance(stage, PipelineStage):
        for out in stage.outs:
            if (status := _status(out)) and status != "deleted":
                path = _place(out.fs_path, root)
                yield Change(place, "data", path, _hash(out), _hash_now(out))
        return
    name = stage.name if place == PIPELINE.as_posix() else f"{place}:{stage.name}"
    if stage.changed_stage():
        # Its md5 covers nothing else that `dvc.lock` keeps.
        yield Change(name, "command", "", _locked_command(stage), str(stage.cmd))
    if not stage.frozen:
        for dep in stage.deps:
            yield from _dependency(name, dep, root, made)
        for out in stage.outs:
            yield from _output(name, out, root)


def _place(path: str, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _dependency(stage: str, dep: Any, root: Path, made: dict[str, Any]) -> Iterator[Change]:
    from dvc.dependency import ParamsDependency

    if isinstance(dep, ParamsDependency):
        yield from _parameters(stage, dep)
        return
    status, path = _status(dep), _place(dep.fs_path, root)
    if status == "deleted":
        out = made.get(dep.fs_path)
        if out is not None and out.hash_info != dep.hash_info:
            yield Change(stage, "dependency", path, _hash(dep), _hash(out))
    elif status:
        yield Change(stage, "dependency", path, _hash(dep), _hash_now(dep))


def _output(stage: str, out: Any, root: Path) -> Iterator[Change]:
    status, path = _status(out), _place(out.fs_path, root)
    if status == "new" or (status == "deleted" and not out.hash_info):
        yield Change(stage, "output", path, "", _hash_now(out))
    elif status and status != "deleted":
        yield Change(stage, "output", path, _hash(out), _hash_now(out))


def _status(entry: Any) -> str | None:
    found: dict[str, str] = entry.workspace_status()
    return found.get(str(entry))


def _parameters(stage: str, dep: Any) -> Iterator[Change]:
    old, new = dep.hash_info.value or {}, dep.read_params()
    for name in dep.params or sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if (list(now) if isinstance(now, tuple) else now) != was or (name in old) != (name in new):
            yield from _values(stage, name, was, now)


def _values(stage: str, name: str, old: Any, new: Any) -> Iterator[Change]:
    """Go down to the single values that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key) or (key in old) != (key in new):
                yield from _values(stage, f"{name}.{key}", old.get(key), new.get(key))
    else:
        shown = ["" if value is None else str(value) for value in (old, new)]
        yield Change(stage, "parameter", name, *shown)


def _locked_command(stage: Any) -> str:
    locked = stage.dvcfile.lockfile_contents.get("stages", {}).get(stage.name, {})
    return str(locked.get("cmd", ""))


def _hash(entry: Any) -> str:
    return str(entry.hash_info.value)[:_SHORT] if entry.hash_info else ""


def _hash_now(entry: Any) -> str:
    return str(entry.get_hash().value)[:_SHORT] if entry.exists else ""
