"""`dvc.yaml`: what each stage declares, and what its script really imports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import PIPELINE, REQUIREMENTS
from quickstack.facts.yaml_lines import LinedDocument
from quickstack.guard.verifying.imports import LIBRARY, module_closure, room
from quickstack.guard.verifying.named_files import covers, named


@dataclass(frozen=True)
class DeclaredStage:
    """A stage of `dvc.yaml`, and how what it declares compares with its code.

    Attributes
    ----------
    rooms
        The rooms in which the modules lie that the script imports, and the script itself.
    others
        What else `deps` holds.
    undeclared
        Rooms that `deps` lacks, and one of the modules there that the script imports.
    unused
        Rooms in `deps` of which the script imports nothing.
    files, idle
        Files that the code names and neither `deps` nor `outs` hold, and the reverse for `deps`.
    unread, needless
        Parameters that the code reads and `params` lacks, and the reverse.
    """

    name: str
    script: Path
    rooms: tuple[str, ...]
    others: tuple[str, ...]
    undeclared: Mapping[str, str]
    unused: tuple[str, ...]
    files: tuple[str, ...]
    idle: tuple[str, ...]
    unread: tuple[str, ...]
    needless: tuple[str, ...]


def declared_stages(root: Path) -> list[DeclaredStage]:
    """Read `dvc.yaml` in `root` and compare each stage's `deps` and `params` with its code.

    Raises
    ------
    QuickstackError
        Where a stage's command is not `python src/<script>.py`.
    """
    document = _document(root)
    stages: dict[str, dict[str, Any]] = document.value["stages"]
    scripts = {stage["cmd"].split()[-1] for stage in stages.values()}
    return [_declared(root, name, stage, scripts) for name, stage in stages.items()]


def undeclared_sentences(root: Path) -> list[str]:
    """Return one sentence for each dependency or parameter that is missing or superfluous."""
    sentences = []
    for stage in declared_stages(root):
        name = stage.name
        sentences += [
            f"{name}: imports {module}; add {'it' if module == room else room} to deps"
            for room, module in stage.undeclared.items()
        ]
        sentences += [f"{name}: imports nothing of {path}; remove it" for path in stage.unused]
        sentences += [f"{name}: names {path}; add it to deps or outs" for path in stage.files]
        sentences += [f"{name}: no code names {path}; remove it from deps" for path in stage.idle]
        sentences += [f"{name}: reads {key}; add it to params" for key in stage.unread]
        sentences += [
            f"{name}: does not read {key}; remove it from params" for key in stage.needless
        ]
        if REQUIREMENTS.as_posix() not in stage.others:
            sentences.append(f"{name}: add {REQUIREMENTS} to deps")
    return sentences


def rewrite_deps(root: Path) -> bool:
    """Write each stage's rooms, the lock of the environment and parameters into `dvc.yaml`.

    Other lines stay as they are, and so do other files: whether one is read or written, and by
    whom, is for people to say.

    Returns
    -------
    bool
        Whether something changed.
    """
    path = root / PIPELINE
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    document = LinedDocument(text)
    for stage in reversed(declared_stages(root)):
        value = document.value["stages"][stage.name]
        place = ("stages", stage.name)
        # From the end to the beginning: the numbers of the lines before stay.
        if stage.unread or stage.needless:
            _rewrite_params(lines, document, place, stage)
        deps: list[str] = value.get("deps", [])
        numbers = [document.line((*place, "deps", i)) - 1 for i in range(len(deps))]
        managed = [n for n, dep in zip(numbers, deps, strict=True) if _is_code(dep)]
        first = min(numbers, default=document.line((*place, "deps")))
        for number in reversed(managed):
            del lines[number]
        written = list(stage.rooms)
        if REQUIREMENTS.as_posix() not in stage.others:
            written.append(REQUIREMENTS.as_posix())
        lines[first:first] = [f"      - {path}" for path in written]
    changed = "\n".join(lines) + "\n"
    if changed == text:
        return False
    path.write_text(changed, encoding="utf-8", newline="\n")
    return True


def _rewrite_params(
    lines: list[str], document: LinedDocument, place: tuple[str, ...], stage: DeclaredStage
) -> None:
    declared: list[Any] = document.value["stages"][stage.name].get("params") or []
    added = [f"      - {key}" for key in stage.unread]
    if not declared:
        # Behind the last of the dependencies.
        last = len(document.value["stages"][stage.name]["deps"]) - 1
        number = document.line((*place, "deps", last))
        lines[number:number] = ["    params:", *added]
        return
    numbers = [document.line((*place, "params", i)) - 1 for i in range(len(declared))]
    lines[numbers[-1] + 1 : numbers[-1] + 1] = added
    gone = [n for n, key in zip(numbers, declared, strict=True) if key in stage.needless]
    for number in reversed(gone):
        del lines[number]
    if len(gone) == len(numbers) and not added:
        del lines[numbers[0] - 1]


def _document(root: Path) -> LinedDocument:
    return LinedDocument((root / PIPELINE).read_text(encoding="utf-8"))


def _declared(root: Path, name: str, stage: dict[str, Any], scripts: set[str]) -> DeclaredStage:
    words = shlex.split(stage["cmd"])
    if len(words) != 2 or words[0] != "python" or not (root / words[1]).is_file():
        raise QuickstackError(
            f"the command of stage '{name}' runs no script of this repository",
            where=str(PIPELINE),
            fix="write `cmd: python src/<script>.py`: an experiment then runs its own copy of it",
        )
    deps = stage.get("deps", [])
    declared = {dep for dep in deps if _is_code(dep)}
    others = tuple(dep for dep in deps if not _is_code(dep))
    plugins = [path for dep in others if _holds_modules(dep) for path in (root / dep).glob("*.py")]
    closure = module_closure(root / words[1], plugins)
    modules = [path.relative_to(root).as_posix() for path in closure]
    own = [module for module in modules if room(module) not in others]
    rooms = {room(module): module for module in reversed(own)}
    outs = [
        next(iter(entry)) if isinstance(entry, dict) else entry
        for kind in ("outs", "metrics", "plots")
        for entry in stage.get(kind) or ()
    ]
    # Of another stage's script its functions are imported, and its work is not done.
    working = [module for module in modules if module == words[1] or module not in scripts]
    found = named(root, Path(words[1]), working, (*others, *outs))
    held = (*rooms, *others, *outs)
    # A section by one of its keys alone: the stage reads the others too.
    keys = [key for key in stage.get("params") or () if isinstance(key, str)]
    return DeclaredStage(
        name=name,
        script=Path(words[1]),
        rooms=tuple(sorted(rooms)),
        others=others,
        undeclared={path: rooms[path] for path in sorted(rooms.keys() - declared)},
        unused=tuple(sorted(declared - rooms.keys())),
        files=tuple(p for p in found.paths if not any(covers(path, p) for path in held)),
        idle=tuple(
            dep
            for dep in others
            if dep != REQUIREMENTS.as_posix() and not any(covers(dep, p) for p in found.paths)
        ),
        unread=tuple(key for key in found.params if key not in keys),
        needless=tuple(key for key in keys if key not in found.params),
    )


def _is_code(dep: str) -> bool:
    """Whether imports say that a dependency is one: a module, or a room of the library."""
    return dep.startswith("src/") and (
        dep.endswith(".py") or PurePosixPath(dep).is_relative_to(LIBRARY)
    )


def _holds_modules(dep: str) -> bool:
    """Whether it is a folder beside the library, whose modules a stage imports by their names."""
    return dep.startswith("src/")
