"""What must hold in a project on disk: JSON by Microsoft's schemas, names that exist."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from exporting.powerbi.dax import parse, walk
from exporting.powerbi.tmdl_reader import Node, column_of, read_model
from helpers import ROOT, lack

_BASE = "https://developer.microsoft.com/json-schemas/"


def schema_mistakes(folder: Path) -> list[str]:
    """Validate every JSON file of a folder that Microsoft has a schema for."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in JSON_SUFFIXES)
    assert paths
    return [
        mistake
        for path in paths
        if "RegisteredResources" not in path.parts
        for mistake in file_mistakes(path, folder)
    ]


def file_mistakes(path: Path, folder: Path) -> list[str]:
    """Validate one JSON file by the schema that it names."""
    content = json.loads(path.read_text(encoding="utf-8"))
    where = path.relative_to(folder)
    if "$schema" not in content:
        return [f"{where} names no schema"]
    errors = _validator(content["$schema"]).iter_errors(content)
    return [f"{where}: {error.message}" for error in errors]


JSON_SUFFIXES = (".json", ".pbip", ".pbism", ".pbir")


@cache
def _validator(address: str) -> Any:
    from jsonschema import Draft7Validator

    return Draft7Validator({"$ref": address}, registry=_registry())


@cache
def _registry() -> Any:
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    folder = Path(
        os.environ.get("QUICKSTACK_POWERBI_SCHEMAS") or ROOT.parent / "shared/powerbi-schemas"
    )
    if not folder.exists():
        lack(f"Microsoft's schemas not found in {folder}; set QUICKSTACK_POWERBI_SCHEMAS")
    resources = []
    for path in folder.rglob("*.json"):
        resource = Resource.from_contents(json.loads(path.read_text("utf-8")), DRAFT7)
        address = _BASE + path.relative_to(folder).as_posix()
        resources += [(address, resource)]
    return Registry().with_resources(resources)


def model_of(project: Path, name: str) -> Node:
    return read_model(project / f"{name}.SemanticModel" / "definition")


def model_mistakes(model: Node) -> list[str]:
    """Look up every name in relationships and DAX, and the rules that TMDL itself does not hold."""
    found = []
    columns = {(t, c) for t, table in model.of("table").items() for c in table.of("column")}
    types = {
        (t, c): node.properties.get("dataType")
        for t, table in model.of("table").items()
        for c, node in table.of("column").items()
    }
    measures = [
        (m, node) for t in model.of("table").values() for m, node in t.of("measure").items()
    ]
    names = [name.casefold() for name, _ in measures]
    found += [f"two measures {name}" for name in set(names) if names.count(name) > 1]
    for link in model.of("relationship").values():
        ends = [column_of(link.properties[end]) for end in ("fromColumn", "toColumn")]
        found += [f"no column {end}" for end in ends if end not in columns]
        if len({types.get(end) for end in ends}) > 1:
            found.append(f"types differ: {ends}")
    for table, node in model.of("table").items():
        own = {name.casefold() for name in node.of("column")}
        found += [f"measure and column {m}" for m in node.of("measure") if m.casefold() in own]
        for where, text in _expressions(table, node):
            found += _dax_mistakes(where, text, model, columns, {m for m, _ in measures})
        for column in node.of("column").values():
            if bool(column.value) == ("sourceColumn" in column.properties):
                found.append(f"{table}[{column.name}] has no source, or two")
    return found


def _expressions(table: str, node: Node) -> Iterator[tuple[str, str]]:
    for kind in ("measure", "column"):
        for name, child in node.of(kind).items():
            if child.value:
                yield f"{table}[{name}]", child.value
    for partition in node.of("partition").values():
        if partition.value == "calculated":
            yield table, partition.properties["source"]


def _dax_mistakes(
    where: str, text: str, model: Node, columns: set[Any], measures: set[str]
) -> Iterator[str]:
    try:
        tree = parse(text)
    except ValueError as error:
        yield f"{where}: {error}"
        return
    made = {"Value"} | {f"@{name}" for name in re.findall(r'"@(\w+)"', text)}
    tables = {name.casefold() for name in model.of("table")}
    for part in walk(tree):
        if part[0] == "column" and (part[1], part[2]) not in columns:
            yield f"{where}: no column {part[1:]}"
        if part[0] == "table" and part[1] not in model.of("table"):
            yield f"{where}: no table {part[1]}"
        if (
            part[0] == "bracket"
            and part[1] not in measures
            and part[1].removeprefix("@") not in {name.removeprefix("@") for name in made}
        ):
            yield f"{where}: no measure {part[1]}"
        if part[0] == "var":
            yield from (
                f"{where}: a table is called {n}" for n, _ in part[1] if n.casefold() in tables
            )


def report_mistakes(project: Path, name: str) -> list[str]:
    """Look every field of the report up in the model; folders have the names they hold."""
    model, found = model_of(project, name), []
    definition = project / f"{name}.Report" / "definition"
    fields = {
        kind: {(t, c) for t, table in model.of("table").items() for c in table.of(kind.lower())}
        for kind in ("Column", "Measure")
    }
    pages = json.loads((definition / "pages/pages.json").read_text("utf-8"))["pageOrder"]
    if sorted(pages) != sorted(p.parent.name for p in definition.rglob("page.json")):
        found.append("pages.json and the folders differ")
    for path in sorted(definition.rglob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        if path.name in ("page.json", "visual.json") and content["name"] != path.parent.name:
            found.append(f"{path.parent.name}: another name inside")
        for kind, table, field in _references(content, {}):
            if (table, field) not in fields[kind]:
                found.append(f"{path.parent.name}: no {kind.lower()} {table}[{field}]")
    return found


def _references(value: Any, alias: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item, alias)
    if not isinstance(value, dict):
        return
    if "From" in value:
        alias = {entry["Name"]: entry["Entity"] for entry in value["From"]}
    for kind in ("Column", "Measure"):
        if kind in value:
            source = value[kind]["Expression"]["SourceRef"]
            table = source["Entity"] if "Entity" in source else alias[source["Source"]]
            yield kind, table, value[kind]["Property"]
    for item in value.values():
        yield from _references(item, alias)


def queries_of(model: Node) -> dict[str, str]:
    """Return the M of a model by table, and its parameter's."""
    found = {f"parameter {n}": e.value for n, e in model.of("expression").items()}
    for table, node in model.of("table").items():
        for partition in node.of("partition").values():
            if partition.value == "m":
                found[table] = partition.properties["source"]
    return found
