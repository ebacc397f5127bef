"""Intervals around predicted values, from errors on rows that the model had not seen.

Split conformal prediction with absolute residuals (J. Lei et al., Distribution-Free Predictive
Inference for Regression, JASA 2018, doi:10.1080/01621459.2017.1307116). The residuals are those of
cross-validation, where each row is predicted by a model of the other folds. That is the half width
of the jackknife+ and CV+ family without their guarantee for every sample size (R. Barber et al.,
Predictive inference with the jackknife+, Annals of Statistics 2021, doi:10.1214/20-AOS1965), so
what the interval covers on the test rows is measured and reported beside it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quickstack.models.modeling.metrics import Floats

#: The share of future rows that an interval is meant to hold.
LEVEL = 0.9


def half_width(residuals: Floats, level: float = LEVEL) -> float | None:
    """Return how far around a prediction the interval goes.

    Parameters
    ----------
    residuals
        Absolute errors on rows that the model had not seen, shape (rows,).
    level
        The share to hold, 0 to 1.

    Returns
    -------
    float or None
        The ceil((rows + 1) · level)-th smallest residual; None where there are too few.
    """
    rank = math.ceil((len(residuals) + 1) * level)
    if rank > len(residuals):
        return None
    return float(np.partition(residuals, rank - 1)[rank - 1])


def interval_coverage(
    interval: dict[str, Any] | None, truth: Floats, predicted: Floats
) -> dict[str, Any] | None:
    """Return what share of the test rows the interval holds, beside the share it is meant to.

    Parameters
    ----------
    interval
        `level` and `half_width`, as `modeling.fit.cross_validate` gives them.
    truth, predicted
        Of the test rows, shape (rows,).
    """
    if not interval or interval["half_width"] is None:
        return None
    held = np.abs(truth - predicted) <= interval["half_width"]
    return {**interval, "coverage": round(float(held.mean()), 6)}
