"""The structure of the library: groups, rooms, and what may import what."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest

from helpers import ROOT

LIBRARY = ROOT / "src" / "quickstack"
#: A module imports its own room, the rooms before it in its group, and the groups before.
GROUPS = {
    "facts": ("errors", "notices", "yaml_lines", "paths", "files", "formats", "params", "contract"),
    "runtime": ("compute", "running", "stores", "storage", "repository"),
    "data": (
        "interim", "sample", "readers", "unpacking", "landing", "quality", "privacy", "ingesting",
        "onboarding",
    ),
    "models": ("modeling", "evaluation", "monitoring", "tuning"),
    "guard": ("scanning", "erasing", "verifying"),
    "results": ("exporting", "comparing", "publishing", "history"),
    "cli": (),
}  # fmt: skip
#: `__init__` files that hold more than a docstring, and why.
RUNNING = {
    "__init__.py": "says in a sentence that the environment is missing, before anything imports it",
    "facts/contract/__init__.py": "gives the names that the other rooms use of the contract",
}
MODULES = {
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}


@cache
def trees() -> dict[str, ast.Module]:
    """Parse every module; not on importing this file, which each of the workers does."""
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported(name: str) -> set[str]:
    """Return the modules of the library that a module imports, those for types included."""
    found = set()
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: write the whole name of what is imported"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {str(node.module)}
    return found & MODULES.keys() - {name}


@cache
def imports() -> dict[str, set[str]]:
    """Return what each module imports of the library."""
    return {name: imported(name) for name in MODULES}


def rank(name: str) -> tuple[int, int]:
    """Return the place of a module's group, and of its room within it; (-1, 0) of the library."""
    if name == "quickstack":
        return -1, 0
    _, group, *inner = name.split(".")
    rooms = GROUPS[group]
    return list(GROUPS).index(group), rooms.index(inner[0]) if rooms and inner else 0


def test_every_folder_is_a_room_of_the_plan():
    folders = {
        path.relative_to(LIBRARY).as_posix()
        for depth in ("*/", "*/*/")
        for path in LIBRARY.glob(depth)
        if any(path.rglob("*.py"))
    }
    # Of the facts, which are declared as a whole, small rooms are modules.
    facts = {f"facts/{room}" for room in GROUPS["facts"] if (LIBRARY / "facts" / room).is_dir()}
    rooms = {f"{group}/{room}" for group in GROUPS for room in GROUPS[group] if group != "facts"}
    assert folders == {*GROUPS, *facts, *rooms}


def test_imports_point_downwards():
    upwards = [
        f"{name} imports {other}"
        for name, others in imports().items()
        for other in sorted(others)
        if rank(other) > rank(name)
    ]
    assert upwards == []


def circles(imports: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Return circles of modules, without those that break where another one does."""
    graph = {name: set(others) for name, others in imports.items()}
    found = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1][::-1]
            found.append(tuple(sorted(name.removeprefix("quickstack.") for name in circle[1:])))
            for name, other in pairwise(circle):
                graph[name].discard(other)
        else:
            return found


def test_no_modules_import_each_other():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]
    assert circles(imports()) == []


def twice(names: list[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def test_a_file_name_stands_once():
    assert twice([path.name for path in MODULES.values() if path.name != "__init__.py"]) == set()


def test_a_class_name_stands_once():
    classes = [
        node.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    assert twice(classes) == set()


@pytest.mark.parametrize(
    "name", [path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("__init__.py")]
)
def test_a_package_says_what_it_is_and_runs_nothing(name):
    tree = ast.parse((LIBRARY / name).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert (len(tree.body) > 1) == (name in RUNNING)


def test_arguments_are_written_out():
    literal = (ast.Tuple, ast.List)
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Starred) and isinstance(argument.value, literal)
    }
    assert found == set()
