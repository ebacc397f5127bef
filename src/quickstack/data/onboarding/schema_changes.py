"""What changed in files since their contract was written, and how many rows that meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quickstack.data.ingesting.check import row_digests
from quickstack.data.onboarding.describing import describe, missing_marks, number_style
from quickstack.data.onboarding.layout import TableLayout, text_contract
from quickstack.data.onboarding.reading import read_all, typed
from quickstack.data.quality.row_checks import check_column
from quickstack.data.readers.blocks import Block
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Contract

Effect = Literal["compatible", "loosening", "breaking"]
#: Settings of the source that say how a file is laid out.
_DIALECT = ("format", "delimiter", "encoding", "header", "skip_lines", "quote")
#: A column of the first type may become the second, and keep all its values.
_WIDER = {("integer", "number"), ("date", "timestamp")}


@dataclass(frozen=True)
class SchemaChange:
    """One difference between files and their contract.

    Attributes
    ----------
    effect
        `compatible`: what reads the table today still does, `loosening`: it meets values that the
        contract forbids, `breaking`: it no longer can.
    rows
        That the difference meets; all where it is of the whole table.
    """

    effect: Effect
    what: str
    rows: int

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.effect:<10}  {self.what} ({self.rows:,} row{'s' * (self.rows != 1)})"


def find_changes(layout: TableLayout, contract: Contract) -> list[SchemaChange]:
    """Compare files with their contract; nothing where they are as it says.

    Raises
    ------
    SourceError, DataError
        Where the files cannot be read.
    """
    there = {c.name for c in contract.source_columns}
    both = [c for c in contract.columns if not c.parts and c.name in layout.names]
    kept = {c.name for c in both}
    parts = [c for c in contract.columns if c.parts and kept >= {name for name, _ in c.parts}]
    contract = replace(contract, columns=(*both, *parts))
    broken: Counter[tuple[str, str]] = Counter()
    rows, keys = 0, list[np.ndarray]()
    for partition in layout.partitions:
        for block in read_blocks(partition, text_contract(layout)):
            rows += block.table.num_rows
            if block.table.num_rows:
                keys += _check(block, contract, broken)
    found = list(_of_columns(layout, there, rows))
    found += [
        SchemaChange("breaking", f"the files' {name} is no longer the contract's", rows)
        for name in _DIALECT
        if getattr(layout.source, name) != getattr(contract.source, name)
        and not (name == "quote" and layout.source.quote == '"')
    ]
    if keys:
        together = np.concatenate(keys)
        if repeated := len(together) - len(np.unique(together)):
            broken[", ".join(contract.key), "unique"] += repeated
    types = _new_types(layout) if any(rule == "type" for _, rule in broken) else {}
    for (name, rule), count in sorted(broken.items()):
        found.append(_of_rule(name, rule, count, contract, types))
    order = ("breaking", "loosening", "compatible")
    return sorted(found, key=lambda change: order.index(change.effect))


def _of_columns(layout: TableLayout, there: set[str], rows: int) -> Iterator[SchemaChange]:
    for name in sorted(there - set(layout.names)):
        yield SchemaChange("breaking", f"column {name} is gone", rows)
    for name in layout.names:
        if name not in there:
            yield SchemaChange("compatible", f"column {name} is new: describe it", rows)


def _check(block: Block, contract: Contract, broken: Counter[tuple[str, str]]) -> list[np.ndarray]:
    """Count the rows that break a rule; return the digests of their keys."""
    columns, problems = typed(block.table, contract, block.iso)
    for column in contract.columns:
        for one in check_column(column, columns[column.name], problems[column.name]):
            broken[column.name, one.rule] += len(one.rows)
    if not contract.key or any(name not in columns for name in contract.key):
        return []
    digests, present = row_digests([columns[name] for name in contract.key])
    return [digests[present, 0].copy()]


def _new_types(layout: TableLayout) -> dict[str, str]:
    evidence = list(read_all(layout).columns.values())
    style = number_style(evidence)
    marks = missing_marks(evidence, style)
    return {c.name: describe(c, style, marks, {})[0].type for c in evidence}


def _of_rule(
    name: str, rule: str, rows: int, contract: Contract, types: dict[str, str]
) -> SchemaChange:
    if rule == "type":
        before, after = contract.column(name).type, types.get(name, "string")
        effect: Effect = "loosening" if (before, after) in _WIDER else "breaking"
        what = f"column {name} is now {after}, not {before}"
        if before == after:
            what = f"column {name} is written otherwise: see its format and missingValues"
        return SchemaChange(effect, what, rows)
    if rule == "unique":
        return SchemaChange("breaking", f"the key {name} is no longer unique", rows)
    words = {
        "required": "is missing in some rows",
        "allowed": "holds values that its `enum` lacks",
        "minimum": "lies below its minimum",
        "maximum": "lies above its maximum",
    }
    return SchemaChange(
        "loosening", f"column {name} {words.get(rule, f'breaks its rule {rule}')}", rows
    )
