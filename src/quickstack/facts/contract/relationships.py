"""Read the relationships of tables: which columns find their values in another table."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any, get_args

from quickstack.facts.contract.custom_properties import (
    RELATIONSHIP_PROPERTIES,
    Mistakes,
    choose,
    custom_values,
    place_of,
)
from quickstack.facts.contract.model import Column, Reference, Severity
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

Tables = dict[str, tuple[Column, ...]]


def read_references(
    schema: list[dict[str, Any]], tables: Tables, mistakes: Mistakes
) -> list[tuple[Reference, ...]]:
    """Read the references of each table.

    Parameters
    ----------
    schema
        The tables as they are written; the first is the one that is learned from.
    tables
        The columns of each, by its name.
    mistakes
        Collects what names no table or column, joins columns of different types, points to the
        first table, or goes round in a circle.

    Returns
    -------
    list of tuple of Reference
        One tuple per table, in the order of `schema`.
    """
    found = []
    for index, table in enumerate(schema):
        name = str(table.get("name"))
        path: Path = ("schema", index)
        references = []
        for position, entry in enumerate(table.get("properties") or []):
            here = (*path, "properties", position)
            own = [(name, str(entry.get("name")))]
            for number, relationship in enumerate(entry.get("relationships") or []):
                at = (*here, "relationships", number)
                references.append(_reference(relationship, own, at, tables, mistakes))
        for number, relationship in enumerate(table.get("relationships") or []):
            place = (*path, "relationships", number)
            own = _resolve(relationship.get("from"), (*place, "from"), tables, mistakes)
            if any(owner != name for owner, _ in own):
                mistakes.add((*place, "from"), f"`from` must name columns of '{name}' itself")
                own = []
            references.append(_reference(relationship, own, place, tables, mistakes))
        found.append(tuple(r for r in references if r is not None))
    first = str(schema[0].get("name")) if schema else ""
    _check_order(found, list(tables), first, mistakes)
    return found


def _reference(
    relationship: dict[str, Any],
    own: list[tuple[str, str]],
    place: Path,
    tables: Tables,
    mistakes: Mistakes,
) -> Reference | None:
    custom = custom_values(relationship, place, RELATIONSHIP_PROPERTIES, mistakes)
    severity = custom.get("severity", "error")
    there = place_of(relationship, place, "severity")
    choose(severity, get_args(Severity), "severity", there, mistakes)
    other = _resolve(relationship.get("to"), (*place, "to"), tables, mistakes)
    if not own or not other:
        return None
    if len({table for table, _ in other}) > 1:
        mistakes.add((*place, "to"), "`to` must name columns of one table")
        return None
    if len(own) != len(other):
        sentence = f"{len(own)} columns refer to {len(other)}; name as many in `to` as in `from`"
        mistakes.add((*place, "to"), sentence)
        return None
    for from_, to in zip(own, other, strict=True):
        one, two = _column(from_, tables), _column(to, tables)
        if one is not None and two is not None and one.type != two.type:
            mistakes.add(
                (*place, "to"),
                f"'{'.'.join(from_)}' is of type {one.type}, and '{'.'.join(to)}' of type "
                f"{two.type}; give them one logicalType",
            )
    columns = tuple(column for _, column in own)
    if len(set(columns)) < len(columns):
        mistakes.add((*place, "from"), "a column stands in `from` twice")
    return Reference(columns, other[0][0], tuple(column for _, column in other), severity)


def _resolve(
    written: Any, place: Path, tables: Tables, mistakes: Mistakes
) -> list[tuple[str, str]]:
    """Return (table, column) of each name; nothing where one of them is wrong."""
    found = []
    listed = written if isinstance(written, list) else [written]
    for index, text in enumerate(listed):
        here = (*place, index) if isinstance(written, list) else place
        table, _, column = str(text).partition(".")
        if "/" in str(text) or not column:
            mistakes.add(here, f"'{text}' must be a table and a column, such as planes.tailnum")
        elif table not in tables:
            hint = closest(table, list(tables)) or f"; known: {', '.join(tables)}"
            mistakes.add(here, f"'{table}' is not a table of this contract{hint}")
        elif _column((table, column), tables) is None:
            hint = closest(column, [c.name for c in tables[table]])
            mistakes.add(here, f"table '{table}' has no column '{column}'{hint}")
        else:
            found.append((table, column))
    return found if len(found) == len(listed) else []


def _column(place: tuple[str, str], tables: Tables) -> Column | None:
    table, name = place
    return next((column for column in tables[table] if column.name == name), None)


def _check_order(
    found: list[tuple[Reference, ...]], names: list[str], first: str, mistakes: Mistakes
) -> None:
    """See that each table can be checked after those that it refers to."""
    graph = {}
    for index, (name, references) in enumerate(zip(names, found, strict=False)):
        graph[name] = {reference.table for reference in references}
        if first in graph[name]:
            mistakes.add(
                ("schema", index),
                f"'{name}' refers to '{first}', the table that is learned from; references point "
                "to the further tables",
            )
            graph[name].discard(first)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        mistakes.add(("schema",), f"references go round in a circle: {circle}")
