"""What several pages show: figures side by side, quality over time and by segment, importance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickstack.results.exporting.powerbi.fields import Fields
from quickstack.results.exporting.powerbi.visuals import Box, Ref, Visual, card


@dataclass(frozen=True)
class Page:
    """One page: the visuals by a key that stays when their titles change."""

    key: str
    title: str
    visuals: dict[str, Visual]


def cards(fields: Fields, names: Sequence[str], top: int) -> dict[str, Visual]:
    """Return those of the figures that the model has, side by side."""
    shown = [name for name in names if fields.has(name)]
    wide = 12 // len(shown)
    said = {m.name: m.description for t in fields.model.tables for m in t.measures}
    return {
        f"card_{name}": card(
            fields.measure(name), f"{name}: {said[name]}", Box(at * wide, wide, top, 96)
        )
        for at, name in enumerate(shown)
    }


def over_time(fields: Fields, box: Box) -> Visual:
    """Return how good the predictions are in each period."""
    spoken = f"Line chart: {fields.quality.name} of each period's test rows."
    roles = {"Category": [fields.period], "Y": [fields.quality]}
    return Visual("lineChart", f"{fields.quality.name} over time", spoken, box, roles)


def by_segment(fields: Fields, segment: Ref, box: Box) -> Visual:
    """Return how good the predictions are for each value of a segment."""
    title = f"{fields.quality.name} by {segment.name}"
    spoken = f"Bar chart: {fields.quality.name} of the test rows for each value of {segment.name}."
    roles = {"Category": [segment], "Y": [fields.quality]}
    return Visual("clusteredBarChart", title, spoken, box, roles, fields.quality)


def importance(fields: Fields, box: Box) -> Visual:
    """Return what the model uses."""
    loss = fields.measure("Loss when shuffled")
    spoken = "Bar chart: how much worse the model gets when a feature's values are shuffled."
    roles = {"Category": [fields.feature], "Y": [loss]}
    return Visual("clusteredBarChart", "What the model uses", spoken, box, roles, loss)


def of_test(fields: Fields) -> list[tuple[Ref, str | int]]:
    """Return what keeps the metrics of all test rows."""
    columns = fields.column("metrics", "split"), fields.column("metrics", "segment_column")
    return list(zip(columns, ("test", "all"), strict=True))
