"""Visuals of the report as PBIR objects: what they show, where they stand, what they say aloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstack.results.exporting.powerbi.object_names import folder_id

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition/"
WIDTH, HEIGHT = 1280, 720
_MARGIN, _GUTTER, _COLUMNS = 24, 16, 12


@dataclass(frozen=True)
class Ref:
    """A field of the model that a visual shows."""

    table: str
    name: str
    measure: bool = False

    def expression(self, source: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the field as an expression; by the name of its table unless `source` is given."""
        where = {"SourceRef": source or {"Entity": self.table}}
        kind = "Measure" if self.measure else "Column"
        return {kind: {"Expression": where, "Property": self.name}}


@dataclass(frozen=True)
class Box:
    """A place on the grid of 12 columns: first column, columns, top and height in pixels."""

    column: int
    columns: int
    top: int
    height: int

    def pixels(self) -> dict[str, int]:
        """Return x, y, width and height."""
        wide = (WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GUTTER) // _COLUMNS
        return {
            "x": _MARGIN + self.column * (wide + _GUTTER),
            "y": self.top,
            "width": self.columns * wide + (self.columns - 1) * _GUTTER,
            "height": self.height,
        }


@dataclass(frozen=True)
class Visual:
    """One visual.

    Attributes
    ----------
    kind
        Power BI's name: card, lineChart, clusteredBarChart, clusteredColumnChart, tableEx, slicer
        or textbox.
    title
        What stands above it; of a text box, the text itself.
    spoken
        What a screen reader says.
    roles
        Fields by role: `Values`, or `Category`, `Y` and `Series`.
    descending
        The field to sort by, the largest first.
    only
        Rows to show: (field, value) of texts, or (measure, number) above which it must lie.
    options
        Formatting objects.
    """

    kind: str
    title: str
    spoken: str
    box: Box
    roles: Mapping[str, Sequence[Ref]]
    descending: Ref | None = None
    only: Sequence[tuple[Ref, str | int]] = ()
    options: Mapping[str, Any] | None = None


def literal(value: str | int | bool) -> dict[str, Any]:
    """Write a literal as the query language of reports has it: 'text', 1L, true."""
    return {"expr": {"Literal": {"Value": _written(value)}}}


def visual_json(page: str, key: str, order: int, visual: Visual) -> dict[str, Any]:
    """Return `visual.json`; its name depends on the page and the key alone."""
    shown: dict[str, Any] = {"visualType": visual.kind}
    if visual.roles:
        query: dict[str, Any] = {
            "queryState": {
                role: {"projections": [_projection(ref) for ref in refs]}
                for role, refs in visual.roles.items()
            }
        }
        if visual.descending is not None:
            by = {"field": visual.descending.expression(), "direction": "Descending"}
            query["sortDefinition"] = {"sort": [by], "isDefaultSort": False}
        shown["query"] = query
    if visual.options:
        shown["objects"] = visual.options
    text = visual.kind == "textbox"
    title = {"show": literal(not text)} | ({} if text else {"text": literal(visual.title)})
    shown["visualContainerObjects"] = {
        "title": [{"properties": title}],
        "general": [{"properties": {"altText": literal(visual.spoken)}}],
    }
    shown["drillFilterOtherVisuals"] = True
    name = folder_id(page, key)
    filters = [_filter(name, number, *pair) for number, pair in enumerate(visual.only)]
    return {
        "$schema": f"{SCHEMAS}visualContainer/2.1.0/schema.json",
        "name": name,
        "position": {**visual.box.pixels(), "z": order * 1000, "tabOrder": order * 1000},
        "visual": shown,
        **({"filterConfig": {"filters": filters}} if filters else {}),
    }


def heading(title: str, sentence: str) -> Visual:
    """Return the text at the top of a page."""
    runs = [
        {"textRuns": [{"value": title, "textStyle": {"fontSize": "20pt", "fontWeight": "bold"}}]},
        {"textRuns": [{"value": sentence, "textStyle": {"fontSize": "11pt"}}]},
    ]
    return Visual(
        "textbox",
        title,
        f"{title}. {sentence}",
        Box(0, 12, 16, 72),
        {},
        options={"general": [{"properties": {"paragraphs": runs}}]},
    )


def card(measure: Ref, spoken: str, box: Box) -> Visual:
    """Return one figure."""
    hidden = [{"properties": {"show": literal(False)}}]
    return Visual(
        "card", measure.name, spoken, box, {"Values": [measure]}, options={"categoryLabels": hidden}
    )


def slicer(column: Ref, box: Box, mode: str = "Dropdown") -> Visual:
    """Return a choice of values: a list to open (`Dropdown`) or a slider (`Single`)."""
    options = {"data": [{"properties": {"mode": literal(mode)}}]}
    spoken = f"Choose {column.name}."
    return Visual("slicer", column.name, spoken, box, {"Values": [column]}, options=options)


def _projection(ref: Ref) -> dict[str, Any]:
    return {
        "field": ref.expression(),
        "queryRef": f"{ref.table}.{ref.name}",
        "nativeQueryRef": ref.name,
        **({} if ref.measure else {"active": True}),
    }


def _filter(visual: str, number: int, ref: Ref, value: str | int) -> dict[str, Any]:
    field = ref.expression({"Source": "t"})
    if isinstance(value, str):
        right = [[{"Literal": {"Value": _written(value)}}]]
        condition: dict[str, Any] = {"In": {"Expressions": [field], "Values": right}}
        kind = "Categorical"
    else:
        # Comparison kind 1 is "greater than".
        right_side = {"Literal": {"Value": _written(value)}}
        condition = {"Comparison": {"ComparisonKind": 1, "Left": field, "Right": right_side}}
        kind = "Advanced"
    return {
        "name": folder_id(visual, "filter", str(number)),
        "field": ref.expression(),
        "type": kind,
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": ref.table, "Type": 0}],
            "Where": [{"Condition": condition}],
        },
    }


def _written(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}L" if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
