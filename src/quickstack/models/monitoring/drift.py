"""Drift of a feature: real, large enough to matter, and more than the seasons ever showed.

Rules that look at p-values alone alarm on nearly every large batch, and a fixed limit of the
population stability index (PSI) alarms on small clean batches and misses broken units in large
ones. A feature has drifted here where all three hold:

1. it is significant: a two-sample chi-square test gives p < significance / number of features;
2. it is large enough: the PSI without its expected noise is above `min_psi`;
3. it is not a season: the lower end of its 95 % interval is above `seasonal_factor` times the
   largest one that the reference's own periods show (that limit is never above 0.25, the
   customary mark of a large shift).

Fewer than six periods in the reference show no seasons; the result is then not calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.reference_profile import Profile

Counts = NDArray[np.int64]

#: Periods that the reference needs before its seasons are known.
MIN_PERIODS = 6
#: A PSI above this is a large shift by custom, whatever the seasons.
LARGEST_LIMIT = 0.25
#: Bins with a smaller expected count are pooled (Cochran's rule for the chi-square test).
MIN_EXPECTED = 5.0
#: Half the width of a 95 % interval, in standard deviations.
Z_95 = 1.959964

Cause = Literal["distribution", "missing values", "unknown values"]


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature of a batch is from the reference.

    Attributes
    ----------
    psi
        Population stability index without its expected noise, in nats; at least 0.
    psi_lower
        The lower end of its 95 % interval; at least 0.
    limit
        What `psi_lower` must exceed to count as more than a season; None where the reference has
        too few periods to know.
    p_value
        Of the two-sample chi-square test.
    drifted
        Whether the rule says so.
    cause
        What moved most: missing values, values that the contract does not allow, or neither; None
        where the feature has not drifted.
    missing, reference_missing
        Shares of missing values, 0 to 1.
    """

    name: str
    psi: float
    psi_lower: float
    limit: float | None
    p_value: float
    drifted: bool
    cause: Cause | None
    missing: float
    reference_missing: float


def is_calibrated(reference: Mapping[str, Any]) -> bool:
    """Whether the reference has enough periods to know the seasons."""
    return all(len(entry["periods"]) >= MIN_PERIODS for entry in reference["features"])


def measure_drift(
    batch: Profile, reference: Mapping[str, Any], params: MonitorParams
) -> list[FeatureDrift]:
    """Compare a batch with the reference, feature by feature.

    Parameters
    ----------
    batch
        Counts of its rows in the bins of the reference.
    reference
        As `profile.build_reference` gives it.
    params
        The limits.

    Returns
    -------
    list of FeatureDrift
        In the order of the reference.
    """
    significance = params.significance / max(len(reference["features"]), 1)
    calibrated = is_calibrated(reference)
    result = []
    for entry in reference["features"]:
        base, new = np.asarray(entry["counts"], dtype=np.int64), batch[entry["name"]]
        pooled_base, pooled_new = pool(base, new)
        psi, lower = noise_free_psi(pooled_base, pooled_new)
        p_value = chi_square_p(pooled_base, pooled_new)
        limit = _seasonal_limit(entry, params.seasonal_factor) if calibrated else None
        drifted = p_value < significance and psi > params.min_psi and lower > (limit or 0.0)
        result.append(
            FeatureDrift(
                name=entry["name"],
                psi=max(psi, 0.0),
                psi_lower=max(lower, 0.0),
                limit=limit,
                p_value=p_value,
                drifted=bool(drifted),
                cause=_cause(base, new, entry["kind"]) if drifted else None,
                missing=_share(new, -1),
                reference_missing=_share(base, -1),
            )
        )
    return result


def pool(base: Counts, new: Counts) -> tuple[Counts, Counts]:
    """Pool the bins in which either side expects fewer than five rows, so that the test holds.

    Parameters
    ----------
    base, new
        Counts per bin, shape (bins,).

    Returns
    -------
    tuple of arrays
        The counts in the bins that remain, shape (bins kept,), the same for both; where the pool
        itself is too small, it joins the smallest of the others.
    """
    smaller_share = min(base.sum(), new.sum()) / max(base.sum() + new.sum(), 1)
    expected = (base + new) * smaller_share
    small = expected < MIN_EXPECTED
    if not small.any():
        return base, new
    kept_base, kept_new = base[~small].copy(), new[~small].copy()
    if expected[small].sum() >= MIN_EXPECTED or not len(kept_base):
        return (
            np.append(kept_base, base[small].sum()),
            np.append(kept_new, new[small].sum()),
        )
    least = int(np.argmin(expected[~small]))
    kept_base[least] += base[small].sum()
    kept_new[least] += new[small].sum()
    return kept_base, kept_new


