"""Which of the project's own modules a script imports, directly or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


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
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            for parts in imported_names(path, root):
                waiting += _files(root, parts)
    return sorted(found, key=lambda path: path.as_posix())


def imported_names(path: Path, root: Path) -> tuple[tuple[str, ...], ...]:
    """Return the dotted names that a module may import, those of its own package resolved."""
    package = path.relative_to(root).parent.parts
    return tuple(_names(running(path), package))


def running(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module's syntax tree but what only a type checker reads."""
    found = path.stat()
    return _nodes(path, found.st_mtime_ns, found.st_size)


@cache  # stages share most of their modules
def _nodes(path: Path, _changed: int, _size: int) -> tuple[ast.AST, ...]:
    return tuple(_running(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))))


def _names(nodes: tuple[ast.AST, ...], package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            yield module
            for alias in node.names:
                # `from package import name`: the name may be a module of its own.
                yield (*module, alias.name)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _running(node)


def _files(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files that importing a dotted name runs: its packages, and the module itself."""
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for candidate in (place / "__init__.py", place.with_suffix(".py")):
            if candidate.is_file():
                yield candidate
