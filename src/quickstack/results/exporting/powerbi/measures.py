"""The measures in DAX: rows, reported metrics, quality, decision, drift, data quality, freshness.

How a metric is computed stands in its entry of `modeling.metrics`; here stand the others. All
quality is measured on rows that the model had not seen and whose truth is known; it follows every
filter and, for binary tasks, the threshold that the reader sets.

A measure narrows what a visual shows and never widens it: each filter is inside KEEPFILTERS. A
figure that does not exist (one class only, no row) is blank. Variables begin with two underscores,
so that no table of a contract has their name; measures are read before rows are walked, where a
column could have their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from quickstack.facts.contract.model import Contract, Decision, Task
from quickstack.models.modeling.metrics import BY_NAME, Metric, metrics_of
from quickstack.results.exporting.powerbi.object_names import (
    dax_column,
    dax_number,
    dax_table,
    dax_text,
    format_unit,
)
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
            narrowed(f"COUNTROWS({dax_table(predictions)})", seen(predictions)) + " + 0",
            "Rows that the model had not seen and whose truth is known: what quality is "
            "measured on.",
            COUNT,
            "Rows",
        ),
    ]


def seen(predictions: str) -> str:
    """Return the condition that a row counts for quality."""
    return f"{dax_column(predictions, 'Measured')} = TRUE()"


def reported_name(metric: str) -> str:
    """Return the name of the measure that quotes a metric as the evaluation reported it."""
    return f"Reported {BY_NAME[metric].label}"


def quality_metrics(task: Task) -> list[Metric]:
    """Return the metrics of a task that Power BI computes, in the order of the table."""
    known = metrics_of(task)
    return [metric for metric in BY_NAME.values() if metric in known and task in metric.dax]


def reported_measures(refer: Refer, metric: str) -> list[Measure]:
    """Quote the main metric as the evaluation reported it, with its interval and its baseline."""
    conditions = (
        f'{refer("metrics", "split")} = "test"',
        f'{refer("metrics", "segment_column")} = "all"',
        f"{refer('metrics', 'metric')} = {dax_text(metric)}",
    )
    name = BY_NAME[metric].label
    parts = {
        "value": (reported_name(metric), "on the test rows, as the evaluation measured it"),
        "low": (f"Reported {name}, low", "lower end of its 95 % interval"),
        "high": (f"Reported {name}, high", "upper end of its 95 % interval"),
        "baseline": (f"Reported {name}, baseline", "of the best guess without a model"),
    }
    return [
        Measure(
            title,
            narrowed(f"MAX({refer('metrics', column)})", *conditions),
            f"{name}: {meaning}.",
            "#,0.000",
            "Reported",
        )
        for column, (title, meaning) in parts.items()
    ]


def task_measures(
    contract: Contract, refer: Refer, predictions: str, threshold: str, *, interval: bool
) -> list[Measure]:
    """Return the measures of the contract's task.

    Parameters
    ----------
    contract
        Task, decision and units.
    refer
        Writes a column of an exported table.
    predictions, threshold
        What people read for the tables of predictions and thresholds.
    interval
        Whether a regression's predictions have `low` and `high`.
    """
    of_table = _metric_measures(contract, refer, predictions)
    if contract.task == "binary":
        return _binary(of_table, refer, predictions, threshold, contract.decision)
    if contract.task == "multiclass":
        return [*of_table.values(), _commonest_class(refer, predictions)]
    shown = "#,0.00" + format_unit(contract.column(contract.target).unit)
    found = [*of_table.values(), *_levels(refer, predictions, shown)]
    return [*found, _coverage(refer, predictions)] if interval else found


def _metric_measures(contract: Contract, refer: Refer, predictions: str) -> dict[str, Measure]:
    """Return the measure of each metric that Power BI computes, by the metric's name."""
    names = {
        "table": dax_table(predictions),
        "seen": seen(predictions),
        "actual": refer("predictions", "actual"),
        "predicted": refer("predictions", "prediction"),
    }
    if contract.task == "binary":
        names |= {
            "probability": refer("predictions", "probability"),
            "score": dax_column(predictions, "Score"),
            "case": dax_column(predictions, "Case"),
        }
    unit = format_unit(contract.column(contract.target).unit)
    found = {}
    for metric in quality_metrics(contract.task):
        dax = metric.dax[contract.task]
        shown = dax.format + (unit if metric.in_target_unit else "")
        text = dax.text.format_map(names)
        found[metric.name] = Measure(dax.name, text, dax.meaning, shown, QUALITY)
    return found


