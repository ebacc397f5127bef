"""The dimensions of the star: periods, features, the values of each segment, and thresholds.

They are computed from the loaded tables by DAX and not by another query, so that nothing is
downloaded twice, and so that they tell values apart exactly as the engine does (it ignores case):
what two queries tell apart and the engine does not would break the refresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from quickstack.results.exporting.powerbi.object_names import dax_column, unique
from quickstack.results.exporting.powerbi.semantic_model import (
    ModelColumn,
    ModelTable,
    Relationship,
)

#: Of every model: its name, its column, the exported column that holds its values, and where.
_SHARED = (
    ("Periods", "Period", "period", ("predictions", "drift")),
    ("Features", "Feature", "feature", ("drift", "importance")),
)
_STEPS = "GENERATESERIES(0.01, 0.99, 0.01)"


def dimensions(
    segments: Sequence[str], facts: Mapping[str, ModelTable], taken: Sequence[str]
) -> tuple[list[ModelTable], list[ModelTable], list[Relationship]]:
    """Return the facts with shared columns hidden, the dimensions and the relationships.

    Parameters
    ----------
    segments
        The exported columns of the predictions that make segments.
    facts
        The loaded tables by exported name.
    taken
        Names that no table may have.
    """
    predictions = facts["predictions"]
    own = [column for column in predictions.columns if column.source in segments]
    wanted: list[tuple[str, ModelColumn, str, tuple[str, ...]]] = [
        (name, ModelColumn(shown, "string", f"One row per {shown.casefold()}."), column, owners)
        for name, shown, column, owners in _SHARED
    ]
    wanted += [(column.name, column, column.source or "", ("predictions",)) for column in own]
    names = unique(
        [entry[0] for entry in wanted], [*taken, *(table.name for table in facts.values())]
    )
    hidden: dict[str, set[str]] = {exported: set() for exported in facts}
    tables, relationships = [], []
    for name, (_, shown, column, owners) in zip(names, wanted, strict=True):
        key = replace(shown, source="[Value]", key=True, hidden=False, folder="")
        columns = [(facts[owner].name, facts[owner].named(column) or "") for owner in owners]
        description = f"One row per value of {key.name}."
        segment = shown in own
        tables.append(
            ModelTable(name, description, (key,), _values(columns), computed=True, segment=segment)
        )
        relationships += [Relationship(*from_, name, key.name) for from_ in columns]
        for owner in owners:
            hidden[owner].add(column)
    shown_facts = [_hide(table, hidden[exported]) for exported, table in facts.items()]
    return shown_facts, tables, relationships


def threshold_table(name: str) -> ModelTable:
    """Return the what-if parameter; without a choice, the contract's threshold holds."""
    column = ModelColumn(
        "Threshold",
        "number",
        "From which probability on to act. Without a choice, the contract's threshold holds.",
        "[Value]",
        format="0.00",
        parameter=True,
    )
    description = "One row per threshold to choose from."
    return ModelTable(name, description, (column,), _STEPS, computed=True)


def _hide(table: ModelTable, sources: set[str]) -> ModelTable:
    columns = (replace(c, hidden=c.hidden or c.source in sources) for c in table.columns)
    return replace(table, columns=tuple(columns))


def _values(columns: Sequence[tuple[str, str]]) -> str:
    """Return the DAX of all values that occur in some columns, without the blank.

    DISTINCT of a column, because VALUES and a table's name include the blank row that a
    relationship adds: the dimension would depend on itself.
    """
    each = [
        f'SELECTCOLUMNS(DISTINCT({c}), "Value", {c})' for c in (dax_column(*c) for c in columns)
    ]
    several = (
        "DISTINCT(\n        UNION(\n            "
        + ",\n            ".join(each)
        + "\n        )\n    )"
    )
    return f"FILTER(\n    {several if len(each) > 1 else each[0]},\n    NOT ISBLANK([Value])\n)"
