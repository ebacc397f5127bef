"""What a module's syntax tree mentions, but for what only a type checker reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Syntax:
    """What a module mentions.

    Attributes
    ----------
    imports
        `import a.b` as (0, "a.b", ""), `from ..a import b` as (2, "a", "b").
    attributes
        `a.b` as ("a", "b").
    names
        Every other name.
    texts
        Every text.
    beside
        What stands behind `Path(__file__).parent /`.
    empty
        Whether it holds a docstring at most, so that importing it runs nothing.
    """

    imports: frozenset[tuple[int, str, str]]
    attributes: frozenset[tuple[str, str]]
    names: frozenset[str]
    texts: frozenset[str]
    beside: frozenset[str]
    empty: bool


def syntax(path: Path) -> Syntax:
    """Read a module; a file that did not change is read once."""
    found = path.stat()
    return _syntax(path, found.st_mtime_ns, found.st_size)


@cache  # stages share most of their modules
def _syntax(path: Path, _changed: int, _size: int) -> Syntax:
    imports: set[tuple[int, str, str]] = set()
    attributes: set[tuple[str, str]] = set()
    names: set[str] = set()
    texts: set[str] = set()
    beside: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in _running(tree):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Constant(value=str(text)):
                texts.add(text)
            case ast.Attribute(value=ast.Name(id=owner)):
                attributes.add((owner, node.attr))
            case ast.Import():
                imports.update((0, alias.name, "") for alias in node.names)
            case ast.ImportFrom():
                module = node.module or ""
                imports.update((node.level, module, alias.name) for alias in node.names)
            case ast.BinOp(op=ast.Div(), right=ast.Constant(value=name)):
                if ast.unparse(node.left) == "Path(__file__).parent":
                    beside.add(str(name))
    # Strings alone are kept: a tree of nodes is large, and slow to take apart.
    empty = len(tree.body) == (ast.get_docstring(tree) is not None)
    return Syntax(
        frozenset(imports),
        frozenset(attributes),
        frozenset(names),
        frozenset(texts),
        frozenset(beside),
        empty,
    )


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out what only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                waiting.append(value)
