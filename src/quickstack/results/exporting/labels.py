"""The result in plain words, for people who have not met the measures before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quickstack.models.modeling.metrics import MAIN_METRIC

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract
    from quickstack.results.exporting.histograms import Cells

#: Name and explanation of each metric.
METRICS: dict[str, tuple[str, str]] = {
    "roc_auc": (
        "ROC AUC",
        "How often a case gets a higher score than a non-case, both picked at random. 0.5 is "
        "chance, 1 is perfect.",
    ),
    "average_precision": (
        "Average precision",
        "How clean the list of highest scores is, on average over all lengths. 1 is perfect; "
        "chance is the share of cases.",
    ),
    "brier": (
        "Brier score",
        "Mean squared distance between the predicted probability and what happened. 0 is perfect; "
        "lower is better.",
    ),
    "log_loss": (
        "Log loss",
        "Punishes confident mistakes hardest. 0 is perfect; lower is better.",
    ),
    "accuracy": ("Accuracy", "Share of rows whose predicted class is right. 1 is perfect."),
    "macro_f1": (
        "Macro F1",
        "Balance of finding a class and not crying wolf, every class counting alike. 1 is perfect.",
    ),
    "roc_auc_ovr": (
        "ROC AUC, each class against the rest",
        "How well each class is told from all others, on average. 0.5 is chance, 1 is perfect.",
    ),
    "mae": ("Mean absolute error", "How far a prediction is off, on average. Lower is better."),
    "rmse": (
        "Root mean squared error",
        "How far a prediction is off, large misses counting more. Lower is better.",
    ),
    "r2": (
        "R²",
        "Share of the ups and downs that the predictions explain. 1 is perfect, 0 is no better "
        "than the mean.",
    ),
    "base_rate": ("Share of cases", "How many of the rows are cases; a fact of the data."),
}
#: What a broken rule means.
RULES = {
    "layout": "the line does not fit the columns",
    "type": "not of its type",
    "required": "value is missing",
    "allowed": "not one of the allowed values",
    "minimum": "too small",
    "maximum": "too large",
    "length": "too short or too long",
    "pattern": "not of its form",
    "unique": "there is one already",
    "reference": "not found in the other table",
}
#: What each verdict is called.
VERDICTS = {"stable": "stable", "warning": "to be watched", "alarm": "needs attention"}


def metric_name(name: str) -> str:
    """Return what people call a metric."""
    return METRICS.get(name, (name.replace("_", " "), ""))[0]


def number(value: float | None, digits: int = 3) -> str:
    """Write a number for reading: thousands apart, `digits` decimals below 1, fewer above."""
    if value is None:
        return "n/a"
    size = abs(value)
    kept = 0 if size >= 100 else 1 if size >= 10 else min(2, digits) if size >= 1 else digits
    return f"{value:,.{kept}f}"


def share(value: float) -> str:
    """Write a share of 1 in percent."""
    return f"{100 * value:.{1 if 0 < value < 0.0995 else 0}f} %"


def target_unit(contract: Contract) -> str | None:
    """Return the unit of what is predicted; a count needs none."""
    unit = contract.column(contract.target).unit
    return None if unit == "count" else unit


def case_text(contract: Contract) -> str:
    """Say what is predicted."""
    meant = contract.column(contract.target).description.strip()
    meant = f" ({meant.rstrip('.')})" if meant else ""
    if contract.task == "binary":
        return f"A case is a row with {contract.target} = {contract.positive}{meant}."
    return f"Predicted is {contract.target}{meant}."


def acting(contract: Contract, cells: Cells | None) -> list[str]:
    """Say what acting at the contract's threshold gives on the test rows; nothing where it cannot.

    Returns
    -------
    list of str
        The answer, then what it stands on.
    """
    if cells is None or contract.task != "binary":
        return []
    counts, decision = cells.counts(0), contract.decision
    flagged = counts.bin >= cells.edges.searchsorted(decision.threshold)
    some = {
        (outcome, acted): int(counts.rows[(counts.channel == outcome) & (flagged == acted)].sum())
        for outcome in (0, 1)
        for acted in (False, True)
    }
    hit, wasted = some[1, True], some[0, True]
    missed, left = some[1, False], some[0, False]
    if not hit + missed or not hit + wasted:
        return []
    rows = hit + wasted + missed + left
    answer = (
        f"Flagging {share((hit + wasted) / rows)} of the rows finds "
        f"{share(hit / (hit + missed))} of all cases of {contract.target} = {contract.positive}"
    )
    detail = (
        f"Of {rows:,} test rows, {hit + wasted:,} have a probability of at least "
        f"{100 * decision.threshold:.3g} %; {share(hit / (hit + wasted))} of them are cases."
    )
    if decision.unit is None:
        return [answer + ".", detail]
    worth = (
        hit * decision.true_positive
        + wasted * decision.false_positive
        + missed * decision.false_negative
        + left * decision.true_negative
    )
    return [f"{answer}; acting on them is worth {worth:,.0f} {decision.unit}.", detail]


def time_lead(drift: Mapping[str, Any]) -> str:
    """Say how the predictions and the features did since training."""
    judged = [p for p in drift["performance"]["periods"] if p["dropped"] is not None]
    good = sum(not p["dropped"] for p in judged)
    told = (
        f"In {good} of {len(judged)} periods that can be judged, the predictions are as good as "
        "in training."
        if judged
        else "No period could be judged yet."
    )
    moved = sum(feature["drifted"] for feature in drift["features"])
    return f"{told} {moved} of {len(drift['features'])} features moved away from the training data."


def headline(contract: Contract, metrics: Mapping[str, Any]) -> str:
    """Say in one sentence how good the predictions are.

    Parameters
    ----------
    contract
        Task, target and unit.
    metrics
        `reports/metrics.json`: each metric of the test rows, and `baseline` by metric.
    """
    name = MAIN_METRIC[contract.task]
    value, base = metrics.get(name), metrics["baseline"].get(name)
    if value is None:
        return (
            f"How good the predictions of {contract.target} are cannot be measured: the test rows "
            "hold one class only."
        )
    if contract.task == "binary":
        return (
            f"Take two rows that the model had not seen, one with {contract.target} = "
            f"{contract.positive} and one without: the model ranks them rightly in "
            f"{share(value)} of cases, chance in 50 %."
        )
    if contract.task == "multiclass":
        rest = (
            "" if base is None else f"; always guessing the commonest one is right in {share(base)}"
        )
        return f"On rows it had not seen, the model names the right class in {share(value)}{rest}."
    unit = target_unit(contract)
    missed = number(value, 2) + (f" ({unit})" if unit else "")
    rest = "" if base is None else f"; a guess without any feature misses by {number(base, 2)}"
    return (
        f"On rows it had not seen, the model misses {contract.target} by {missed} on average{rest}."
    )