def _binary(
    of_table: dict[str, Measure], refer: Refer, predictions: str, threshold: str, decision: Decision
) -> list[Measure]:
    """Return quality and outcomes at the threshold, and their worth where the contract gives it."""
    table, probability = dax_table(predictions), refer("predictions", "probability")
    case, chosen = dax_column(predictions, "Case"), dax_column(threshold, "Threshold")

    def outcome(name: str, is_case: int, side: str, meaning: str) -> Measure:
        rows = narrowed(
            f"COUNTROWS({table})",
            seen(predictions),
            f"{case} = {is_case}",
            f"{probability} {side} __Threshold",
        )
        text = f"VAR __Threshold = [Threshold value]\nRETURN\n{rows} + 0"
        return Measure(name, text, meaning, COUNT, DECISION)

    acted = narrowed(f"COUNTROWS({table})", f"{probability} >= __Threshold")
    base_rate, brier, roc_auc = (of_table.pop(name) for name in ("base_rate", "brier", "roc_auc"))
    return [
        Measure(
            "Threshold value",
            f"SELECTEDVALUE({chosen}, {dax_number(decision.threshold)})",
            "From which probability on to act: the reader's choice, or else the contract's.",
            SCORE,
            DECISION,
        ),
        Measure(
            "Rows to act on",
            f"VAR __Threshold = [Threshold value]\nRETURN\n{acted} + 0",
            "Rows whose probability reaches the threshold.",
            COUNT,
            DECISION,
        ),
        outcome("True positives", 1, ">=", "Cases that are acted on."),
        outcome("False positives", 0, ">=", "Rows that are acted on and are no cases."),
        outcome("False negatives", 1, "<", "Cases that are not acted on."),
        outcome("True negatives", 0, "<", "Rows that are no cases and are left alone."),
        base_rate,
        Measure(
            "Precision",
            "DIVIDE([True positives], [True positives] + [False positives])",
            "Share of cases among the test rows that are acted on.",
            PERCENT,
            QUALITY,
        ),
        Measure(
            "Recall",
            "DIVIDE([True positives], [True positives] + [False negatives])",
            "Share of the cases among the test rows that are acted on.",
            PERCENT,
            QUALITY,
        ),
        Measure(
            "Lift",
            "DIVIDE([Precision], [Base rate])",
            "How many times more cases acting finds than the same number of rows at random.",
            "0.00\\x",
            QUALITY,
        ),
        Measure(
            "Accuracy at the threshold",
            "DIVIDE([True positives] + [True negatives], [Test rows])",
            "Share of the test rows on the right side of the threshold.",
            PERCENT,
            QUALITY,
        ),
        brier,
        Measure(
            "Mean probability",
            narrowed(f"AVERAGE({probability})", seen(predictions)),
            "Of the test rows; calibrated where it is the base rate.",
            PERCENT,
            QUALITY,
        ),
        roc_auc,
        *of_table.values(),
        *_value(refer, predictions, decision),
    ]


