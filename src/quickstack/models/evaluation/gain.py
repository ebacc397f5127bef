"""Whether a model beats the best naive guess, and whether that can be believed, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quickstack.facts.contract.model import Contract
from quickstack.models.modeling.metrics import BY_NAME

#: Metrics that no honest model of people or markets reaches; above it something leaks.
TOO_GOOD = {"roc_auc": 0.99, "roc_auc_ovr": 0.99, "r2": 0.99}


def too_good(
    contract: Contract, values: Mapping[str, float | None], features: Sequence[str]
) -> str | None:
    """Say that a model is too good to be believed, and what to answer; None where it is not.

    Parameters
    ----------
    values
        The metrics of the test rows.
    features
        Those of the model, the most important first. The first one needs the answer that it is
        known before; see `knownAt` of the contract.
    """
    reached = [name for name, limit in TOO_GOOD.items() if (values.get(name) or 0.0) > limit]
    if not reached or not features or contract.column(features[0]).known_before:
        return None
    label, value = BY_NAME[reached[0]].label, values[reached[0]]
    return (
        f"The model is too good to be believed ({label} {value:.4f}): say in the contract whether "
        f"`{features[0]}`, on which it leans most, is known only afterwards (`leaksTarget: true`), "
        "or before (`knownAt: before`, with a reason)"
    )


def no_gain(metrics: Mapping[str, Any], main: str) -> str | None:
    """Say that a model does not beat the best naive guess; None where it clearly does.

    Parameters
    ----------
    metrics
        As `reports/metrics.json` has them.
    main
        Name of the main metric.
    """
    gap, base = metrics["difference"].get(main) or {}, metrics["baseline"].get(main)
    if base is None or gap.get("better"):
        return None
    how = "is worse than" if gap.get("better") is False else "is not clearly better than"
    return (
        f"The model {how} a guess without any model: {BY_NAME[main].label} is {base:.3f} by "
        f"{guess_name(metrics, main)}, and {metrics[main]:.3f} by the model"
    )


def guess_name(metrics: Mapping[str, Any], metric: str) -> str:
    """Return what the best naive guess of a metric guesses."""
    return (metrics.get("guess") or {}).get(metric) or "the frequencies, or the mean"
