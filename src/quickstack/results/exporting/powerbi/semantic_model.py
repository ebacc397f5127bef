"""The semantic model as plain objects, before it is written as TMDL."""

from __future__ import annotations

from dataclasses import dataclass

from quickstack.facts.contract.model import LogicalType


@dataclass(frozen=True)
class ModelColumn:
    """One column of a model table.

    Attributes
    ----------
    name
        What people read, unique in its table.
    source
        Its name in the query or, in brackets, in the calculated table; None where `expression`
        computes it.
    expression
        DAX of a calculated column.
    format
        A format string of Power BI; empty for its own choice.
    key
        Whether its values tell rows apart; of dimensions only.
    parameter
        Whether it is the scale of a what-if parameter.
    """

    name: str
    type: LogicalType
    description: str
    source: str | None = None
    expression: str | None = None
    format: str = ""
    folder: str = ""
    hidden: bool = False
    key: bool = False
    parameter: bool = False


@dataclass(frozen=True)
class Measure:
    """One measure: a figure that DAX computes for whatever a visual shows.

    Attributes
    ----------
    expression
        Its lines of DAX.
    """

    name: str
    expression: str
    description: str
    format: str
    folder: str


@dataclass(frozen=True)
class ModelTable:
    """One table, loaded by a query (M) or computed from other tables (DAX).

    Attributes
    ----------
    exported
        The name of the exported table that it loads; None for a computed one.
    source
        M or DAX, by `computed`.
    segment
        Whether it holds the values of a segment.
    """

    name: str
    description: str
    columns: tuple[ModelColumn, ...]
    source: str
    computed: bool = False
    exported: str | None = None
    segment: bool = False
    measures: tuple[Measure, ...] = ()

    def named(self, source: str) -> str | None:
        """Return what people read for an exported column; None where there is none."""
        return next((column.name for column in self.columns if column.source == source), None)


@dataclass(frozen=True)
class Relationship:
    """Many rows of `from_table` belong to one of `to_table`."""

    from_table: str
    from_column: str
    to_table: str
    to_column: str


@dataclass(frozen=True)
class Parameter:
    """The one thing that people set: where the tables are."""

    name: str
    value: str
    description: str


@dataclass(frozen=True)
class SemanticModel:
    """Everything that TMDL says."""

    name: str
    description: str
    parameter: Parameter
    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]

    def table(self, name: str) -> ModelTable:
        """Return the table of that name; KeyError where there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)
