"""Drift of a feature: real, large enough to matter, and more than training periods differ.

Rules that look at p-values alone alarm on nearly every large batch, and a fixed limit of the
population stability index (PSI) alarms on small clean batches and misses broken units in large
ones. A feature has drifted here where all three hold:

1. it is significant: a two-sample chi-square test gives p < significance / number of features;
2. it is large enough: the PSI without its expected noise is above `min_psi`;
3. it is more than periods of the training data differ: the lower end of its interval is above
   `seasonal_factor` times the largest PSI of a training period against the others, and above what
   a further period of their kind would exceed with a probability of 1 % for all features together.

Where two cycles of the season are known, a period is compared with the training periods of its own
season, each of which is compared with the others of its season, unless the comparison with all of
training is the sharper one, as it is for a feature without a season. Fewer than six periods show no
seasons; the result is then not calibrated. A feature that only says the time never drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.metrics import Floats
from quickstack.models.modeling.reference_profile import BINS, Profile

Counts = NDArray[np.int64]

#: Periods that the reference needs before its seasons are known.
MIN_PERIODS = 6
#: Bins with a smaller expected count are pooled (Cochran's rule for the chi-square test), unless
#: their own rows alone, by an exact test at this level, are more than chance.
MIN_EXPECTED, SURE = 5.0, 1e-5
#: The probability that noise alone exceeds the limit in one period, for all features together.
FALSE_ALARMS = 0.01
#: A period is judged where a shift of so many standard deviations would be found in it, with a
#: probability of 95 %.
LARGEST_UNSEEN, Z_FOUND = 1.0, 1.644854

Cause = Literal["distribution", "missing values", "unknown values", "unseen values"]


class Limit(NamedTuple):
    """What a drift must exceed, and what the batch is compared with.

    Attributes
    ----------
    value
        In nats.
    base
        Counts per bin of the training rows compared with, shape (bins,).
    seasonal
        Whether those are of the same season alone.
    """

    value: float
    base: Counts
    seasonal: bool


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature of a batch is from the reference.

    Attributes
    ----------
    psi
        Population stability index without its expected noise, in nats; at least 0.
    psi_lower
        The lower end of its interval, one-sided, 99 % for all features together; at least 0.
    limit
        What `psi_lower` must exceed to count as more than a season; None where the reference has
        too few periods to know.
    p_value
        Of the two-sample chi-square test.
    drifted
        Whether the rule says so; never where it only says the time.
    cause
        What moved most: missing values, values that the contract does not allow, values that it
        allows and training never saw, or none of them; None where the feature has not drifted.
    missing, reference_missing
        Shares of missing values, 0 to 1.
    unseen
        Rows with a value that no training row has, of a feature with listed values.
    seasonal
        Whether it is compared with training rows of the same season alone.
    says_time
        Whether it only says the time.
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
    unseen: int = 0
    seasonal: bool = False
    says_time: bool = False


class DriftReference:
    """The training rows as batches are compared with them.

    Parameters
    ----------
    document
        As `reference_profile.build_reference` gives it.
    params
        The limits.
    positions
        Where in its season each period stands, those of batches included; None where there is no
        season.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        params: MonitorParams,
        positions: Mapping[str, int] | None = None,
    ) -> None:
        self.entries = document["features"]
        self.rows = int(document["rows"])
        self._params, self._positions = params, positions or {}
        self._limits: dict[tuple[str, int | None], Limit | None] = {}
        self._periods = self._usable()

    @property
    def min_psi(self) -> float:
        """The smallest index that matters."""
        return self._params.min_psi

    @property
    def calibrated(self) -> bool:
        """Whether it has enough periods, each of enough rows, to know how periods differ."""
        return len(self._periods) >= MIN_PERIODS

    def smallest_shift(self, rows: int) -> float:
        """Return the smallest shift that is found in so many rows with a probability of 95 %.

        In standard deviations of a normal feature, whose PSI is the square of its shift. The PSI
        needed lies z + 1.64 of its standard deviations above 0, where its variance is
        4 PSI h + 2 (bins - 1) h^2 with h = 1 / rows + 1 / reference rows, see `noise_free_psi`.
        """
        if not rows or not self.rows:
            return float("inf")
        noise, z = 1 / rows + 1 / self.rows, (self._z() + Z_FOUND) ** 2
        return float(np.sqrt(noise * (2 * z + np.sqrt(4 * z**2 + 2 * z * BINS))))

    def can_judge(self, rows: int) -> bool:
        """Whether a batch of so many rows is large enough to be judged."""
        return self.smallest_shift(rows) <= LARGEST_UNSEEN

    def measure(self, batch: Profile, label: str = "") -> list[FeatureDrift]:
        """Compare a batch, feature by feature.

        Parameters
        ----------
        batch
            Counts of its rows in the bins of the reference.
        label
            Its period.

        Returns
        -------
        list of FeatureDrift
            In the order of the reference.
        """
        return [self._feature(entry, batch[entry["name"]], label) for entry in self.entries]

    def _feature(self, entry: Mapping[str, Any], new: Counts, label: str) -> FeatureDrift:
        whole = np.asarray(entry["counts"], dtype=np.int64)
        limit = self._limit(entry, self._positions.get(label))
        base = whole if limit is None else limit.base
        pooled = pool(base, new)
        psi, lower = noise_free_psi(*pooled, z=self._z())
        p_value = chi_square_p(*pooled)
        says_time = bool(entry.get("says_time"))
        drifted = (
            not says_time
            and p_value < self._params.significance / len(self.entries)
            and psi > self._params.min_psi
            and lower > (limit.value if limit else 0.0)
        )
        return FeatureDrift(
            name=entry["name"],
            psi=max(psi, 0.0),
            psi_lower=max(lower, 0.0),
            limit=None if limit is None else limit.value,
            p_value=p_value,
            drifted=bool(drifted),
            cause=_cause(base, new, entry["kind"]) if drifted else None,
            missing=_share(new, -1),
            reference_missing=_share(base, -1),
            unseen=int(new[:-2][whole[:-2] == 0].sum()) if entry["kind"] == "category" else 0,
            seasonal=limit is not None and limit.seasonal,
            says_time=says_time,
        )

    def _z(self) -> float:
        from scipy.special import ndtri

        return -float(ndtri(FALSE_ALARMS / max(len(self.entries), 1)))

    def _usable(self) -> list[str]:
        """Return the training periods that are large enough to be judged."""
        if not self.entries:
            return []
        periods = self.entries[0]["periods"]
        return [label for label, counts in periods.items() if self.can_judge(sum(counts))]

    def _limit(self, entry: Mapping[str, Any], position: int | None) -> Limit | None:
        """Return the sharper limit: of all training periods, or of those of the same season."""
        if not self.calibrated:
            return None
        key = entry["name"], position
        if key not in self._limits:
            counts = np.array([entry["periods"][label] for label in self._periods], dtype=np.int64)
            limits = [self._of_all(entry, counts), self._of_season(counts, position)]
            self._limits[key] = min(filter(None, limits), key=lambda limit: limit.value)
        return self._limits[key]

    def _of_all(self, entry: Mapping[str, Any], counts: Counts) -> Limit:
        whole = np.asarray(entry["counts"], dtype=np.int64)
        others = np.broadcast_to(whole, counts.shape) - counts
        return Limit(self._largest(counts, others, len(counts)), whole, seasonal=False)

    def _of_season(self, counts: Counts, position: int | None) -> Limit | None:
        """Return None where training knows fewer than two periods of that season."""
        places = np.array([self._positions.get(label, -1) for label in self._periods])
        own = places == position
        if position is None or own.sum() < 2:
            return None
        codes = np.unique(places, return_inverse=True)[1]
        totals = np.zeros((codes.max() + 1, counts.shape[1]), dtype=np.int64)
        np.add.at(totals, codes, counts)
        known = np.bincount(codes)[codes] > 1
        free = int(known.sum() - len(np.unique(codes[known])))
        value = self._largest(counts[known], (totals[codes] - counts)[known], free)
        return Limit(value, totals[codes[own][0]], seasonal=True)

    def _largest(self, counts: Counts, others: Counts, free: int) -> float:
        """Return what a further period of the same kind exceeds with small probability.

        The largest PSI seen, times the factor; and, where periods differ more than their rows
        alone explain, a quantile of Fisher's F: the PSI of periods that differ at random is
        distributed as a multiple of chi-square, whose degrees of freedom follow from its mean and
        variance, and its mean is known from `free` periods.
        """
        from scipy.special import fdtri

        groups = _groups(counts.sum(axis=0) + others.sum(axis=0), counts.sum(axis=0), len(counts))
        pooled = [np.stack([_add(row, groups) for row in side]) for side in (others, counts)]
        seen, noise = _psi(*pooled)
        largest, mean = max(float(seen.max()), 0.0), float(seen.mean())
        limit = self._params.seasonal_factor * largest
        if mean > 2 * np.sqrt(noise.sum()) / len(seen):
            shape = float(np.clip(2 * mean**2 / seen.var(ddof=1), 1, BINS))
            tail = FALSE_ALARMS / len(self.entries)
            limit = max(limit, mean * float(fdtri(shape, shape * max(free, 1), 1 - tail)))
        return limit


