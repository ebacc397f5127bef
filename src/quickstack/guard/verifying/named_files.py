"""Which files and parameters the code of a stage names, as its syntax tree says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from quickstack.facts import params as parameters
from quickstack.facts import paths
from quickstack.guard.verifying.syntax import Syntax, syntax

#: What every stage may read: parameters by section, and what DVC keeps.
_GENERAL = {paths.PARAMS, paths.PIPELINE, paths.REQUIREMENTS, paths.CONTRACTS}
_PATHS = {
    name: value
    for name, value in vars(paths).items()
    # The dot: what is for this machine alone is no part of the pipeline.
    if isinstance(value, Path) and value not in _GENERAL and value.parts[0][0] != "."
}
_SECTIONS = parameters.SECTION_OF_CLASS
#: No output depends on where the work runs, so no stage declares it.
EXEMPT = "compute"
CONTRACT = f"{paths.CONTRACTS.as_posix()}/${{dataset}}.odcs.yaml"
_RAW_DATA = f"{paths.RAW.as_posix()}/${{dataset}}"
#: The room that reads the source, whose place the contract names.
_READERS = "src/quickstack/data/readers/"
#: The module that gives places their names, and reads none.
_PLACES = "src/quickstack/facts/paths.py"


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


def named(root: Path, script: Path, modules: Collection[str], declared: Iterable[str]) -> Named:
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
    sections = set(_sections(syntax(root / script)))
    places: set[str] = set()
    for module in modules:
        found = syntax(root / module)
        places.update(_places(found, PurePosixPath(module).parent))
        if module != _PLACES:
            texts = found.texts & known | _files(root, found.texts)
            places.update(PurePosixPath(text).as_posix() for text in texts)
    if "dataset" in sections:
        places.add(CONTRACT)
    if any(module.startswith(_READERS) for module in modules):
        places.add(_RAW_DATA)
    return Named(tuple(sorted(sections)), tuple(sorted(places)))


def covers(declared: str, place: str) -> bool:
    """Whether a path of `dvc.yaml` is that place, lies in it or holds it."""
    one, other = PurePosixPath(declared), PurePosixPath(place)
    return one == other or one in other.parents or other in one.parents


def _sections(found: Syntax) -> Iterator[str]:
    if found.attributes & {("stage", "contract"), ("stage", "dataset")}:
        yield "dataset"
    for name in found.names | {name for _, name in found.attributes}:
        if _SECTIONS.get(name, EXEMPT) != EXEMPT:
            yield _SECTIONS[name]


def _places(found: Syntax, folder: PurePosixPath) -> Iterator[str]:
    names = {name for owner, name in found.attributes if owner == "paths"}
    names |= {name for _, module, name in found.imports if module == paths.__name__}
    yield from (_PATHS[name].as_posix() for name in names if name in _PATHS)
    yield from ((folder / name).as_posix() for name in found.beside)


def _files(root: Path, texts: Iterable[str]) -> set[str]:
    """Return the texts that are the path of a file."""
    return {
        text
        for text in texts
        # The dot: `.dvc/config` and the like are tools' own.
        if "/" in text
        and len(text) < 200
        and text[0] not in "./"
        and "\n" not in text
        and (root / text).is_file()
    }
