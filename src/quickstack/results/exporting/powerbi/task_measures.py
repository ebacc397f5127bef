"""The measures of each task, in DAX, from the rows of the predictions.

All quality is measured on rows that the model had not seen and whose truth is known; it follows
every filter and, for binary tasks, the threshold that the reader sets.
"""

from __future__ import annotations

from quickstack.facts.contract.model import Contract
from quickstack.results.exporting.powerbi.binary_measures import binary_measures
from quickstack.results.exporting.powerbi.measures import (
    PERCENT,
    QUALITY,
    SCORE,
    Refer,
    measured,
    narrowed,
)
from quickstack.results.exporting.powerbi.object_names import dax_table, format_unit
from quickstack.results.exporting.powerbi.semantic_model import Measure


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
    if contract.task == "binary":
        return binary_measures(refer, predictions, threshold, contract.decision)
    if contract.task == "multiclass":
        return _multiclass(refer, predictions)
    unit = contract.column(contract.target).unit
    return _regression(refer, predictions, unit, interval=interval)


def _multiclass(refer: Refer, predictions: str) -> list[Measure]:
    table, seen = dax_table(predictions), f"{measured(predictions)} = TRUE()"
    actual, predicted = refer("predictions", "actual"), refer("predictions", "prediction")
    rows = f"COUNTROWS({table})"
    commonest = f"MAXX(DISTINCT({actual}), CALCULATE({rows}))"
    return [
        Measure(
            "Accuracy",
            narrowed(f"AVERAGEX({table}, IF({predicted} = {actual}, 1, 0))", seen),
            "Share of the test rows whose predicted class is right.",
            PERCENT,
            QUALITY,
        ),
        Measure(
            "Macro F1",
            _MACRO_F1.format(rows=rows, actual=actual, predicted=predicted, seen=seen),
            "Balance of finding a class and not crying wolf, every class counting alike.",
            SCORE,
            QUALITY,
        ),
        Measure(
            "Commonest class",
            f"DIVIDE({narrowed(commonest, seen)}, [Test rows])",
            "Share of the commonest class: what always guessing it gets right.",
            PERCENT,
            QUALITY,
        ),
    ]


_MACRO_F1 = """\
VAR __Classes =
    CALCULATETABLE(
        DISTINCT(
            UNION(
                SELECTCOLUMNS(DISTINCT({actual}), "@Class", {actual} & ""),
                SELECTCOLUMNS(DISTINCT({predicted}), "@Class", {predicted} & "")
            )
        ),
        KEEPFILTERS({seen})
    )
RETURN
    AVERAGEX(
        __Classes,
        VAR __Class = [@Class]
        VAR __Hits =
            CALCULATE(
                {rows},
                KEEPFILTERS({seen}),
                KEEPFILTERS({actual} = __Class),
                KEEPFILTERS({predicted} = __Class)
            )
        VAR __Actual =
            CALCULATE({rows}, KEEPFILTERS({seen}), KEEPFILTERS({actual} = __Class))
        VAR __Predicted =
            CALCULATE({rows}, KEEPFILTERS({seen}), KEEPFILTERS({predicted} = __Class))
        RETURN DIVIDE(2 * __Hits, __Actual + __Predicted) + 0
    )"""


def _regression(
    refer: Refer, predictions: str, unit: str | None, *, interval: bool
) -> list[Measure]:
    table, seen = dax_table(predictions), f"{measured(predictions)} = TRUE()"
    actual, predicted = refer("predictions", "actual"), refer("predictions", "prediction")
    miss = f"{predicted} - {actual}"
    shown = "#,0.00" + format_unit(unit)
    root = (
        f"VAR __Mean = {narrowed(f'AVERAGEX({table}, ({miss}) ^ 2)', seen)}\n"
        "RETURN\n    IF(NOT ISBLANK(__Mean), SQRT(__Mean))"
    )
    r2 = (
        f"VAR __Mean = {narrowed(f'AVERAGE({actual})', seen)}\n"
        f"VAR __Missed = {narrowed(f'SUMX({table}, ({miss}) ^ 2)', seen)}\n"
        f"VAR __Spread = {narrowed(f'SUMX({table}, ({actual} - __Mean) ^ 2)', seen)}\n"
        f"VAR __Least = {narrowed(f'MIN({actual})', seen)}\n"
        f"VAR __Most = {narrowed(f'MAX({actual})', seen)}\n"
        "RETURN\n    IF(__Most > __Least, 1 - DIVIDE(__Missed, __Spread))"
    )
    found = [
        Measure(
            "Mean absolute error",
            narrowed(f"AVERAGEX({table}, ABS({miss}))", seen),
            "How far a prediction is off, on average.",
            shown,
            QUALITY,
        ),
        Measure(
            "Root mean squared error",
            root,
            "How far a prediction is off, large misses counting more.",
            shown,
            QUALITY,
        ),
        Measure(
            "Explained share (R²)",
            r2,
            "Share of the ups and downs that the predictions explain; 1 is perfect.",
            SCORE,
            QUALITY,
        ),
        Measure(
            "Mean error",
            narrowed(f"AVERAGEX({table}, {miss})", seen),
            "How much too high the predictions are on average; below 0 they are too low.",
            shown,
            QUALITY,
        ),
        Measure(
            "Mean actual", narrowed(f"AVERAGE({actual})", seen), "Of the test rows.", shown, QUALITY
        ),
        Measure(
            "Mean prediction",
            narrowed(f"AVERAGE({predicted})", seen),
            "Of the test rows.",
            shown,
            QUALITY,
        ),
    ]
    if interval:
        low, high = refer("predictions", "low"), refer("predictions", "high")
        inside = f"IF({actual} >= {low} && {actual} <= {high}, 1, 0)"
        found.append(
            Measure(
                "Inside the interval",
                narrowed(f"AVERAGEX({table}, {inside})", seen, f"NOT ISBLANK({low})"),
                "Share of the test rows whose truth lies within the predicted interval.",
                PERCENT,
                QUALITY,
            )
        )
    return found
