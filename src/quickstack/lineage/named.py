"""Which files and parameters the code of a stage names, as its syntax tree says."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from quickstack import params as parameters
from quickstack import paths
from quickstack.lineage.imports import running, version_of

#: What every stage may read: parameters by section, and what DVC keeps.
_GENERAL = {paths.PARAMS, paths.PIPELINE, paths.REQUIREMENTS, paths.CONTRACTS}
_PATHS = {
    name: value
    for name, value in vars(paths).items()
    if isinstance(value, Path) and value not in _GENERAL
}
_SECTIONS = {kind.__name__: name for name, kind in parameters.SECTIONS.items()}
#: No output depends on where the work runs, so no stage declares it.
EXEMPT = "compute"
CONTRACT = f"{paths.CONTRACTS.as_posix()}/${{dataset}}.odcs.yaml"
_RAW_DATA = f"{paths.RAW.as_posix()}/${{dataset}}"
#: The module that reads the source, whose place the contract names.
_RAW_READER = "src/quickstack/sources/raw.py"
#: It gives places their names, and reads none.
_VOCABULARY = "src/quickstack/paths.py"


@dataclass(frozen=True)
class Named:
    """What a stage's code names.

    Attributes
    ----------
    params
        Sections of `params.yaml`, and `dataset` where the contract is read.
    paths
        Places of `paths.py`, data that the contract names, files beside a module, and other files
        of the repository that a text names.
    """

    params: tuple[str, ...]
    paths: tuple[str, ...]


def named(root: Path, script: Path, modules: Iterable[str], declared: Iterable[str]) -> Named:
    """Read the syntax trees of a stage's script and of the modules that it imports.

    Parameters
    ----------
    root
        Root of the repository.
    script
        The stage's script, relative to it.
    modules
        The script and its modules, relative to it.
    declared
        The paths that the stage declares: they count as named also where the file is not here.
    """
    known = frozenset(declared)
    sections: set[str] = set()
    places: set[str] = set()
    for node in running(root / script):
        sections.update(_sections(node))
    for module in modules:
        found = _mentions(*version_of(root / module), module)
        places.update(found.places)
        if module != _VOCABULARY:
            files = {text for text in found.paths if (root / text).is_file()}
            places.update(PurePosixPath(text).as_posix() for text in files | found.texts & known)
    if "dataset" in sections:
        places.add(CONTRACT)
    if _RAW_READER in modules:
        places.add(_RAW_DATA)
    return Named(tuple(sorted(sections)), tuple(sorted(places)))


def covers(declared: str, place: str) -> bool:
    """Whether a path of `dvc.yaml` is that place, lies in it or holds it."""
    one, other = PurePosixPath(declared), PurePosixPath(place)
    return one == other or one in other.parents or other in one.parents


def _sections(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id == "stage" and node.attr in ("contract", "dataset"):
            yield "dataset"
        if node.attr in _SECTIONS and _SECTIONS[node.attr] != EXEMPT:
            yield _SECTIONS[node.attr]
    elif isinstance(node, ast.Name) and _SECTIONS.get(node.id, EXEMPT) != EXEMPT:
        yield _SECTIONS[node.id]


@dataclass(frozen=True)
class _Mentions:
    """What a module mentions: places by their names, every text, and those that look like paths."""

    places: frozenset[str]
    texts: frozenset[str]
    paths: frozenset[str]


@cache  # stages share most of their modules
def _mentions(path: Path, _changed: int, _size: int, module: str) -> _Mentions:
    nodes = running(path)
    texts = frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return _Mentions(
        frozenset(place for node in nodes for place in _places(module, node)),
        texts,
        # The dot: `.dvc/config` and the like are tools' own.
        frozenset(
            text
            for text in texts
            if "/" in text and len(text) < 200 and text[0] not in "./" and "\n" not in text
        ),
    )


def _places(module: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id == "paths" and node.attr in _PATHS:
            yield _PATHS[node.attr].as_posix()
    elif isinstance(node, ast.ImportFrom) and node.module == paths.__name__:
        yield from (_PATHS[a.name].as_posix() for a in node.names if a.name in _PATHS)
    elif (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and isinstance(node.right, ast.Constant)
        and ast.unparse(node.left) == "Path(__file__).parent"
    ):
        yield (PurePosixPath(module).parent / str(node.right.value)).as_posix()
