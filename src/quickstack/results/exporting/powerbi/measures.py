"""The measures that every task has, in DAX: rows, reported metrics, drift, quality, freshness.

A measure narrows what a visual shows and never widens it: each filter is inside KEEPFILTERS. A
figure that does not exist (one class only, no row) is blank. Variables begin with two underscores,
so that no table of a contract has their name; measures are read before rows are walked, where a
column could have their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from quickstack.results.exporting.labels import metric_name
from quickstack.results.exporting.powerbi.object_names import dax_column, dax_table, dax_text
from quickstack.results.exporting.powerbi.semantic_model import Measure, ModelTable

#: From (exported table, exported column) to the DAX of the column.
Refer = Callable[[str, str], str]

QUALITY, DECISION = "Model quality", "Decision"
PERCENT, COUNT, SCORE, HOURS = "0.0%", "#,0", "0.000", "#,0.0\\ \\h"


def refer_to(tables: Iterable[ModelTable]) -> Refer:
    """Return a function that writes a column of an exported table in DAX."""
    by_export: Mapping[str | None, ModelTable] = {table.exported: table for table in tables}

    def refer(exported: str, column: str) -> str:
        table = by_export[exported]
        name = table.named(column)
        if name is None:
            raise KeyError(column)
        return dax_column(table.name, name)

    return refer


def narrowed(value: str, *conditions: str) -> str:
    """Compute a value from the rows that also meet all conditions."""
    kept = "".join(f",\n    KEEPFILTERS({condition})" for condition in conditions)
    return f"CALCULATE(\n    {value}{kept}\n)"


def row_measures(predictions: str) -> list[Measure]:
    """Count rows of the predictions."""
    return [
        Measure(
            "Rows",
            f"COUNTROWS({dax_table(predictions)}) + 0",
            "Rows with a prediction.",
            COUNT,
            "Rows",
        ),
        Measure(
            "Test rows",
            narrowed(f"COUNTROWS({dax_table(predictions)})", f"{measured(predictions)} = TRUE()")
            + " + 0",
            "Rows that the model had not seen and whose truth is known: what quality is "
            "measured on.",
            COUNT,
            "Rows",
        ),
    ]


def measured(predictions: str) -> str:
    """Return the column that says whether a row counts for quality."""
    return dax_column(predictions, "Measured")


def reported_measures(refer: Refer, metric: str) -> list[Measure]:
    """Quote the main metric as the evaluation reported it, with its interval and its baseline."""
    conditions = (
        f'{refer("metrics", "split")} = "test"',
        f'{refer("metrics", "segment_column")} = "all"',
        f"{refer('metrics', 'metric')} = {dax_text(metric)}",
    )
    name = metric_name(metric)
    parts = {
        "value": (f"Reported {name}", "on the test rows, as the evaluation measured it"),
        "low": (f"Reported {name}, low", "lower end of its 95 % interval"),
        "high": (f"Reported {name}, high", "upper end of its 95 % interval"),
        "baseline": (f"Reported {name}, baseline", "of a model that ignores all features"),
    }
    return [
        Measure(
            title,
            narrowed(f"MAX({refer('metrics', column)})", *conditions),
            f"{name}: {words}.",
            "#,0.000",
            "Reported",
        )
        for column, (title, words) in parts.items()
    ]


def drift_measures(refer: Refer, drift: str) -> list[Measure]:
    """Say how far the data moved, in the newest period that a visual shows."""
    newest = f"VAR __Newest = MAX({refer('drift', 'period')})\nRETURN\n"
    of_newest = f"{refer('drift', 'period')} = __Newest"
    rows = f"COUNTROWS({dax_table(drift)})"
    drifted = narrowed(rows, of_newest, f"{refer('drift', 'drifted')} = TRUE()")
    ratio = f"DIVIDE({refer('drift', 'psi')}, {refer('drift', 'limit')})"
    return [
        Measure(
            "Newest period",
            f"MAX({refer('drift', 'period')})",
            "The newest period that was compared with the training rows.",
            "",
            "Drift",
        ),
        Measure(
            "Drifted features",
            f"{newest}{_indented(drifted)} + 0",
            "Features whose values moved beyond their limit in the newest period.",
            COUNT,
            "Drift",
        ),
        Measure(
            "Monitored features",
            f"{newest}{_indented(narrowed(rows, of_newest))} + 0",
            "Features that were compared in the newest period.",
            COUNT,
            "Drift",
        ),
        Measure(
            "Drift (PSI)",
            f"MAX({refer('drift', 'psi')})",
            "Population stability index without its expected noise; the largest of what is shown.",
            SCORE,
            "Drift",
        ),
        Measure(
            "Drift against its limit",
            f"MAXX({dax_table(drift)}, {ratio})",
            "Population stability index divided by its limit; above 1 it may be drift.",
            "0.00",
            "Drift",
        ),
        Measure(
            "Loss when shuffled",
            f"SUM({refer('importance', 'importance')})",
            "How much worse the main metric gets when the feature's values are shuffled.",
            "0.0000",
            QUALITY,
        ),
    ]


def quality_measures(refer: Refer) -> list[Measure]:
    """Say where the rows ended that were read."""
    return [
        Measure(
            "Rows read",
            f"SUM({refer('quality', 'read')}) + 0",
            "Rows that the source held.",
            COUNT,
            "Data quality",
        ),
        Measure(
            "Quarantined rows",
            f"SUM({refer('quality', 'quarantined')}) + 0",
            "Rows that broke a rule of the contract and were set aside.",
            COUNT,
            "Data quality",
        ),
        Measure(
            "Quarantined share",
            f"DIVIDE(SUM({refer('quality', 'quarantined')}), SUM({refer('quality', 'read')}))",
            "Share of the rows read that were set aside.",
            "0.00%",
            "Data quality",
        ),
        Measure(
            "Broken rows",
            f"SUM({refer('quality_rules', 'rows')}) + 0",
            "Rows that broke a rule; a row may break several.",
            COUNT,
            "Data quality",
        ),
    ]


def freshness_measures(refer: Refer) -> list[Measure]:
    """Compare the age of the data, now and when the run was published, with the promise."""
    current = f"{refer('runs', 'current')} = TRUE()"

    def of_run(column: str) -> str:
        return narrowed(f"MAX({refer('runs', column)})", current)

    age = (
        f"VAR __Newest = {of_run('newest_row')}\n"
        "RETURN\n"
        "    IF(NOT ISBLANK(__Newest), DATEDIFF(__Newest, UTCNOW(), MINUTE) / 60)"
    )
    kept = (
        "VAR __Age = [Age of the data]\n"
        "VAR __Promise = [Promised age]\n"
        "RETURN\n"
        "    IF(\n"
        '        ISBLANK(__Age) || ISBLANK(__Promise), "no promise",\n'
        '        IF(__Age <= __Promise, "kept", "broken")\n'
        "    )"
    )
    folder = "Freshness"
    return [
        Measure("Current run", of_run("run"), "The run that readers are shown.", "", folder),
        Measure("Verdict", of_run("verdict"), "What the monitor concludes.", "", folder),
        Measure(
            "Age of the data", age, "Hours from the newest row in the data to now.", HOURS, folder
        ),
        Measure(
            "Age when published",
            of_run("age"),
            "Hours from the newest row in the data to publishing.",
            HOURS,
            folder,
        ),
        Measure(
            "Promised age",
            of_run("promise"),
            "Hours that the contract promises the data not to exceed.",
            HOURS,
            folder,
        ),
        Measure(
            "Freshness promise",
            kept,
            "Whether the data are as fresh as the contract promises, now.",
            "",
            folder,
        ),
        Measure(
            "Lead time",
            of_run("lead_time"),
            "Hours from the arrival of the data to publishing.",
            HOURS,
            folder,
        ),
    ]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
