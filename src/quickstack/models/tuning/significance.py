"""How sure the score of a trial is, and whether it is more than noise beside the default's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Of the intervals.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over folds, and its 95 % interval."""

    value: float
    low: float
    high: float


def over_folds(scores: list[float], *, ordered: bool) -> Estimate:
    """Estimate the mean of what each fold gave: scores, or paired differences of two models.

    Folds share training rows, so that their variance alone is too small a measure; it is corrected
    as by Nadeau and Bengio 2003, Inference for the Generalization Error, equation 9
    (doi:10.1023/A:1024068626366): 1/k plus the ratio of held-out to learned rows, in place of 1/k.

    Parameters
    ----------
    scores
        One number for each of the k folds, k of 2 or more.
    ordered
        Whether the rows have an order in time: each fold is then predicted from those before it,
        which are 1 to k times as large, else from the k - 1 others.
    """
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes a second

    folds = len(scores)
    ratio = float(np.mean(1 / np.arange(1, folds + 1))) if ordered else 1 / (folds - 1)
    error = float(np.std(scores, ddof=1)) * float(np.sqrt(1 / folds + ratio))
    mean = float(np.mean(scores))
    half = float(stdtrit(folds - 1, (1 + CONFIDENCE) / 2)) * error
    return Estimate(mean, mean - half, mean + half)


def gain(
    best: list[float], default: list[float], *, ordered: bool, higher: bool
) -> tuple[Estimate, bool]:
    """Compare two models fold by fold.

    Returns
    -------
    tuple
        By how much the first is better, and whether that is within noise: its interval holds 0.
    """
    sign = 1 if higher else -1
    pairs = zip(best, default, strict=True)
    estimate = over_folds([sign * (one - other) for one, other in pairs], ordered=ordered)
    return estimate, estimate.low <= 0
