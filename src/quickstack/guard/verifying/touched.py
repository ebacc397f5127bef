"""Judge what a stage touched by what it declares."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from quickstack.guard.verifying.imports import room
from quickstack.guard.verifying.named_files import covers
from quickstack.guard.verifying.resolved_pipeline import ResolvedStage

#: The operating system's, on Linux, macOS and Windows.
_SYSTEM = (
    "/bin", "/etc", "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sys", "/dev", "/run",
    "/var", "/System", "/Library", "/private/etc", "/private/var", "/opt/homebrew",
    os.environ.get("SYSTEMROOT", "/usr"),
)  # fmt: skip
#: By these joblib, below scikit-learn, counts the processor's cores.
_ASK_FOR_CORES = {"lscpu", "sysctl", "powershell", "wmic"}
#: What writing whole files leaves for a moment, see `quickstack.facts.files`.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.\d+\.(tmp|previous)$")
#: Quickstack's own, in every sandbox: parameters, keys, caches and what marks a DVC repository.
_OWN = ("params.yaml", "dvc.yaml", "dvc.lock", ".quickstack", ".dvc")


@dataclass(frozen=True)
class Sandbox:
    """Where a stage ran.

    Attributes
    ----------
    root, folder
        The repository, and the folder with what the stage declares.
    connects
        Whether its source lies on a network.
    """

    root: Path
    folder: Path
    stage: ResolvedStage
    stages: list[ResolvedStage]
    connects: bool


def problems(
    sandbox: Sandbox,
    record: list[tuple[str, str]],
    before: dict[str, tuple[int, int]],
    after: dict[str, tuple[int, int]],
) -> list[str]:
    """Return a sentence for everything that the stage touched and does not declare.

    Parameters
    ----------
    record
        What the runner wrote.
    before, after
        The sandbox's files with size and time of change: what native code wrote shows here.
    """
    found = [sentence for what, name in record for sentence in _judged(sandbox, what, name)]
    for name, state in after.items():
        if before.get(name) != state:
            found += _written(sandbox, name)
    found += [f"{sandbox.stage.name}: removes {name}" for name in before if name not in after]
    return list(dict.fromkeys(found))


def _judged(sandbox: Sandbox, what: str, name: str) -> Iterator[str]:
    stage = sandbox.stage.name
    if what == "start":
        if Path(name).stem not in _ASK_FOR_CORES:
            yield f"{stage}: starts the program {Path(name).name}; do it in Python instead"
    elif what == "connect":
        host = name.rpartition(":")[0]
        if not (sandbox.connects or _is_loopback(host)):
            yield f"{stage}: connects to {name}; bring the data in by `quickstack land`"
    elif what == "said":
        path = (sandbox.folder / name).resolve()
        if path.is_relative_to(sandbox.folder):
            yield from _read(sandbox, "read", path.relative_to(sandbox.folder).as_posix())
    else:
        path = Path(name)
        for top in (sandbox.folder, sandbox.root):
            if path.is_relative_to(top) and not _is_tools(path, sandbox.root):
                inner = path.relative_to(top).as_posix()
                written = what == "write"
                yield from _written(sandbox, inner) if written else _read(sandbox, what, inner)
                return
        if what != "list" and not _is_tools(path, sandbox.root) and not _is_systems(path, what):
            does = "writes" if what == "write" else "reads"
            yield f"{stage}: {does} {path}, outside the repository; bring it into data/"


def _read(sandbox: Sandbox, what: str, inner: str) -> Iterator[str]:
    stage = sandbox.stage
    # Python looks for the bytecode of each module that it imports.
    if _is_own(inner) or "__pycache__" in inner.split("/") or _temporary_of(inner, stage):
        return
    if not (sandbox.root / inner).exists():
        return
    held = (*stage.deps, *stage.outs)
    # Importing looks through the folders in which rooms and modules lie.
    folders = {"src", "."} | {Path(dep).parent.as_posix() for dep in stage.deps if _is_code(dep)}
    if any(_holds(path, inner) for path in held) or (what == "list" and inner in folders):
        return
    if what == "list" and any(inner == Path(path).parent.as_posix() for path in stage.outs):
        return
    does = "lists the folder" if what == "list" else "reads"
    added = room(inner) if _is_code(inner) else inner
    yield f"{stage.name}: {does} {inner}; add `- {added}` to its deps in dvc.yaml"


def _written(sandbox: Sandbox, inner: str) -> Iterator[str]:
    stage = sandbox.stage
    if inner.startswith((".quickstack/", ".dvc/tmp")) or inner in (".quickstack", ".dvc"):
        return
    if any(_holds(out, inner) or covers(inner, out) for out in stage.outs):
        return
    if _temporary_of(inner, stage) or "__pycache__" in inner.split("/"):
        return
    for other in sandbox.stages:
        if other.name != stage.name and any(_holds(out, inner) for out in other.outs):
            yield f"{stage.name}: writes {inner}, which belongs to stage '{other.name}'"
            return
    if any(_holds(dep, inner) for dep in stage.deps) or _is_own(inner):
        yield f"{stage.name}: writes {inner}, which it reads; write to an output of its own"
    else:
        yield f"{stage.name}: writes {inner}; add `- {inner}` to its outs in dvc.yaml"


def _holds(path: str, inner: str) -> bool:
    return inner == path or inner.startswith(f"{path}/")


def _temporary_of(inner: str, stage: ResolvedStage) -> bool:
    """Whether a path is, or lies in, the temporary name of one of the stage's outputs."""
    parts = inner.split("/")
    for number, part in enumerate(parts):
        match = _TEMPORARY.match(part)
        if match and "/".join([*parts[:number], match["name"]]) in stage.outs:
            return True
    return False


def _is_own(inner: str) -> bool:
    return inner.split("/")[0] in _OWN


def _is_code(dep: str) -> bool:
    return dep.startswith("src/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_tools(path: Path, root: Path) -> bool:
    """Whether it belongs to the interpreter and its packages, or to this tool."""
    tops = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).parent)]
    tops += [
        entry
        for entry in sys.path
        if entry and not (Path(entry).is_relative_to(root) or root.is_relative_to(Path(entry)))
    ]
    return any(path.is_relative_to(top) for top in tops)


def _is_systems(path: Path, what: str) -> bool:
    """Whether it is the operating system's, a tool's setting in the home folder, or temporary."""
    temporary = {gettempdir(), os.path.realpath(gettempdir()), "/dev"}
    if what == "write":
        return any(path.is_relative_to(top) for top in temporary)
    home = Path.home()
    if path.is_relative_to(home):
        inner = path.relative_to(home).parts
        if inner and inner[0].startswith("."):
            return True
    return any(path.is_relative_to(top) for top in (*_SYSTEM, *temporary))