def pool(base: Counts, new: Counts) -> tuple[Counts, Counts]:
    """Pool bins in which either side expects fewer than five rows, so that the test holds.

    Neighbours are pooled until five rows are expected. A bin that alone holds more new rows than
    chance explains stays as it is: values that training never saw are seen however few they are.

    Parameters
    ----------
    base, new
        Counts per bin, shape (bins,).

    Returns
    -------
    tuple of arrays
        The counts in the bins that remain, shape (bins kept,), the same for both.
    """
    groups = _groups(base, new)
    return _add(base, groups), _add(new, groups)


def _groups(base: Counts, new: Counts, batches: int = 1) -> NDArray[np.intp]:
    """Return the group of each bin, shape (bins,); `new` holds the rows of several batches."""
    from scipy.special import bdtrc

    total = base + new
    share = min(base.sum(), new.sum()) / max(total.sum(), 1)
    expected = total * share / batches
    chance = bdtrc(new - 1.0, total, new.sum() / max(total.sum(), 1))
    sure = (new > 0) & (chance < SURE) if batches == 1 else np.zeros(len(new), dtype=bool)
    small = (expected < MIN_EXPECTED) & ~sure
    groups = np.full(len(base), -1)
    number, gathered = 0, 0.0
    members: list[int] = []
    for index in np.flatnonzero(small):
        gathered, members = gathered + expected[index], [*members, int(index)]
        if gathered >= MIN_EXPECTED:
            groups[members] = number
            number, gathered, members = number + 1, 0.0, []
    kept = np.flatnonzero(~small)
    groups[kept] = number + np.arange(len(kept))
    if members:
        # What is left over joins the last pool, else the smallest bin that stands alone.
        alone = groups[kept[np.argmin(expected[kept])]] if len(kept) else 0
        groups[members] = number - 1 if number else alone
    return groups


