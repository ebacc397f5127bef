"""`dvc.yaml`: what each stage declares, and what its script really imports."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.errors import QuickstackError
from quickstack.lineage.imports import module_closure
from quickstack.paths import PIPELINE, REQUIREMENTS
from quickstack.yaml_lines import LinedDocument


@dataclass(frozen=True)
class DeclaredStage:
    """A stage of `dvc.yaml`, and how its dependencies compare with its script.

    Attributes
    ----------
    undeclared
        Modules that the script imports and `deps` lacks.
    unused
        Modules in `deps` that the script does not import.
    """

    name: str
    script: Path
    modules: tuple[str, ...]
    others: tuple[str, ...]
    undeclared: tuple[str, ...]
    unused: tuple[str, ...]


def declared_stages(root: Path) -> list[DeclaredStage]:
    """Read `dvc.yaml` in `root` and compare each stage's `deps` with its imports.

    Raises
    ------
    QuickstackError
        Where a stage's command is not `python src/<script>.py`.
    """
    document = _document(root)
    return [_declared(root, name, stage) for name, stage in document.value["stages"].items()]


def undeclared_sentences(root: Path) -> list[str]:
    """Return one sentence for each dependency that is missing or superfluous; none is the goal."""
    sentences = []
    for stage in declared_stages(root):
        sentences += [f"{stage.name}: imports {path}; add it to deps" for path in stage.undeclared]
        sentences += [f"{stage.name}: {path} is not imported; remove it" for path in stage.unused]
        if REQUIREMENTS.as_posix() not in stage.others:
            sentences.append(f"{stage.name}: add {REQUIREMENTS} to deps")
    return sentences


def rewrite_deps(root: Path) -> bool:
    """Write each stage's modules into `dvc.yaml`; other lines stay as they are.

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
        place = ("stages", stage.name, "deps")
        deps: list[str] = document.value["stages"][stage.name].get("deps", [])
        numbers = [document.line((*place, i)) - 1 for i in range(len(deps))]
        managed = [n for n, dep in zip(numbers, deps, strict=True) if _is_module(dep)]
        first = min(numbers, default=document.line(place))
        for number in reversed(managed):
            del lines[number]
        lines[first:first] = [f"      - {module}" for module in stage.modules]
    changed = "\n".join(lines) + "\n"
    if changed == text:
        return False
    path.write_text(changed, encoding="utf-8", newline="\n")
    return True


def _document(root: Path) -> LinedDocument:
    return LinedDocument((root / PIPELINE).read_text(encoding="utf-8"))


def _declared(root: Path, name: str, stage: dict[str, Any]) -> DeclaredStage:
    words = shlex.split(stage["cmd"])
    if len(words) != 2 or words[0] != "python" or not (root / words[1]).is_file():
        raise QuickstackError(
            f"the command of stage '{name}' runs no script of this repository",
            where=str(PIPELINE),
            fix="write `cmd: python src/<script>.py`: an experiment then runs its own copy of it",
        )
    closure = module_closure(root / words[1])
    modules = tuple(path.relative_to(root).as_posix() for path in closure)
    deps = stage.get("deps", [])
    declared = {dep for dep in deps if _is_module(dep)}
    return DeclaredStage(
        name=name,
        script=Path(words[1]),
        modules=modules,
        others=tuple(dep for dep in deps if not _is_module(dep)),
        undeclared=tuple(m for m in modules if m not in declared),
        unused=tuple(sorted(declared - set(modules))),
    )


def _is_module(dep: str) -> bool:
    return dep.startswith("src/") and dep.endswith(".py")
