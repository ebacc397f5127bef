"""Read the further tables of a contract, each as a contract without a task."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from quickstack.facts.contract.columns import read_columns
from quickstack.facts.contract.custom_properties import Mistakes
from quickstack.facts.contract.model import Contract, Source, Split
from quickstack.facts.contract.quality import read_table_quality
from quickstack.facts.contract.relationships import read_references
from quickstack.facts.contract.source import overlap, read_table_path, read_table_source
from quickstack.facts.yaml_lines import Path


def read_tables(
    document: dict[str, Any], server: Source, mistakes: Mistakes
) -> tuple[Contract, ...]:
    """Read every `schema` object.

    Parameters
    ----------
    document
        The contract.
    server
        What the server named `raw` says.
    mistakes
        Collects what is wrong.

    Returns
    -------
    tuple of Contract
        One per table, in the contract's order, with a neutral task and `id` the table's name;
        the first one is read from the server's own path, each other one from its `physicalName`.
    """
    schema = document.get("schema") or []
    if not schema:
        mistakes.add(("schema",), "`schema` needs a table; it is empty")
    dataset = str(document["id"])
    _check_names(schema, dataset, mistakes)
    columns = [read_columns(t, ("schema", i), mistakes) for i, t in enumerate(schema)]
    by_name = {str(t.get("name")): c for t, c in zip(schema, columns, strict=True)}
    references = read_references(schema, by_name, mistakes)
    read: list[Contract] = []
    for index, table in enumerate(schema):
        here: Path = ("schema", index)
        source = read_table_source(table, here, server, mistakes)
        named = table.get("physicalName")
        if not index and named not in (None, server.path):
            mistakes.add(
                (*here, "physicalName"),
                "the first table is read from the path of the server `raw`; leave physicalName out",
            )
        if index:
            path = read_table_path(table, here, dataset, mistakes)
            source = replace(source, path=path)
            _check_overlap(source, read, (*here, "physicalName"), mistakes)
        names = tuple(column.name for column in columns[index])
        read.append(
            Contract(
                id=str(table.get("name")),
                name=str(table.get("businessName") or table.get("name")),
                version=str(document["version"]),
                description=" ".join(str(table.get("description") or "").split()),
                grain=str(
                    table.get("dataGranularityDescription") or table.get("description") or ""
                ),
                source=source,
                columns=columns[index],
                task="regression",
                target="",
                split=Split(),
                quality=read_table_quality(table, here, names, mistakes),
                references=references[index],
            )
        )
    return tuple(read)


def _check_names(schema: list[dict[str, Any]], dataset: str, mistakes: Mistakes) -> None:
    """See that each further table has a name that a file may have, and no other table has."""
    seen: set[str] = set()
    for index, table in enumerate(schema):
        name, place = str(table.get("name")), ("schema", index, "name")
        if name.casefold() in seen:
            mistakes.add(
                place, f"a table '{name}' stands here twice (names differ at most in case)"
            )
        seen.add(name.casefold())
        if index and name.casefold() == dataset.casefold():
            mistakes.add(place, f"a further table cannot be named '{name}' as the data set is")
        if index and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
            mistakes.add(place, "the name of a further table needs letters, digits, _ and - only")


def _check_overlap(source: Source, others: list[Contract], place: Path, mistakes: Mistakes) -> None:
    for other in others:
        if source.path and other.source.path and overlap(source.path, other.source.path):
            mistakes.add(
                place,
                f"the table '{other.id}' reads the same file; give each table its own",
            )
