"""The result in plain words, for people who have not met the measures before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quickstack.models.modeling.metrics import BY_NAME

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract
    from quickstack.models.modeling.metrics import Metric
    from quickstack.results.exporting.histograms import Histograms

#: What a broken rule means.
RULES = {
    "layout": "the line does not fit the columns",
    "type": "not of its type",
    "required": "value is missing",
    "allowed": "not one of the allowed values",
    "minimum": "too small",
    "maximum": "too large",
    "length": "too short or too long",
    "multiple": "not a multiple",
    "pattern": "not of its form",
    "format": "not of its format",
    "clock": "a time that a clock change repeats or skips",
    "unique": "there is one already",
    "reference": "not found in the other table",
}
#: What each verdict is called.
VERDICTS = {
    "stable": "stable",
    "warning": "to be watched",
    "alarm": "needs attention",
    "unknown": "cannot be judged",
}


def metric_name(name: str) -> str:
    """Return what people call a metric."""
    return BY_NAME[name].label if name in BY_NAME else name.replace("_", " ")


def number(value: float | None, digits: int = 3) -> str:
    """Write a number for reading: thousands apart, `digits` decimals below 1, fewer above."""
    if value is None:
        return "n/a"
    size = abs(value)
    kept = 0 if size >= 100 else 1 if size >= 10 else min(2, digits) if size >= 1 else digits
    return f"{value:z,.{kept}f}"


def share(value: float) -> str:
    """Write a share of 1 in percent; one that is not all does not read as all."""
    if 0.995 <= value < 1:
        return f"{min(100 * value, 99.9):.1f} %"
    return f"{100 * value:.{1 if 0 < value < 0.0995 else 0}f} %"


def target_unit(contract: Contract) -> str | None:
    """Return the unit of what is predicted; a count needs none."""
    unit = contract.column(contract.target).unit
    return None if unit == "count" else unit


def metric_unit(metric: Metric, contract: Contract) -> str | None:
    """Return the unit of a metric: that of the target, or none."""
    return target_unit(contract) if metric.in_target_unit else None


def case_text(contract: Contract) -> str:
    """Say what is predicted."""
    meant = contract.column(contract.target).description.strip()
    meant = f" ({meant.rstrip('.')})" if meant else ""
    if contract.task == "binary":
        return f"A case is a row with {contract.target} = {contract.positive}{meant}."
    return f"Predicted is {contract.target}{meant}."


def acting(contract: Contract, histograms: Histograms | None) -> list[str]:
    """Say what acting at the contract's threshold gives on the test rows; nothing where it cannot.

    Returns
    -------
    list of str
        The answer, then what it stands on.
    """
    if histograms is None or contract.task != "binary":
        return []
    counts, decision = histograms.counts(0), contract.decision
    flagged = counts.bin >= histograms.edges.searchsorted(decision.threshold)
    some = {
        (outcome, acted): int(counts.rows[(counts.channel == outcome) & (flagged == acted)].sum())
        for outcome in (0, 1)
        for acted in (False, True)
    }
    tp, fp, fn, tn = some[1, True], some[0, True], some[1, False], some[0, False]
    if not tp + fn or not tp + fp:
        return []
    rows = tp + fp + fn + tn
    answer = (
        f"Flagging {share((tp + fp) / rows)} of the rows finds "
        f"{share(tp / (tp + fn))} of all cases of {contract.target} = {contract.positive}"
    )
    detail = (
        f"Of {rows:,} test rows, {tp + fp:,} have a probability of at least "
        f"{100 * decision.threshold:.3g} %; {share(tp / (tp + fp))} of them are cases."
    )
    if decision.unit is None:
        return [answer + ".", detail]
    worth = (
        tp * decision.true_positive
        + fp * decision.false_positive
        + fn * decision.false_negative
        + tn * decision.true_negative
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
    features = drift["features"]
    judged_features = [f for f in features if f["result"] in ("drifted", "as before")]
    if not judged_features:
        return f"{told} Whether features moved cannot be judged yet."
    moved = sum(feature["drifted"] for feature in features)
    return f"{told} {moved} of {len(features)} features moved away from the training data."


def headline(contract: Contract, metrics: Mapping[str, Any]) -> str:
    """Say in one sentence how good the predictions are.

    Parameters
    ----------
    contract
        Task, target and unit.
    metrics
        `reports/metrics.json`: each metric of the test rows, and `baseline` by metric.
    """
    metric = BY_NAME[contract.main_metric]
    value, base = metrics.get(metric.name), metrics["baseline"].get(metric.name)
    if value is None:
        held = "value" if contract.task == "regression" else "class"
        return (
            f"How good the predictions of {contract.target} are cannot be measured: the test rows "
            f"hold one {held} only."
        )
    digits = 2 if metric.in_target_unit else 3
    unit = metric_unit(metric, contract)
    said = metric.headline.format(
        label=metric.label,
        target=contract.target,
        positive=contract.positive,
        share=share(value),
        number=number(value, digits) + (f" ({unit})" if unit else ""),
    )
    if base is not None:
        said += metric.against.format(share=share(base), number=number(base, digits))
    return f"{said}."