def _add(counts: Counts, groups: NDArray[np.intp]) -> Counts:
    return np.bincount(groups, counts).astype(np.int64)


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
    both = np.maximum(base + new, 1)
    statistic = float((((ratio * base) - new / ratio) ** 2 / both).sum())
    return float(gammaincc((len(base) - 1) / 2, statistic / 2))


def noise_free_psi(base: Counts, new: Counts, *, z: float = 1.959964) -> tuple[float, float]:
    """Return the population stability index without its expected noise, and its lower bound.

    With shares q of the n reference rows and p of the m new rows in k bins (half a row is added
    to each bin, so that an empty one is not infinite):

    - PSI = sum((p - q) ln(p / q)), in nats; equal samples show k (1/n + 1/m) on average, to be
      cautious (exactly: k - 1; Yurdakul 2018, Statistical properties of PSI), which is subtracted;
    - its variance, by the delta method for two multinomial samples, is
      var_p(ln(p/q) + 1 - q/p) / m + var_q(-ln(p/q) + 1 - p/q) / n, the gradient's variance under
      p and q. Near p = q the gradient vanishes, and the chi-square limit's own variance
      2 (k - 1) (1/n + 1/m)^2 is what remains; both are added;
    - the lower bound lies `z` standard deviations below.

    Returns
    -------
    tuple of float
        The index and its bound, either possibly below 0; (0.0, 0.0) where a side has no rows.
    """
    if not base.sum() or not new.sum():
        return 0.0, 0.0
    psi, variance = _psi(base, new)
    return float(psi), float(psi - z * np.sqrt(variance))


def _psi(base: Counts, new: Counts) -> tuple[Floats, Floats]:
    """Return the index and its variance over the last axis, shape (..., bins)."""
    bins, rows, new_rows = base.shape[-1], base.sum(axis=-1), new.sum(axis=-1)
    q = (base + 0.5) / (rows + 0.5 * bins)[..., None]
    p = (new + 0.5) / (new_rows + 0.5 * bins)[..., None]
    log_ratio = np.log(p / q)
    noise = 1 / np.maximum(rows, 1) + 1 / np.maximum(new_rows, 1)
    psi = ((p - q) * log_ratio).sum(axis=-1) - bins * noise
    variance = (
        _variance(log_ratio + 1 - q / p, p) / np.maximum(new_rows, 1)
        + _variance(-log_ratio + 1 - p / q, q) / np.maximum(rows, 1)
        + 2 * (bins - 1) * noise**2
    )
    return psi, variance


def _variance(values: Floats, shares: Floats) -> Floats:
    mean = (values * shares).sum(axis=-1, keepdims=True)
    spread: Floats = ((values - mean) ** 2 * shares).sum(axis=-1)
    return spread


def _cause(base: Counts, new: Counts, kind: str) -> Cause:
    """Name the bin that moved most; only a rise of missing or unknown values breaks data."""
    rise = new / max(new.sum(), 1) - base / max(base.sum(), 1)
    most = int(np.argmax(np.abs(rise)))
    if rise[most] > 0 and most == len(base) - 1:
        return "missing values"
    if rise[most] > 0 and kind == "category" and most == len(base) - 2:
        return "unknown values"
    if rise[most] > 0 and kind == "category" and base[most] == 0:
        return "unseen values"
    return "distribution"


def _share(counts: Counts, index: int) -> float:
    return float(counts[index] / max(counts.sum(), 1))