def chi_square_p(base: Counts, new: Counts) -> float:
    """Return the p-value of Pearson's two-sample chi-square test on counts per bin.

    The statistic is sum((sqrt(m/n) base - sqrt(n/m) new)^2 / (base + new)) with n rows in base
    and m in new, of k - 1 degrees of freedom (Press et al., Numerical Recipes, 14.3). 1.0 where
    there are fewer than two bins, or no rows.
    """
    from scipy.special import gammaincc

    rows, new_rows = int(base.sum()), int(new.sum())
    if len(base) < 2 or not rows or not new_rows:
        return 1.0
    ratio = np.sqrt(new_rows / rows)
    statistic = float((((ratio * base) - new / ratio) ** 2 / (base + new)).sum())
    return float(gammaincc((len(base) - 1) / 2, statistic / 2))


def noise_free_psi(base: Counts, new: Counts) -> tuple[float, float]:
    """Return the population stability index without its expected noise, and its lower bound.

    With shares q of the n reference rows and p of the m new rows in k bins (half a row is added
    to each bin, so that an empty one is not infinite):

    - PSI = sum((p - q) ln(p / q)), in nats; equal samples show k (1/n + 1/m) on average, to be
      cautious (exactly: k - 1; Yurdakul 2018, Statistical properties of PSI), which is subtracted;
    - its variance, by the delta method for two multinomial samples, is
      var_p(ln(p/q) + 1 - q/p) / m + var_q(-ln(p/q) + 1 - p/q) / n, the gradient's variance under
      p and q. Near p = q the gradient vanishes, and the chi-square limit's own variance
      2 (k - 1) (1/n + 1/m)^2 is what remains; both are added;
    - the lower bound lies 1.96 standard deviations below.

    Returns
    -------
    tuple of float
        The index and its bound, either possibly below 0; (0.0, 0.0) where a side has no rows.
    """
    bins, rows, new_rows = len(base), int(base.sum()), int(new.sum())
    if not rows or not new_rows:
        return 0.0, 0.0
    q = (base + 0.5) / (rows + 0.5 * bins)
    p = (new + 0.5) / (new_rows + 0.5 * bins)
    log_ratio = np.log(p / q)
    noise = 1 / rows + 1 / new_rows
    psi = float(((p - q) * log_ratio).sum()) - bins * noise
    variance = (
        _variance(log_ratio + 1 - q / p, p) / new_rows
        + _variance(-log_ratio + 1 - p / q, q) / rows
        + 2 * (bins - 1) * noise**2
    )
    return psi, psi - Z_95 * float(np.sqrt(variance))


def _variance(values: NDArray[np.floating[Any]], shares: NDArray[np.floating[Any]]) -> float:
    mean = float((values * shares).sum())
    return float(((values - mean) ** 2 * shares).sum())


def _seasonal_limit(entry: Mapping[str, Any], factor: float) -> float:
    base = np.asarray(entry["counts"], dtype=np.int64)
    seen = [
        noise_free_psi(*pool(base, np.asarray(counts, dtype=np.int64)))[0]
        for counts in entry["periods"].values()
    ]
    return min(factor * max(0.0, *seen), LARGEST_LIMIT)


def _cause(base: Counts, new: Counts, kind: str) -> Cause:
    """Name the bin that moved most; only a rise of missing or unknown values breaks data."""
    rise = new / max(new.sum(), 1) - base / max(base.sum(), 1)
    most = int(np.argmax(np.abs(rise)))
    if rise[most] > 0 and most == len(base) - 1:
        return "missing values"
    if rise[most] > 0 and kind == "category" and most == len(base) - 2:
        return "unknown values"
    return "distribution"


def _share(counts: Counts, index: int) -> float:
    return float(counts[index] / max(counts.sum(), 1))
