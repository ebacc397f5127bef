"""The pages of the report: overview, predictions to act on, model quality, drift and data.

A page is a row of figures over charts and tables on a grid of 12 columns. What a data set does not
have (periods, segments, a threshold) leaves its place to what it has.
"""

from __future__ import annotations

from quickstack.results.exporting.powerbi.charts import (
    Page,
    by_segment,
    cards,
    importance,
    of_test,
    over_time,
)
from quickstack.results.exporting.powerbi.fields import Fields
from quickstack.results.exporting.powerbi.quality_pages import data_page, quality_page
from quickstack.results.exporting.powerbi.visuals import Box, Visual, heading, slicer
from quickstack.results.exporting.reason_columns import SHOWN


def build_pages(fields: Fields) -> list[Page]:
    """Return the pages in order."""
    return [_overview(fields), _act(fields), quality_page(fields), data_page(fields)]


def _overview(fields: Fields) -> Page:
    own = (fields.computed[-1], "Quarantined share")
    if fields.contract.task == "binary":
        own = ("Rows to act on", "Expected value")
    names = ("Rows", fields.reported.name, *own, "Drifted features", "Freshness promise")
    metrics = fields.columns("metrics", "metric", "value", "low", "high", "baseline", "rows")
    runs = fields.columns("runs", "run", "published", "metric", "value", "verdict", "fresh")
    boxes = [Box(0, 6, 208, 248), Box(6, 6, 208, 248)]
    charts = {}
    if fields.contract.ordered:
        charts["over_time"] = over_time(fields, boxes[0])
    if fields.segments:
        charts["by_segment"] = by_segment(fields, fields.segments[0], boxes[len(charts)])
    if len(charts) < len(boxes):
        rest = boxes[1] if charts else Box(0, 12, 208, 248)
        charts["importance"] = importance(fields, rest)
    return Page(
        "overview",
        "Overview",
        {
            "heading": heading(
                fields.model.name,
                "How good the predictions are, what follows from them, and what they stand on.",
            ),
            **cards(fields, names, 96),
            **charts,
            "metrics": Visual(
                "tableEx",
                "Metrics on the test rows, with 95 % intervals",
                "Table: each metric on the test rows, its 95 % interval and the baseline.",
                Box(0, 6, 472, 232),
                {"Values": metrics},
                only=of_test(fields),
            ),
            "runs": Visual(
                "tableEx",
                "Published runs",
                "Table: each published run, when, its main metric, verdict and freshness.",
                Box(6, 6, 472, 232),
                {"Values": runs},
            ),
        },
    )


def _act(fields: Fields) -> Page:
    binary = fields.contract.task == "binary"
    choices = [*([fields.period] if fields.contract.ordered else []), *fields.segments[:2]]
    choices.append(fields.column("predictions", "split"))
    slicers = {
        f"slicer_{ref.table}": slicer(ref, Box(3 * at, 3, 96, 72))
        for at, ref in enumerate(choices[: 3 if binary else 4])
    }
    if fields.threshold is not None:
        slicers["threshold"] = slicer(fields.threshold, Box(9, 3, 96, 72), "Single")
    ranked = ("probability",) if binary else ("prediction", "probability")
    by = fields.columns("predictions", *ranked)[-1]
    shown = fields.columns(
        "predictions", "period", "split", "prediction", "probability", "low", "high", "value",
        *(f"{kind}_{number}" for number in range(1, SHOWN + 1) for kind in ("reason", "part")),
        "actual",
    )  # fmt: skip
    at_threshold = ("Rows to act on", "Expected value", "Precision", "Recall", "Lift")
    figures = at_threshold if binary else ("Rows", fields.quality.name)
    chosen = [(fields.measure("Rows to act on"), 0)] if binary else []
    title = "Predictions to act on, the most probable first" if binary else "Predictions"
    return Page(
        "act",
        "Predictions to act on",
        {
            "heading": heading(
                "Predictions to act on",
                "Move the threshold to see how many rows it selects and what that is worth. "
                "Without a choice, the contract's threshold holds."
                if binary
                else "Choose rows, and see what the model predicts for each.",
            ),
            **slicers,
            **cards(fields, figures, 184),
            "rows": Visual(
                "tableEx",
                title,
                f"Table: {title.casefold()}; one line per row of the data.",
                Box(0, 12, 296, 408),
                {"Values": list(dict.fromkeys([*fields.row_columns(), *shown]))},
                descending=by,
                only=chosen,
            ),
        },
    )
