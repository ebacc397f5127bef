"""The pages for those who look closer: model quality, and drift and data quality."""

from __future__ import annotations

from quickstack.results.exporting.powerbi.charts import Page, by_segment, cards, importance
from quickstack.results.exporting.powerbi.fields import Fields
from quickstack.results.exporting.powerbi.visuals import Box, Ref, Visual, heading

#: More figures side by side would be too narrow.
_MOST_CARDS = 6


def quality_page(fields: Fields) -> Page:
    """Return the page that says how good the predictions are, where, and why."""
    task = fields.contract.task
    if task == "binary":
        band = fields.column("predictions", "probability").table
        pair = [fields.measure("Mean probability"), fields.measure("Base rate")]
        first = Visual(
            "lineChart",
            "Calibration: predicted probability and what happened",
            "Line chart by probability band: the mean probability and the share of cases. Where "
            "the lines lie on each other, probabilities can be taken as they are.",
            Box(0, 6, 208, 248),
            {"Category": [Ref(band, "Probability band")], "Y": pair},
        )
    elif task == "multiclass":
        actual = fields.column("predictions", "actual")
        first = Visual(
            "clusteredBarChart",
            "Share found of each class",
            "Bar chart: of the test rows of each class, the share that the model names rightly.",
            Box(0, 6, 208, 248),
            {"Category": [actual], "Y": [fields.quality]},
        )
    else:
        by = fields.period if fields.contract.ordered else fields.column("predictions", "split")
        pair = [fields.measure("Mean actual"), fields.measure("Mean prediction")]
        first = Visual(
            "clusteredColumnChart",
            "Predicted and actual",
            f"Column chart by {by.name}: the mean of the truth and of the predictions.",
            Box(0, 6, 208, 248),
            {"Category": [by], "Y": pair},
        )
    segments = fields.columns(
        "metrics", "segment_column", "segment", "metric", "value", "low", "high", "rows"
    )
    visuals = {
        "heading": heading(
            "Model quality",
            "Measured on rows that the model had not seen and whose truth is known.",
        ),
        **cards(fields, _quality_cards(fields), 96),
        "first": first,
        "importance": importance(fields, Box(6, 6, 208, 248)),
        "segments": Visual(
            "tableEx",
            "The main metric by segment, with 95 % intervals",
            "Table: the main metric of each segment's test rows, its interval and its rows.",
            Box(0, 6 if fields.segments else 12, 472, 232),
            {"Values": segments},
            only=[
                (fields.column("metrics", "split"), "test"),
                (fields.column("metrics", "metric"), fields.contract.main_metric),
            ],
        ),
    }
    if fields.segments:
        last = fields.segments[min(1, len(fields.segments) - 1)]
        visuals["by_segment"] = by_segment(fields, last, Box(6, 6, 472, 232))
    return Page("quality", "Model quality", visuals)


def _quality_cards(fields: Fields) -> list[str]:
    main, *others = fields.computed
    if fields.contract.task == "binary":
        return ["Precision", "Recall", "Lift", *others[: _MOST_CARDS - 4], main]
    multiclass = fields.contract.task == "multiclass"
    more = ["Commonest class", "Test rows"] if multiclass else ["Mean error", "Inside the interval"]
    return [main, *others, *more][:_MOST_CARDS]


def data_page(fields: Fields) -> Page:
    """Return the page that says whether the data can still be trusted."""
    names = (
        "Drifted features", "Monitored features", "Quarantined share", "Age of the data",
        "Promised age", "Lead time",
    )  # fmt: skip
    drift = fields.measure("Drift (PSI)")
    if fields.contract.ordered:
        roles = {"Category": [fields.period], "Y": [drift], "Series": [fields.feature]}
        spoken = "Line chart: the stability index of each feature by period; high is drift."
        moved = Visual("lineChart", "Drift over time", spoken, Box(0, 8, 208, 248), roles)
    else:
        roles = {"Category": [fields.feature], "Y": [drift]}
        spoken = "Bar chart: the stability index of each feature; high is drift."
        moved = Visual("clusteredBarChart", "Drift", spoken, Box(0, 8, 208, 248), roles, drift)
    broken = fields.measure("Broken rows")
    return Page(
        "data",
        "Drift and data quality",
        {
            "heading": heading(
                "Drift and data quality",
                "Whether the data still look as they did in training, arrive in time, and keep "
                "the contract's rules.",
            ),
            **cards(fields, names, 96),
            "drift": moved,
            "limits": Visual(
                "clusteredBarChart",
                "Drift against its limit",
                "Bar chart: the stability index of each feature divided by its limit; above 1 it "
                "may be drift.",
                Box(8, 4, 208, 248),
                {"Category": [fields.feature], "Y": [fields.measure("Drift against its limit")]},
                descending=fields.measure("Drift against its limit"),
            ),
            "rules": Visual(
                "clusteredBarChart",
                "Rows that broke a rule",
                "Bar chart: rows set aside or counted, by the rule of the contract they broke.",
                Box(0, 4, 472, 232),
                {"Category": [fields.column("quality_rules", "rule")], "Y": [broken]},
                descending=broken,
            ),
            "files": Visual(
                "tableEx",
                "Where the rows of each file ended",
                "Table: rows read, kept and set aside of each source file.",
                Box(4, 8, 472, 232),
                {"Values": fields.columns("quality", "file", "read", "clean", "quarantined")},
                descending=fields.column("quality", "quarantined"),
            ),
        },
    )
