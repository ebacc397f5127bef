"""What follows from a prediction: whether to act and what that is worth, or how far it may be off.

Everything is computed from the rounded figures that stand beside it, so that whoever reads the
table comes to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quickstack.models.modeling.conformal import LEVEL
from quickstack.results.exporting.export_tables import Field

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract


def outcome_fields(contract: Contract) -> list[Field]:
    """Describe the columns: `acted` and `value` of a binary task, `low` and `high` of a regression.

    A multiclass task has none: its probabilities say all.
    """
    if contract.task == "binary":
        decision = contract.decision
        return [
            Field(
                "acted",
                "boolean",
                f"Whether to act: the probability is {decision.threshold:.6g} or more.",
            ),
            Field(
                "value",
                "number",
                "Expected value of doing what `acted` says, from the values of right and wrong "
                "decisions in the contract; 0 where it gives none.",
                decision.unit,
            ),
        ]
    if contract.task == "regression":
        unit = contract.column(contract.target).unit
        meaning = (
            f"end of the {LEVEL:.0%} interval: the prediction {{}} the error that {LEVEL:.0%} of "
            "the training rows stay within when they are predicted by models that have not seen "
            "them; empty without cross-validation."
        )
        return [
            Field("low", "number", "Lower " + meaning.format("less"), unit),
            Field("high", "number", "Upper " + meaning.format("plus"), unit),
        ]
    return []


def outcome_columns(
    contract: Contract, columns: dict[str, Any], *, half_width: float | None, decimals: int
) -> dict[str, Any]:
    """Fill the columns of `outcome_fields`.

    Parameters
    ----------
    contract
        Task and decision.
    columns
        `probability` (binary) or `prediction` (regression) as it is exported.
    half_width
        Of the interval around a regression's predictions; None where it is not known.
    decimals
        What is computed is rounded to it.
    """
    import numpy as np

    if contract.task == "binary":
        decision, p = contract.decision, np.asarray(columns["probability"], dtype="float64")
        acted = p >= decision.threshold
        acting = p * decision.true_positive + (1 - p) * decision.false_positive
        letting = p * decision.false_negative + (1 - p) * decision.true_negative
        return {"acted": acted, "value": np.where(acted, acting, letting).round(decimals)}
    if contract.task == "regression":
        prediction = np.asarray(columns["prediction"], dtype="float64")
        width = float("nan") if half_width is None else half_width
        return {
            "low": (prediction - width).round(decimals),
            "high": (prediction + width).round(decimals),
        }
    return {}
