"""Which of the project's own modules a script imports, directly or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from quickstack.guard.verifying.syntax import Syntax, syntax

#: A module by the names that its dots part.
Dotted = tuple[str, ...]


def module_closure(script: Path) -> list[Path]:
    """Return the script and every project module that running it can import.

    Parameters
    ----------
    script
        A file whose folder is the root of the project's modules, as `python src/train.py` sees it.

    Returns
    -------
    list of Path
        Sorted, beginning with the script's own folder as given. Imports inside functions count,
        those under `if TYPE_CHECKING:` do not, since they never run.
    """
    root = script.parent
    modules = _modules(root)
    found: set[Path] = set()
    looked_for: set[Dotted] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = set(_imported(syntax(path), path.relative_to(root).parent.parts)) - looked_for
            looked_for |= names
            for name in names:
                waiting += _files(modules, name)
    return sorted(found, key=lambda path: path.as_posix())


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
