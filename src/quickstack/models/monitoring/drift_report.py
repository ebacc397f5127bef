"""`reports/drift.json`: the verdict first, then the numbers that it stands on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.facts.errors import DataError
from quickstack.models.modeling.reference_profile import Profile
from quickstack.models.monitoring.drift import is_calibrated, measure_drift
from quickstack.models.monitoring.performance import PeriodPerformance, ReferenceLoss
from quickstack.models.monitoring.verdict import decide

if TYPE_CHECKING:
    from quickstack.facts.params import MonitorParams

#: Numbers in the report are rounded to it, so that noise in the last bits does not show.
DECIMALS = 6


def drift_report(
    profiles: Mapping[str, Profile],
    performance: Sequence[PeriodPerformance],
    reference: Mapping[str, Any],
    loss: ReferenceLoss | None,
    params: MonitorParams,
    *,
    main_metric: str,
    ordered: bool,
) -> dict[str, Any]:
    """Build the report.

    Parameters
    ----------
    profiles
        Counts of each batch in the bins of the reference, by label.
    performance
        As `performance.judge` gives it.
    reference
        As `profile.build_reference` gives it.
    loss
        What the losses were compared with.
    params
        The limits of the drift rule.
    main_metric, ordered
        Of the contract.

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
    drift = {label: measure_drift(profiles[label], reference, params) for label in sorted(profiles)}
    newest, calibrated = max(drift), is_calibrated(reference)
    named = newest if ordered else "the test rows"
    verdict = decide(drift[newest], performance, newest, named, calibrated=calibrated)
    rows = {label: _rows(profile) for label, profile in profiles.items()}
    report = {
        **verdict,
        "compared": "the newest period with the training rows"
        if ordered
        else "the test rows with the training rows, since rows have no order in time",
        "calibrated": calibrated,
        "newest_period": newest if ordered else None,
        "rows": rows[newest],
        "reference_rows": reference["rows"],
        "drifted_features": sum(feature.drifted for feature in drift[newest]),
        "features": [
            {**vars(feature), "limit": max(feature.limit or 0.0, params.min_psi)}
            for feature in sorted(drift[newest], key=lambda f: (-round(f.psi, DECIMALS), f.name))
        ],
        "periods": [
            {
                "period": label,
                "rows": rows[label],
                "psi": {feature.name: feature.psi for feature in features},
                "drifted": [feature.name for feature in features if feature.drifted],
            }
            for label, features in drift.items()
        ],
        "performance": {
            "metric": main_metric,
            "loss": None if loss is None else vars(loss),
            "periods": [vars(period) for period in performance],
        },
    }
    return _plain(report)


def _rows(profile: Profile) -> int:
    return int(next(iter(profile.values())).sum()) if profile else 0


def _plain(value: Any) -> Any:
    """Round floats, and replace those that JSON cannot hold by null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    return value
