"""Which of the project's own modules a script imports, directly or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
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
    modules = _modules(root)
    found: set[Path] = set()
    looked_for: set[tuple[str, ...]] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            for parts in imported_names(path, root) - looked_for:
                looked_for.add(parts)
                waiting += _files(modules, parts)
    return sorted(found, key=lambda path: path.as_posix())


def imported_names(path: Path, root: Path) -> frozenset[tuple[str, ...]]:
    """Return the dotted names that a module may import, those of its own package resolved."""
    package = path.relative_to(root).parent.parts
    return _names(*version_of(path), package)


def running(path: Path) -> tuple[ast.AST, ...]:
    """Return the nodes of a module's syntax tree that name something.

    Those are imports, names, attributes, constants and binary operations, but for what only a type
    checker reads.
    """
    return _nodes(*version_of(path))


def version_of(path: Path) -> tuple[Path, int, int]:
    """Return a file with its time and size, by which what was read of it is remembered."""
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size


_NAMING = (ast.Import, ast.ImportFrom, ast.Attribute, ast.Name, ast.BinOp, ast.Constant)


@cache  # stages share most of their modules
def _nodes(path: Path, _changed: int, _size: int) -> tuple[ast.AST, ...]:
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"), filename=str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, _NAMING):
            nodes.append(node)
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                waiting.append(value)
    return tuple(nodes)


@cache
def _names(
    path: Path, changed: int, size: int, package: tuple[str, ...]
) -> frozenset[tuple[str, ...]]:
    names: set[tuple[str, ...]] = set()
    for node in _nodes(path, changed, size):
        if isinstance(node, ast.Import):
            names.update(tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            # `from package import name`: the name may be a module of its own.
            names.update([module, *((*module, alias.name) for alias in node.names)])
    return frozenset(names)


def _modules(root: Path) -> dict[tuple[str, ...], list[Path]]:
    """Return the files below a folder by the dotted name that runs them."""
    modules: dict[tuple[str, ...], list[Path]] = {}
    for path in root.rglob("*.py"):
        *packages, name = path.relative_to(root).with_suffix("").parts
        dotted = (*packages,) if name == "__init__" else (*packages, name)
        modules.setdefault(dotted, []).append(path)
    return modules


def _files(modules: Mapping[tuple[str, ...], list[Path]], parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files that importing a dotted name runs: its packages, and the module itself."""
    for depth in range(1, len(parts) + 1):
        yield from modules.get(parts[:depth], ())
