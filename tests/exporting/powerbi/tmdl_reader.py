"""A strict reader of the TMDL that the project is written in: what it does not know is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

CHILDREN = {
    "": {"database", "model", "expression", "relationship", "table", "annotation", "ref"},
    "table": {"column", "measure", "partition", "annotation"},
    "column": {"annotation", "extendedProperty"},
    "expression": {"annotation"},
}
PROPERTIES = {
    "database": {"compatibilityLevel"},
    "model": {"culture", "defaultPowerBIDataSourceVersion", "discourageImplicitMeasures",
              "sourceQueryCulture"},
    "expression": {"lineageTag"},
    "relationship": {"fromColumn", "toColumn"},
    "table": {"lineageTag"},
    "column": {"dataType", "isHidden", "isKey", "formatString", "displayFolder", "lineageTag",
               "summarizeBy", "sourceColumn"},
    "measure": {"formatString", "displayFolder", "lineageTag"},
    "partition": {"mode", "source"},
}  # fmt: skip
FLAGS = {"isHidden", "isKey", "discourageImplicitMeasures"}
VALUES = {
    "dataType": {"string", "int64", "double", "boolean", "dateTime"},
    "summarizeBy": {"none"},
    "mode": {"import"},
}
EXPRESSIONS = {"source", "measure", "extendedProperty"}
NAME = r"(?:'(?:[^']|'')+'|[A-Za-z_]\w*)"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass
class Node:
    kind: str
    name: str
    value: str = ""
    description: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Node]:
        found = [child for child in self.children if child.kind == kind]
        names = [child.name.casefold() for child in found]
        assert len(set(names)) == len(names), f"two {kind}s of one name in {self.name}"
        return {child.name: child for child in found}


def read_model(definition: Path) -> Node:
    """Read all files of `definition/` as one tree; AssertionError where they are no TMDL."""
    root = Node("", "")
    for path in sorted(definition.rglob("*.tmdl")):
        data = path.read_bytes()
        assert not data.startswith(b"\xef\xbb\xbf"), f"{path.name}: byte order mark"
        assert b"\r" not in data, f"{path.name}: carriage return"
        root.children += read_tmdl(data.decode(), path.name).children
    tables, refs = root.of("table"), root.of("ref")
    assert set(tables) == set(refs), "tables and their refs differ"
    assert set(root.of("database")) == {""}
    assert set(root.of("model")) == {"Model"}
    return root


def read_tmdl(text: str, where: str = "") -> Node:
    root, lines = Node("", ""), text.split("\n")
    stack, description, at = [root], "", 0
    while at < len(lines):
        line, here = lines[at], f"{where}:{at + 1}"
        at += 1
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip("\t"))
        content = line[depth:]
        assert not content.startswith(" "), f"{here}: indented by blanks"
        assert content == content.rstrip(), f"{here}: blanks at the end"
        if content.startswith("///"):
            assert content.startswith("/// "), f"{here}: empty description"
            description += content[4:]
            continue
        assert depth < len(stack), f"{here}: too deep"
        del stack[depth + 1 :]
        block: list[str] = []
        if content.endswith(" ="):
            while at < len(lines) and lines[at].startswith("\t" * (depth + 2)):
                block.append(lines[at][depth + 2 :])
                at += 1
            assert block, f"{here}: an expression is missing"
        node = _declaration(stack[-1], content, "\n".join(block), here)
        if node is None:
            assert not description, f"{here}: a description above a property"
            _property(stack[-1], content, "\n".join(block), here)
            continue
        node.description, description = description, ""
        stack[-1].children.append(node)
        stack.append(node)
    assert not description, f"{where}: a description of nothing"
    return root


def _declaration(parent: Node, content: str, block: str, here: str) -> Node | None:
    kind = content.split(" ")[0]
    if kind not in CHILDREN.get(parent.kind, set()):
        return None
    if kind == "database":
        assert content == kind, f"{here}: the database has a name"
        return Node(kind, "")
    if kind == "ref":
        content, found = content.removeprefix("ref "), re.fullmatch(f"ref table ({NAME})", content)
        assert found, f"{here}: no ref of a table"
        return Node(kind, plain(found[1]))
    name = UUID if kind == "relationship" else NAME
    found = re.fullmatch(rf"{kind} ({name})(?: =(?: (.+))?)?", content)
    assert found, f"{here}: no {kind} with a name"
    value = block or found[2] or ""
    if kind in ("measure", "expression", "annotation", "extendedProperty", "partition"):
        assert value, f"{here}: {kind} without a value"
    if kind == "partition":
        assert value in ("m", "calculated"), f"{here}: unknown partition"
    return Node(kind, plain(found[1]), value)


def _property(parent: Node, content: str, block: str, here: str) -> None:
    name, colon, value = content.partition(": ")
    if not colon:
        name, value = (content.removesuffix(" ="), block) if block else (content, "true")
        known = EXPRESSIONS if block else FLAGS
        assert name in known, f"{here}: '{content}' is no property"
    assert name in PROPERTIES.get(parent.kind, set()), f"{here}: {parent.kind} has no '{name}'"
    assert name not in parent.properties, f"{here}: '{name}' stands twice"
    assert value == value.strip("\n") != "", f"{here}: '{name}' is empty"
    if name in VALUES:
        assert value in VALUES[name], f"{here}: {name} cannot be '{value}'"
    if name == "lineageTag":
        assert re.fullmatch(UUID, value), f"{here}: no UUID"
    if value.startswith('"') and not block:
        assert re.fullmatch(r'"(?:[^"]|"")*"', value), f"{here}: a quote is open"
        value = value[1:-1].replace('""', '"')
    parent.properties[name] = value


def plain(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


def column_of(reference: str) -> tuple[str, str]:
    """Read `'A table'.Column`."""
    found = re.fullmatch(rf"({NAME})\.({NAME})", reference)
    assert found, f"no column: {reference}"
    return plain(found[1]), plain(found[2])
