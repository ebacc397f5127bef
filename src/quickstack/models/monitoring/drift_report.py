"""`reports/drift.json`: the verdict first, then the numbers that it stands on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.facts.errors import DataError
from quickstack.models.modeling.reference_profile import Profile
from quickstack.models.monitoring.drift import DriftReference, FeatureDrift
from quickstack.models.monitoring.performance import PeriodPerformance
from quickstack.models.monitoring.verdict import SeenBatch, decide

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract

#: Numbers in the report are rounded to it, so that noise in the last bits does not show.
DECIMALS = 6


def drift_report(
    profiles: Mapping[str, Profile],
    performance: Sequence[PeriodPerformance],
    reference: DriftReference,
    validation: Mapping[str, Any] | None,
    contract: Contract,
    begun: Mapping[str, float],
) -> dict[str, Any]:
    """Build the report.

    Parameters
    ----------
    profiles
        Counts of each batch in the bins of the reference, by label.
    performance
        As `performance.judge` gives it.
    reference
        What the batches are compared with.
    validation
        `cross_validation` of the model's metadata, with which performance was compared.
    contract
        Its task, main metric and order.
    begun
        As `seasons.covered_shares` gives it.

    Returns
    -------
    dict
        JSON-able; numbers rounded to 6 decimals, null where there is none.

    Raises
    ------
    DataError
        Where no batch has a row.
    """
    if not profiles:
        raise DataError(
            "no row after the training rows can be judged",
            fix="check the time column, and the split in the contract",
        )
    ordered = contract.ordered
    batches = [
        _seen(label, _named(label, contract), profiles[label], reference, begun.get(label))
        for label in sorted(profiles)
    ]
    newest = batches[-1]
    shown = next((batch for batch in reversed(batches) if batch.judged), newest)
    validation = validation or {}
    verdict = decide(
        batches,
        performance,
        contract.task,
        calibrated=reference.calibrated,
        known=bool(validation.get("quality")),
    )
    report = {
        **verdict,
        "compared": f"{_which(shown, newest)} with the training rows"
        if ordered
        else "the test rows with the training rows, since rows have no order in time",
        "calibrated": reference.calibrated,
        "newest_period": newest.period if ordered else None,
        "judged_period": shown.period if ordered and shown.judged else None,
        "rows": shown.rows,
        "reference_rows": reference.rows,
        "smallest_shift": shown.smallest_shift,
        "drifted_features": len(shown.drifted),
        "features": [
            {
                **asdict(feature),
                "limit": _limit(feature, reference),
                "result": _result(feature, shown),
            }
            for feature in sorted(shown.features, key=lambda f: (-round(f.psi, DECIMALS), f.name))
        ],
        "periods": [
            {
                "period": batch.period,
                "rows": batch.rows,
                "judged": batch.judged,
                "not_judged": batch.why_not,
                "smallest_shift": batch.smallest_shift,
                "psi": {feature.name: feature.psi for feature in batch.features},
                "limit": {feature.name: _limit(feature, reference) for feature in batch.features},
                "drifted": [feature.name for feature in batch.drifted],
            }
            for batch in batches
        ],
        "performance": {
            "metric": contract.main_metric,
            "loss": validation.get("loss"),
            "periods": [asdict(period) for period in performance],
        },
    }
    return _plain(report)


def _named(label: str, contract: Contract) -> str:
    if not contract.ordered:
        return "the test rows"
    return label if contract.time_column else f"block {int(label)} of the rows"


def _seen(
    label: str, named: str, profile: Profile, reference: DriftReference, covered: float | None
) -> SeenBatch:
    rows = int(next(iter(profile.values())).sum()) if profile else 0
    return SeenBatch(
        period=label,
        named=named,
        rows=rows,
        covered=covered,
        smallest_shift=reference.smallest_shift(rows),
        judged=covered is None and reference.can_judge(rows),
        features=reference.measure(profile, label),
    )


def _which(shown: SeenBatch, newest: SeenBatch) -> str:
    if shown is newest:
        return "the newest period"
    return f"{shown.named}, the newest period that can be judged,"


def _result(feature: FeatureDrift, batch: SeenBatch) -> str:
    if feature.says_time:
        return "only says the time"
    if not batch.judged:
        return "cannot be judged"
    return "drifted" if feature.drifted else "as before"


def _limit(feature: FeatureDrift, reference: DriftReference) -> float:
    return max(feature.limit or 0.0, reference.min_psi)


def _plain(value: Any) -> Any:
    """Round floats, and replace those that JSON cannot hold by null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    return value
