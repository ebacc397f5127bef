"""Write a semantic model as TMDL: tabs, quoted names, descriptions above their objects.

Ids are made from names, so that a re-export without a change gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from quickstack.results.exporting.powerbi.object_names import (
    file_name,
    m_text,
    tag,
    tmdl_name,
    tmdl_text,
    unique,
)
from quickstack.results.exporting.powerbi.semantic_model import (
    Measure,
    ModelColumn,
    ModelTable,
    Parameter,
    Relationship,
    SemanticModel,
)

_TYPES = {
    "string": "string",
    "integer": "int64",
    "number": "double",
    "boolean": "boolean",
    "date": "dateTime",
    "timestamp": "dateTime",
}
#: The engine's version that TMDL and its properties here need.
_COMPATIBILITY = 1601


def tmdl_files(model: SemanticModel) -> dict[str, str]:
    """Return the files of `definition/` by path: the whole model as text."""
    plain = (
        re.sub(r"[^A-Za-z0-9_]+", " ", table.name).strip() or "Table" for table in model.tables
    )
    tables = {
        f"tables/{file_name(name, 'Table')}.tmdl": _table(table)
        for name, table in zip(unique(plain), model.tables, strict=True)
    }
    return {
        "database.tmdl": f"database\n\tcompatibilityLevel: {_COMPATIBILITY}\n",
        "model.tmdl": _model(model),
        "expressions.tmdl": _parameter(model.parameter),
        "relationships.tmdl": "\n".join(map(_relationship, model.relationships)),
        **tables,
    }


def _model(model: SemanticModel) -> str:
    order = [model.parameter.name, *(t.name for t in model.tables if not t.computed)]
    return "\n".join(
        [
            *_description(model.description, 0),
            "model Model",
            "\tculture: en-US",
            "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
            "\tdiscourageImplicitMeasures",
            "\tsourceQueryCulture: en-US",
            "",
            f"annotation PBI_QueryOrder = {json.dumps(order, ensure_ascii=False)}",
            "",
            "annotation __PBI_TimeIntelligenceEnabled = 0",
            "",
            *(f"ref table {tmdl_name(table.name)}" for table in model.tables),
            "",
        ]
    )


def _parameter(parameter: Parameter) -> str:
    meta = 'meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    return "\n".join(
        [
            *_description(parameter.description, 0),
            f"expression {tmdl_name(parameter.name)} = {m_text(parameter.value)} {meta}",
            f"\tlineageTag: {tag('expression', parameter.name)}",
            "",
            "\tannotation PBI_ResultType = Text",
            "",
        ]
    )


def _relationship(link: Relationship) -> str:
    ends = [(link.from_table, link.from_column), (link.to_table, link.to_column)]
    from_, to = (f"{tmdl_name(table)}.{tmdl_name(column)}" for table, column in ends)
    name = tag("relationship", from_, to)
    return f"relationship {name}\n\tfromColumn: {from_}\n\ttoColumn: {to}\n"


def _table(table: ModelTable) -> str:
    name = tmdl_name(table.name)
    lines = [
        *_description(table.description, 0),
        f"table {name}",
        f"\tlineageTag: {tag('table', table.name)}",
        "",
    ]
    for measure in table.measures:
        lines += [*_measure(table, measure), ""]
    for column in table.columns:
        lines += [*_column(table, column), ""]
    lines += [
        f"\tpartition {name} = {'calculated' if table.computed else 'm'}",
        "\t\tmode: import",
        "\t\tsource =",
        *_expression(table.source, 4),
        "",
        "\tannotation PBI_ResultType = Table",
        "",
    ]
    return "\n".join(lines)


def _measure(table: ModelTable, measure: Measure) -> list[str]:
    return [
        *_description(measure.description, 1),
        f"\tmeasure {tmdl_name(measure.name)} =",
        *_expression(measure.expression, 3),
        *_property("formatString", measure.format),
        *_property("displayFolder", measure.folder),
        f"\t\tlineageTag: {tag('measure', table.name, measure.name)}",
    ]


def _column(table: ModelTable, column: ModelColumn) -> list[str]:
    computed = f" = {column.expression}" if column.expression else ""
    source = [f"\t\tsourceColumn: {column.source}"] if column.source else []
    what_if = ["", "\t\textendedProperty ParameterMetadata =", '\t\t\t\t{"version": 0}']
    return [
        *_description(column.description, 1),
        f"\tcolumn {tmdl_name(column.name)}{computed}",
        f"\t\tdataType: {_TYPES[column.type]}",
        *(["\t\tisHidden"] if column.hidden else []),
        *(["\t\tisKey"] if column.key else []),
        *_property("formatString", column.format),
        *_property("displayFolder", column.folder),
        f"\t\tlineageTag: {tag('column', table.name, column.name)}",
        "\t\tsummarizeBy: none",
        *source,
        *(what_if if column.parameter else []),
        "",
        "\t\tannotation SummarizationSetBy = User",
    ]


def _property(name: str, value: str) -> list[str]:
    return [f"\t\t{name}: {tmdl_text(value)}"] if value else []


def _expression(text: str, tabs: int) -> Iterable[str]:
    return ("\t" * tabs + line.rstrip() for line in text.splitlines())


def _description(text: str, tabs: int) -> list[str]:
    return ["\t" * tabs + f"/// {text}"] if text else []
