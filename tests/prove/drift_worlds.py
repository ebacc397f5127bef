"""Worlds for drift and for predictions over time, with what is true of the newest period.

The rules of before compared the newest period with all of training, however few rows it had and
however little of its time they covered, capped the seasonal limit, pooled all small bins into one,
and judged predictions by the raw loss, which follows the base rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr, ndtri
from verdicts import Outcome, Scenario

from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.metrics import row_losses
from quickstack.models.modeling.period_quality import describe_quality
from quickstack.models.modeling.split import period_labels
from quickstack.models.monitoring.drift import DriftReference, chi_square_p, noise_free_psi
from quickstack.models.monitoring.drift_report import drift_report
from quickstack.models.monitoring.performance import Outcomes, judge
from quickstack.models.monitoring.seasons import covered_shares

PARAMS = MonitorParams(significance=0.001, min_psi=0.01, seasonal_factor=1.1)
CONTRACT: Any = SimpleNamespace(
    ordered=True, task="binary", main_metric="roc_auc", time_column="month"
)
FEATURES, SEASONAL = 10, 4
FALSE, FOUND, NOT_WORSE, NOT_MISSED = (0.0, 0.02), (0.95, 1.0), (0.0, 0.05), (0.9, 1.0)
CUTS = ndtri(np.arange(1, 10) / 10)
MISSING = 0.01

Means = Callable[[int, int], float]


@dataclass
class History:
    """Counts per feature and month: of training, and of what comes after.

    Attributes
    ----------
    mean
        Of a feature in a month, in standard deviations; its values are normal.
    begun
        Months that have only begun, with the share of their time that their rows cover.
    """

    rng: np.random.Generator
    months: int
    rows: int
    mean: Means
    later: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)

    def counts(self, feature: int, month: int, rows: int, shift: float = 0.0) -> Any:
        """Draw the counts of a month; the last bin holds missing values."""
        edges = np.r_[0.0, ndtr(CUTS - self.mean(feature, month) - shift), 1.0]
        return self.rng.multinomial(rows, np.r_[np.diff(edges) * (1 - MISSING), MISSING])

    def reference(self) -> dict[str, Any]:
        """Give the training months as `build_reference` does."""
        entries = []
        for feature in range(FEATURES):
            by_month = {
                label(month): self.counts(feature, month, self.rows) for month in range(self.months)
            }
            entries.append({"name": f"f{feature}", "kind": "numeric", "cuts": CUTS.tolist(),
                            "counts": sum(by_month.values()), "periods": by_month})  # fmt: skip
        return {"rows": self.months * self.rows, "features": entries}

    def add(self, month: int, rows: int, shift: float = 0.0) -> None:
        """Add a month after training in which the first feature is shifted."""
        self.later[label(month)] = {
            f"f{feature}": self.counts(feature, month, rows, 0.0 if feature else shift)
            for feature in range(FEATURES)
        }


def label(month: int) -> str:
    """Name a month."""
    return f"{2000 + month // 12}-{month % 12 + 1:02d}"


def said(history: History, document: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
    """Return the report of now, and the features that the rules of before call drifted."""
    document = document or history.reference()
    months = {*document["features"][0]["periods"], *history.later}
    positions = {name: int(name[-2:]) for name in months}
    reference = DriftReference(document, PARAMS, positions)
    report = drift_report(history.later, [], reference, None, CONTRACT, history.begun)
    return report, before(document, history.later[max(history.later)])


def before(document: Mapping[str, Any], batch: Mapping[str, Any]) -> set[str]:
    """Apply the rules of before to the newest period."""
    found = set()
    for entry in document["features"]:
        base = np.asarray(entry["counts"])
        pooled = _one_pool(base, batch[entry["name"]])
        psi, lower = noise_free_psi(*pooled)
        seen = [
            noise_free_psi(*_one_pool(base, np.asarray(own)))[0]
            for own in entry["periods"].values()
        ]
        limit = min(PARAMS.seasonal_factor * max(0.0, *seen), 0.25)
        if chi_square_p(*pooled) < PARAMS.significance / FEATURES and psi > 0.01 and lower > limit:
            found.add(entry["name"])
    return found


def _one_pool(base: Any, new: Any) -> tuple[Any, Any]:
    expected = (base + new) * min(base.sum(), new.sum()) / max(base.sum() + new.sum(), 1)
    small = expected < 5
    if not small.any():
        return base, new
    if expected[small].sum() >= 5 or small.all():
        return tuple(np.append(side[~small], side[small].sum()) for side in (base, new))  # type: ignore[return-value]
    sides = [side[~small].copy() for side in (base, new)]
    for side, whole in zip(sides, (base, new), strict=True):
        side[int(np.argmin(expected[~small]))] += whole[small].sum()
    return sides[0], sides[1]


def still(_seed: int) -> Means:
    """Nothing moves."""
    return lambda _feature, _month: 0.0


def seasons(seed: int) -> Means:
    """Some features have a season of a year."""
    phase = np.random.default_rng(seed + 10_000).uniform(0, 6.28, FEATURES)
    return lambda f, month: 0.8 * np.sin(month * np.pi / 6 + phase[f]) if f < SEASONAL else 0.0


def unlike(seed: int) -> Means:
    """Months differ at random, and resemble the one before."""
    rng = np.random.default_rng(seed + 20_000)
    moved = np.zeros((FEATURES, 60))
    for month in range(1, 60):
        moved[:, month] = 0.5 * moved[:, month - 1] + rng.normal(0, 0.05, FEATURES)
    return lambda f, month: float(moved[f, month])


def quiet(world: Callable[[int], Means], months: int) -> Callable[[int], Mapping[str, Outcome]]:
    """Nothing new happened: is there an alarm?"""

    def run(seed: int) -> Mapping[str, Outcome]:
        rng = np.random.default_rng(seed)
        history = History(rng, months, 1000, world(seed))
        history.add(months + seed % 12, 1000)
        report, old = said(history)
        return {"false alarm": (report["verdict"] == "alarm", bool(old))}

    return run


def shifted(
    world: Callable[[int], Means], months: int, size: float, tiny: int = 0
) -> Callable[[int], Mapping[str, Outcome]]:
    """One feature moved: is it found, and it alone? A few rows of the next month may follow."""

    def run(seed: int) -> Mapping[str, Outcome]:
        rng = np.random.default_rng(seed)
        history = History(rng, months, 1000, world(seed))
        history.add(months + seed % 6, 1000, size)
        if tiny:
            history.add(months + seed % 6 + 1, 1 + seed % tiny, size)
        report, old = said(history)
        names = {f["name"] for f in report["features"] if f["drifted"]}
        return {
            "the shifted feature is found": ("f0" in names, "f0" in old),
            "another feature is called drifted": (bool(names - {"f0"}), bool(old - {"f0"})),
        }

    return run


def absurd(seed: int) -> Mapping[str, Outcome]:
    """The newest month has few rows and absurd values: it is not called as before."""
    rng = np.random.default_rng(seed)
    history = History(rng, 24, 1000, still(seed))
    history.add(24, 1 + seed % 40, 20.0)
    report, old = said(history)
    return {"called as before": (report["verdict"] == "stable", not old)}


def begun(seed: int) -> Mapping[str, Outcome]:
    """A feature follows the weekday, and the newest month holds its first days only."""
    rng = np.random.default_rng(seed)
    days = np.arange("2022-01-01", "2024-01-01", dtype="datetime64[D]")
    start = np.datetime64("2024-01", "M") + seed % 12
    first = start.astype("datetime64[D]")
    days = np.r_[days[days < first], first + np.arange(1 + seed % 14)]
    weekend = (days.astype("int64") + 3) % 7 > 4
    history = History(rng, 0, 0, still(seed))
    entries: list[dict[str, Any]] = [
        {"name": f"f{f}", "kind": "numeric", "cuts": CUTS.tolist(), "counts": 0, "periods": {}}
        for f in range(FEATURES)
    ]
    months = days.astype("datetime64[M]")
    for month in np.unique(months):
        ends = weekend[months == month].sum()
        parts = ((months == month).sum() - ends, 0.0), (ends, 2.0)
        drawn = {}
        for feature in range(FEATURES):
            drawn[f"f{feature}"] = sum(
                history.counts(feature, 0, 50 * int(count), 0.0 if feature else shift)
                for count, shift in parts
            )
        if month >= start:
            history.later[str(month)] = drawn
            continue
        for entry in entries:
            entry["periods"][str(month)] = drawn[entry["name"]]
            entry["counts"] = entry["counts"] + drawn[entry["name"]]
    table = pd.DataFrame({"at": days})
    contract: Any = SimpleNamespace(time_column="at", period="month", rows_per_period=None)
    periods = period_labels(table, contract)
    assert periods is not None
    batches = pd.Categorical.from_codes(
        np.where(days >= first, periods.codes, 0), dtype=periods.dtype
    )
    history.begun = covered_shares(days, periods, batches, contract)
    document = {"rows": int(sum(entries[0]["counts"])), "features": entries}
    report, old = said(history, document)
    return {"false alarm": (report["verdict"] == "alarm", bool(old))}


def broken(seed: int) -> Mapping[str, Outcome]:
    """Missing values of one feature rise from 1 to 10 %."""
    rng = np.random.default_rng(seed)
    history = History(rng, 24, 1000, still(seed))
    history.add(24, 1000)
    (batch,) = history.later.values()
    lost = rng.binomial(batch["f0"][:-1], 0.09)
    batch["f0"] = np.append(batch["f0"][:-1] - lost, batch["f0"][-1] + lost.sum())
    report, old = said(history)
    causes = {f["name"]: f["cause"] for f in report["features"]}
    return {"missing values are named": (causes["f0"] == "missing values", "f0" in old)}


def new_category(seed: int) -> Mapping[str, Outcome]:
    """A value that the contract lists and training never saw has 4 % of the rows."""
    rng = np.random.default_rng(seed)
    history = History(rng, 24, 1000, still(seed))
    history.add(24, 1000)
    document = history.reference()
    old_shares, new_shares = (
        np.array([0.5, 0.3, 0.2, 0, 0, 0]),
        np.array([0.48, 0.29, 0.19, 0.04, 0, 0]),
    )
    by_month = {label(m): rng.multinomial(1000, old_shares) for m in range(24)}
    document["features"][0] = {"name": "f0", "kind": "category", "categories": list("abcd"),
                               "counts": sum(by_month.values()), "periods": by_month}  # fmt: skip
    history.later[label(24)]["f0"] = rng.multinomial(1000, new_shares)
    report, old = said(history, document)
    named = any("f0 has" in reason and "never saw" in reason for reason in report["reasons"])
    return {"the verdict names it": (named, "f0" in old)}


def drawn_cases(rng: np.random.Generator, rows: int, slope: float, level: float) -> Any:
    """Draw outcomes and the probabilities of a model that knew a slope of 1 and a level of -0.6."""
    signal = 1.2 * rng.normal(size=rows)
    truth = (rng.random(rows) < expit(level + slope * signal)).astype("float64")
    return truth, expit(-0.6 + signal)


def judged(change: Callable[[np.random.Generator], Any], claim: str) -> Callable[[int], Any]:
    """Train on 12 months of 1,000 rows, and judge one month that was changed."""

    def run(seed: int) -> Mapping[str, Outcome]:
        rng = np.random.default_rng(seed)
        truth, scores = drawn_cases(rng, 12_000, 1.0, -0.6)
        labels = np.repeat([label(month) for month in range(12)], 1000)
        losses = row_losses("binary", truth, scores)
        quality = describe_quality("binary", truth, scores, 2, labels)
        new_truth, new_scores = change(rng)
        rows = Outcomes(np.full(len(new_truth), label(12), dtype=object), new_truth, new_scores)
        (period,) = judge(rows, "binary", "roc_auc", {"quality": quality})
        new = row_losses("binary", new_truth, new_scores).mean()
        error = losses.std() * np.sqrt(1 / len(new_truth) + 1 / len(losses))
        old = (new - losses.mean()) / error > 3 and new > 1.03 * losses.mean()
        return {claim: (bool(period.dropped), bool(old))}

    return run


def same(rng: np.random.Generator) -> Any:
    """Nothing changes."""
    return drawn_cases(rng, 1000, 1.0, -0.6)


def concept(rng: np.random.Generator) -> Any:
    """The signal counts for less: the ROC AUC falls from 0.767 to 0.717."""
    return drawn_cases(rng, 1000, 0.745, -0.6)


def more_cases(rng: np.random.Generator) -> Any:
    """The level rises or falls, and with it the share of cases."""
    return drawn_cases(rng, 1000, 1.0, rng.choice([-2.0, 0.6]))


def other_mix(rng: np.random.Generator) -> Any:
    """Cases are as they were, and so are the others; there are more, or fewer, of them."""
    truth, scores = drawn_cases(rng, 8000, 1.0, -0.6)
    cases = rng.choice([150, 700])
    rows = np.r_[np.flatnonzero(truth == 1)[:cases], np.flatnonzero(truth == 0)[: 1000 - cases]]
    return truth[rows], scores[rows]


FALSE_ALARM: Mapping[str, tuple[float, float]] = {"false alarm": FALSE}
SHIFT = {"the shifted feature is found": FOUND, "another feature is called drifted": FALSE}
WORSE = "called worse than in training"
SCENARIOS: Sequence[Scenario] = (
    Scenario("drift: stationary, 24 months", quiet(still, 24), FALSE_ALARM),
    Scenario("drift: seasons, 1 cycle known", quiet(seasons, 12), FALSE_ALARM),
    Scenario("drift: seasons, 3 cycles known", quiet(seasons, 36), FALSE_ALARM),
    Scenario("drift: months differ at random", quiet(unlike, 24), FALSE_ALARM),
    Scenario("drift: weekdays, begun month", begun, FALSE_ALARM),
    Scenario("drift: shift of 0.5 sd", shifted(still, 24, 0.5), SHIFT),
    Scenario("drift: shift of 0.5 sd in a season", shifted(seasons, 36, 0.5), SHIFT),
    Scenario("drift: shift, then a tiny month", shifted(still, 24, 0.5, tiny=30), SHIFT),
    Scenario("drift: absurd values, tiny month", absurd, {"called as before": (0.0, 0.0)}),
    Scenario("drift: missing values rise", broken, {"missing values are named": FOUND}),
    Scenario("drift: a new category", new_category, {"the verdict names it": FOUND}),
    Scenario("quality: as in training", judged(same, WORSE), {WORSE: NOT_WORSE}),
    Scenario("quality: more or fewer cases", judged(other_mix, WORSE), {WORSE: NOT_WORSE}),
    Scenario("quality: the level moves", judged(more_cases, WORSE), {WORSE: NOT_WORSE}),
    Scenario("quality: concept, AUC -0.05", judged(concept, WORSE), {WORSE: NOT_MISSED}),
)
