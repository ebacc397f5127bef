"""The measures of a binary task, in DAX: quality and worth of acting at a threshold."""

from __future__ import annotations

from quickstack.facts.contract.model import Decision
from quickstack.results.exporting.powerbi.measures import (
    COUNT,
    DECISION,
    PERCENT,
    QUALITY,
    SCORE,
    Refer,
    measured,
    narrowed,
)
from quickstack.results.exporting.powerbi.object_names import (
    dax_column,
    dax_number,
    dax_table,
    format_unit,
)
from quickstack.results.exporting.powerbi.semantic_model import Measure


def binary_measures(
    refer: Refer, predictions: str, threshold: str, decision: Decision
) -> list[Measure]:
    """Return quality and outcomes at the threshold, and their worth where the contract gives it.

    Parameters
    ----------
    refer
        Writes a column of an exported table.
    predictions, threshold
        What people read for the tables of predictions and thresholds.
    decision
        The contract's threshold and values.
    """
    table, probability = dax_table(predictions), refer("predictions", "probability")
    case, seen = dax_column(predictions, "Case"), f"{measured(predictions)} = TRUE()"
    chosen = dax_column(threshold, "Threshold")

    def outcome(name: str, is_case: int, side: str, words: str) -> Measure:
        rows = narrowed(
            f"COUNTROWS({table})", seen, f"{case} = {is_case}", f"{probability} {side} __Threshold"
        )
        text = f"VAR __Threshold = [Threshold value]\nRETURN\n{rows} + 0"
        return Measure(name, text, words, COUNT, DECISION)

    squared = f"AVERAGEX({table}, ({probability} - {case}) ^ 2)"
    acted = narrowed(f"COUNTROWS({table})", f"{probability} >= __Threshold")
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
        Measure(
            "Base rate",
            narrowed(f"AVERAGE({case})", seen),
            "Share of cases among the test rows: what a choice at random finds.",
            PERCENT,
            QUALITY,
        ),
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
        Measure(
            "Brier score",
            narrowed(squared, seen),
            "Mean squared distance between probability and truth; 0 is perfect.",
            "0.0000",
            QUALITY,
        ),
        Measure(
            "Mean probability",
            narrowed(f"AVERAGE({probability})", seen),
            "Of the test rows; calibrated where it is the base rate.",
            PERCENT,
            QUALITY,
        ),
        Measure(
            "ROC AUC",
            _AUC.format(table=table, score=dax_column(predictions, "Score"), case=case, seen=seen),
            "How often a case gets a higher probability than a row that is none, ties counting "
            "half; probabilities rounded to 3 decimals, so that it is quick.",
            SCORE,
            QUALITY,
        ),
        *_value(refer, predictions, decision),
    ]


# By trapezia over the scores, as modeling.metrics has it (Hanley and McNeil 1982).
_AUC = """\
VAR __Scores =
    CALCULATETABLE(
        ADDCOLUMNS(
            SUMMARIZE({table}, {score}),
            "@Cases", CALCULATE(SUM({case})),
            "@Rows", CALCULATE(COUNTROWS({table}))
        ),
        KEEPFILTERS({seen})
    )
VAR __Cases = SUMX(__Scores, [@Cases])
VAR __Others = SUMX(__Scores, [@Rows] - [@Cases])
VAR __Won =
    SUMX(
        __Scores,
        VAR __Score = {score}
        VAR __Above = SUMX(FILTER(__Scores, {score} > __Score), [@Cases])
        RETURN ([@Rows] - [@Cases]) * (__Above + [@Cases] / 2)
    )
RETURN
    DIVIDE(__Won, __Cases * __Others)"""


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
