"""Run each stage once in a sandbox that holds what it declares and nothing else.

What is not there cannot be read, by Python or by native code (pyarrow opens files without
Python): such a stage fails or leaves other bytes. An audit hook says which file it was. What stays
unseen is native code that reads outside the repository, or connects, without Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from quickstack.facts.formats import LISTING
from quickstack.guard.verifying.imports import LIBRARY
from quickstack.guard.verifying.levels import LevelResult, step
from quickstack.guard.verifying.named_files import EXEMPT
from quickstack.guard.verifying.resolved_pipeline import ResolvedStage, resolved_stages
from quickstack.guard.verifying.touched import Sandbox, problems
from quickstack.runtime.repository.plan import changes
from quickstack.runtime.running.dvc_hashes import content_md5

_RUNNER = Path(__file__).with_name("traced_run.py")
#: Git-ignored, and named by the contract's fingerprint.
_KEYS = (".quickstack/keys", ".quickstack/pseudonym.key")


@dataclass(frozen=True)
class _Run:
    exit_code: int
    record: list[tuple[str, str]]
    sentence: str


def watched(root: Path) -> LevelResult:
    """Run all stages in order, each from what those before it left, and collect the problems."""
    root = root.resolve()
    result = LevelResult(
        "each stage, run with nothing but what it declares, leaves what dvc.lock says"
    )
    pending = {change.stage for change in changes(root)}
    if pending:
        result.notes.append("bytes were not compared: dvc.lock does not describe this state")
    stages = resolved_stages(root)
    with TemporaryDirectory(prefix="quickstack-") as top:
        made = Path(os.path.realpath(top)) / "outputs"
        for stage in stages:
            step(f"watching {stage.name}")
            folder = made.with_name(stage.name)
            missing = _fill(folder, stage, root, made)
            if missing:
                result.problems.append(
                    f"{stage.name}: {missing} is not here; run `dvc pull` or `dvc repro`"
                )
                break
            before = _files(folder)
            run = _run(folder, stage)
            connects = _contract_connects(folder, stage)
            sandbox = Sandbox(root, folder, stage, stages, connects)
            found = problems(sandbox, run.record, before, _files(folder))
            if run.exit_code:
                reason = run.sentence or f"exit code {run.exit_code}"
                found.append(f"{stage.name}: failed with nothing but what it declares: {reason}")
            else:
                found += _unlike(folder, stage, compare=not pending)
            result.problems += found
            if run.exit_code:
                break
            _keep(folder, stage, made)
            shutil.rmtree(folder)
    return result


def _fill(folder: Path, stage: ResolvedStage, root: Path, made: Path) -> str | None:
    """Copy in what the stage declares; return what is missing."""
    (folder / ".dvc").mkdir(parents=True)
    for dep in stage.deps:
        source = next((top / dep for top in (made, root) if (top / dep).exists()), None)
        if source is None:
            return dep
        _copy(source, folder / dep)
    for group in (root / LIBRARY).glob("*/"):
        # A package without its `__init__.py`, which runs nothing: what is missing is then a room.
        (folder / LIBRARY / group.name).mkdir(parents=True, exist_ok=True)
    for out in stage.outs:
        (folder / out).parent.mkdir(parents=True, exist_ok=True)
    for key in _KEYS:
        if (root / key).exists():
            _copy(root / key, folder / key)
    for name, keys in stage.params.items():
        if keys is None:
            _copy(root / name, folder / name)
    keys = stage.params.get("params.yaml") or ()
    document = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    kept = _selected(document, (*keys, EXEMPT))
    # Every stage is given the name of the data set; one that does not declare it must not use it.
    kept.setdefault("dataset", "not-declared")
    (folder / "params.yaml").write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return None


def _selected(document: dict[str, object], keys: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key in keys:
        value: object = document
        parts = key.split(".")
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            continue
        place = found
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict)
            place = inner
        place[parts[-1]] = value
    return found


def _run(folder: Path, stage: ResolvedStage) -> _Run:
    record = folder.with_name(f"{stage.name}.jsonl")
    done = subprocess.run(
        [sys.executable, "-B", str(_RUNNER), str(record), stage.script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    said = [line for line in done.stderr.splitlines() if line.startswith(f"{stage.name} stopped:")]
    return _Run(
        done.returncode,
        [(what, name) for what, name in map(json.loads, lines)],
        said[0].partition(": ")[2] if said else "",
    )


def _contract_connects(folder: Path, stage: ResolvedStage) -> bool:
    """Whether its raw data are a list of objects that lie on S3: the one source on a network."""
    return any(next((folder / dep).rglob(f"*{LISTING}"), None) for dep in stage.deps)


def _unlike(folder: Path, stage: ResolvedStage, *, compare: bool) -> Iterator[str]:
    for out, md5 in stage.outs.items():
        if not (folder / out).exists():
            yield f"{stage.name}: did not write {out}; remove it from outs"
        elif compare and md5 and content_md5(folder / out) != md5:
            yield (
                f"{stage.name}: {out} has other bytes than dvc.lock says; it depends on what is "
                "not declared, or on chance (`quickstack verify --rerun` says how it differs)"
            )


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            state = Path(top, name).stat()
            found[Path(top, name).relative_to(folder).as_posix()] = (
                state.st_size,
                state.st_mtime_ns,
            )
    return found


def _keep(folder: Path, stage: ResolvedStage, made: Path) -> None:
    for out in stage.outs:
        if (folder / out).exists():
            (made / out).parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder / out, made / out)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    elif not target.exists():
        shutil.copy2(source, target)
