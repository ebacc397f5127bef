"""Which of the project's own modules a script imports, and in which rooms they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from quickstack.guard.verifying.syntax import Syntax, syntax

#: A module by the names that its dots part.
Dotted = tuple[str, ...]


#: The library, and its group on all of which every stage stands.
LIBRARY, WHOLE_GROUP = PurePosixPath("src/quickstack"), PurePosixPath("src/quickstack/facts")


def module_closure(script: Path, plugins: Iterable[Path] = ()) -> list[Path]:
    """Return the script and every project module that running it can import.

    Parameters
    ----------
    script
        A file whose folder is the root of the project's modules, as `python src/train.py` sees it.
    plugins
        Modules below that folder that the script imports by names that only running it knows.

    Returns
    -------
    list of Path
        Sorted, beginning with the script's own folder as given. Imports inside functions count,
        those under `if TYPE_CHECKING:` do not, since they never run. Nor does an `__init__.py`
        that holds a docstring alone.
    """
    root = script.parent
    modules = _modules(root)
    found: set[Path] = set()
    looked_for: set[Dotted] = set()
    waiting = [script, *plugins]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = set(_imported(syntax(path), path.relative_to(root).parent.parts)) - looked_for
            looked_for |= names
            for name in names:
                waiting += _files(modules, name)
    kept = (path for path in found if path.name != "__init__.py" or not syntax(path).empty)
    return sorted(kept, key=lambda path: path.as_posix())


def room(module: str) -> str:
    """Return what a stage declares in order to import a module.

    Parameters
    ----------
    module
        A file below `src`, relative to the root of the repository.

    Returns
    -------
    str
        The room `src/quickstack/<group>/<room>`; the group of facts as a whole; another folder of
        `src`; or the module itself where it lies in none of them.
    """
    path = PurePosixPath(module)
    if path.is_relative_to(WHOLE_GROUP):
        return WHOLE_GROUP.as_posix()
    depth = 4 if path.is_relative_to(LIBRARY) else 2
    return "/".join(path.parts[:depth])


def _imported(found: Syntax, package: Dotted) -> Iterator[Dotted]:
    """Yield the dotted names that a module of a package may import."""
    for level, module, name in found.imports:
        base = package[: len(package) - level + 1] if level else ()
        dotted = (*base, *(module.split(".") if module else ()))
        yield dotted
        if name:
            # `from package import name`: the name may be a module of its own.
            yield (*dotted, name)


def _modules(root: Path) -> dict[Dotted, list[Path]]:
    """Return the files below a folder by the dotted name that runs them."""
    modules: dict[Dotted, list[Path]] = {}
    for path in root.rglob("*.py"):
        *packages, name = path.relative_to(root).with_suffix("").parts
        dotted = (*packages,) if name == "__init__" else (*packages, name)
        modules.setdefault(dotted, []).append(path)
    return modules


def _files(modules: Mapping[Dotted, list[Path]], name: Dotted) -> Iterator[Path]:
    """Yield the files that importing a dotted name runs: its packages, and the module itself."""
    for depth in range(1, len(name) + 1):
        yield from modules.get(name[:depth], ())