def _value(refer: Refer, predictions: str, decision: Decision) -> list[Measure]:
    """Say what acting at the threshold is worth, where the contract gives values."""
    if decision.unit is None:
        return []
    probability = refer("predictions", "probability")
    worth = {
        name: f"({dax_number(getattr(decision, name))})"
        for name in ("true_positive", "false_positive", "false_negative", "true_negative")
    }
    act = f"__P * {worth['true_positive']} + (1 - __P) * {worth['false_positive']}"
    leave = f"__P * {worth['false_negative']} + (1 - __P) * {worth['true_negative']}"
    expected = (
        "VAR __Threshold = [Threshold value]\n"
        "RETURN\n"
        "    SUMX(\n"
        f"        {dax_table(predictions)},\n"
        f"        VAR __P = {probability}\n"
        f"        RETURN IF(NOT ISBLANK(__P), IF(__P >= __Threshold, {act}, {leave}))\n"
        "    )"
    )
    realised = (
        f"[True positives] * {worth['true_positive']} + [False positives] * "
        f"{worth['false_positive']} + [False negatives] * {worth['false_negative']} + "
        f"[True negatives] * {worth['true_negative']}"
    )
    money = "#,0" + format_unit(decision.unit)
    return [
        Measure(
            "Expected value",
            expected,
            "What acting at the threshold is worth if the probabilities hold; all rows shown.",
            money,
            DECISION,
        ),
        Measure(
            "Value on test rows",
            realised,
            "What acting at the threshold was worth on the test rows, by what happened.",
            money,
            DECISION,
        ),
    ]


def _commonest_class(refer: Refer, predictions: str) -> Measure:
    rows = f"COUNTROWS({dax_table(predictions)})"
    commonest = f"MAXX(DISTINCT({refer('predictions', 'actual')}), CALCULATE({rows}))"
    return Measure(
        "Commonest class",
        f"DIVIDE({narrowed(commonest, seen(predictions))}, [Test rows])",
        "Share of the commonest class: what always guessing it gets right.",
        PERCENT,
        QUALITY,
    )


def _levels(refer: Refer, predictions: str, shown: str) -> list[Measure]:
    """Compare the means of truth and predictions of a regression."""
    actual, predicted = refer("predictions", "actual"), refer("predictions", "prediction")
    error = f"AVERAGEX({dax_table(predictions)}, {predicted} - {actual})"
    condition, of_test = seen(predictions), "Of the test rows."
    return [
        Measure(
            "Mean error",
            narrowed(error, condition),
            "How much too high the predictions are on average; below 0 they are too low.",
            shown,
            QUALITY,
        ),
        Measure("Mean actual", narrowed(f"AVERAGE({actual})", condition), of_test, shown, QUALITY),
        Measure(
            "Mean prediction", narrowed(f"AVERAGE({predicted})", condition), of_test, shown, QUALITY
        ),
    ]


def _coverage(refer: Refer, predictions: str) -> Measure:
    actual, low, high = (refer("predictions", name) for name in ("actual", "low", "high"))
    inside = f"IF({actual} >= {low} && {actual} <= {high}, 1, 0)"
    average = f"AVERAGEX({dax_table(predictions)}, {inside})"
    return Measure(
        "Inside the interval",
        narrowed(average, seen(predictions), f"NOT ISBLANK({low})"),
        "Share of the test rows whose truth lies within the predicted interval.",
        PERCENT,
        QUALITY,
    )


def drift_measures(refer: Refer, drift: str) -> list[Measure]:
    """Say how far the data moved, in the newest period of a visual that can be judged."""
    judged = f"{refer('drift', 'judged')} = TRUE()"
    judged_period = narrowed(f"MAX({refer('drift', 'period')})", judged)
    newest = f"VAR __Newest =\n{_indented(judged_period)}\nRETURN\n"
    of_newest = f"{refer('drift', 'period')} = __Newest"
    rows = f"COUNTROWS({dax_table(drift)})"
    drifted = narrowed(rows, of_newest, f"{refer('drift', 'drifted')} = TRUE()")
    ratio = f"DIVIDE({refer('drift', 'psi')}, {refer('drift', 'limit')})"
    return [
        Measure(
            "Newest period",
            judged_period,
            "The newest period that can be judged; one that has only begun cannot.",
            "",
            "Drift",
        ),
        Measure(
            "Drifted features",
            f"{newest}{_indented(drifted)} + 0",
            "Features that moved beyond their limit in the newest period that can be judged.",
            COUNT,
            "Drift",
        ),
        Measure(
            "Monitored features",
            f"{newest}{_indented(narrowed(rows, of_newest))} + 0",
            "Features that were compared in the newest period that can be judged.",
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
