"""What drift and performance mean together, and what to do about it, in plain words.

| what is found                                  | verdict | what to do                          |
|------------------------------------------------|---------|-------------------------------------|
| missing or unknown values moved                | alarm   | stop, fix the data, do not retrain  |
| predictions got worse                          | alarm   | retrain, replace only by a better   |
| drift, predictions as good as before           | alarm   | watch                               |
| drift, truth of the newest period not known    | alarm   | get labels, train a challenger      |
| drift of a reference too short to know seasons | warning | watch                               |
| values that training never saw                 | warning | watch their rows                    |
| no period that can be judged                   | unknown | wait for rows, or longer periods    |
| nothing                                        | stable  | nothing                             |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from quickstack.facts.contract.model import Task
from quickstack.models.modeling.period_quality import RANKING_NAME
from quickstack.models.monitoring.drift import FeatureDrift
from quickstack.models.monitoring.performance import LARGEST_UNSEEN, Judged, PeriodPerformance

FIX_DATA = "Stop and fix the data first; do not retrain on them."
RETRAIN = "Retrain; replace the model only by one that is better on the newest known outcomes."
WATCH = "Keep using the model and watch it: the data changed, its predictions are still as good."
ASK_FOR_LABELS = (
    "Collect the outcomes of the newest period, and train a challenger: the data changed, and "
    "whether the predictions are still good is not known yet."
)
WATCH_UNCALIBRATED = (
    "Watch: the data differ from the training data, but too few periods are known to tell usual "
    "changes, such as seasons, from new ones."
)
WATCH_UNSEEN = (
    "Watch the rows with values that training never saw; retrain once outcomes are known."
)
WAIT = "Wait until a period is complete and has more rows, or choose a longer `period`."
NOTHING = "Nothing to do."

Verdict = Literal["stable", "warning", "alarm", "unknown"]


class DriftVerdict(TypedDict):
    """The verdict, what to do, and why, one sentence per reason."""

    verdict: Verdict
    action: str
    reasons: list[str]


@dataclass(frozen=True)
class SeenBatch:
    """A batch that the verdict may stand on.

    Attributes
    ----------
    period
        Its label.
    named
        What sentences call it.
    rows
        How many it has.
    covered
        The share of its time that its rows cover, where only a part of it is there; else None.
    smallest_shift
        See `DriftReference.smallest_shift`.
    judged
        Whether it is complete and large enough.
    features
        The drift of each feature.
    """

    period: str
    named: str
    rows: int
    covered: float | None
    smallest_shift: float
    judged: bool
    features: Sequence[FeatureDrift]

    @property
    def drifted(self) -> list[FeatureDrift]:
        """Features that drifted, the furthest first; none where the batch cannot be judged."""
        found = [f for f in self.features if f.drifted and self.judged]
        return sorted(found, key=lambda f: (-f.psi, f.name))

    @property
    def why_not(self) -> str | None:
        """Say why it cannot be judged."""
        if self.judged:
            return None
        if self.covered is not None:
            return (
                f"Of {self.named} only a part is there to judge ({100 * self.covered:.0f} % of its "
                "time), so it is not judged."
            )
        shift = f"{self.smallest_shift:.1f}" if self.smallest_shift < float("inf") else "any size"
        return (
            f"{self.named} has {self.rows:,} rows and cannot be judged: only a shift of {shift} "
            f"standard deviations or more could have been seen{self._far}."
        )

    @property
    def _far(self) -> str:
        names = [feature.name for feature in self.features if feature.drifted and feature.limit]
        return f", and {', '.join(names)} may have moved so far" if names else ""


def decide(
    batches: Sequence[SeenBatch],
    performance: Sequence[PeriodPerformance],
    task: Task,
    *,
    calibrated: bool,
    known: bool = True,
) -> DriftVerdict:
    """Decide what the newest data mean for the model.

    Parameters
    ----------
    batches
        All, at least one, in order; the newest that can be judged counts.
    performance
        Of each period after training, sorted; the newest one that could be judged counts, or
        most of them.
    task
        Of the contract.
    calibrated
        Whether the reference knows its seasons.
    known
        Whether it is known how good the model is in training.
    """
    seen = next((batch for batch in reversed(batches) if batch.judged), None)
    drifted = seen.drifted if seen else []
    unseen = [f for f in seen.features if f.unseen] if seen else []
    names = {batch.period: batch.named for batch in batches}
    judged = [period for period in performance if period.dropped is not None]
    begun = {batch.period for batch in batches if batch.covered is not None}
    whole = [period for period in performance if period.period not in begun]
    since = _since_good(whole)
    dropped = _dropped(judged, since)
    alarm = dropped or (calibrated and bool(drifted))

    reasons = [_worse_sentence(judged, names, task)] if dropped else []
    if seen:
        reasons += [_drift_sentence(f, seen.named, calibrated=calibrated) for f in drifted]
        reasons += [_unseen_sentence(f, seen.named) for f in unseen if f.cause != "unseen values"]
    verdict: Verdict = "alarm" if alarm else "warning" if drifted or unseen else "stable"
    if not reasons:
        reasons = (
            [_stable_sentence(seen, judged, names, calibrated=calibrated)] if seen or judged else []
        )
        verdict = verdict if reasons else "unknown"
    if not dropped:
        reasons += _passed_sentences(judged, since)
    later = [batch for batch in batches if seen is None or batch.period > seen.period]
    reasons += [batch.why_not for batch in later[-1:] if batch.why_not]
    reasons += _unjudged_sentences(whole, names, task, known=known)
    reasons += _estimate_sentences(performance, names)
    lately = bool(seen and judged and judged[-1].period == seen.period)
    action = _action(verdict, drifted, dropped=dropped, known=lately)
    return {"verdict": verdict, "action": action, "reasons": reasons}


def _since_good(performance: Sequence[PeriodPerformance]) -> list[PeriodPerformance]:
    """Return the periods that were compared with training after the newest that is as good."""
    found: list[PeriodPerformance] = []
    for period in performance:
        if period.dropped is False:
            found = []
        elif period.measures:
            found.append(period)
    return found


def _dropped(judged: Sequence[PeriodPerformance], since: Sequence[PeriodPerformance]) -> bool:
    """One period out of many may be bad luck that has passed; the newest one, or most, may not.

    One before others that cannot be judged counts where not even the worst of so many would have
    fallen so far by chance.
    """
    worse = sum(bool(period.dropped) for period in judged)
    sure = any(
        period.dropped and any(each.surely_fell(len(since)) for each in period.measures)
        for period in since
    )
    newest = bool(since and since[-1].dropped)
    return newest or sure or 2 * worse > len({p.period for p in (*judged, *since)})


def _action(
    verdict: Verdict, drifted: Sequence[FeatureDrift], *, dropped: bool, known: bool
) -> str:
    causes = {feature.cause for feature in drifted}
    if verdict == "alarm" and causes & {"missing values", "unknown values"}:
        return FIX_DATA
    if dropped:
        return RETRAIN
    if verdict == "alarm":
        return WATCH if known else ASK_FOR_LABELS
    if verdict == "warning":
        return WATCH_UNCALIBRATED if drifted else WATCH_UNSEEN
    return WAIT if verdict == "unknown" else NOTHING


def _worse_sentence(
    judged: Sequence[PeriodPerformance], names: Mapping[str, str], task: Task
) -> str:
    worse = [period for period in judged if period.dropped]
    newest = worse[-1]
    of, which = names.get(newest.period, newest.period), ""
    if len(worse) > 1:
        of = f"{len(worse)} of {len(judged)} periods, {of} the newest of them,"
        which = " in the newest"
    fits = "the probabilities fit worse"
    if task == "regression":
        fits = "beside a guess they miss by more"
    slope, skill = newest.calibration, newest.skill
    less = slope is not None and slope.fell and not (skill is not None and skill.fell)
    fits += f" ({_beside('calibration slope', slope) if less else _beside('skill', skill)})"
    ranks = f"they rank worse ({_beside(RANKING_NAME[task], newest.ranking)})"
    how = {
        "ranking": ranks,
        "calibration": fits + (", while they rank as well" if _found(newest.ranking) else ""),
        "ranking and calibration": f"{ranks}, and {fits}",
    }[newest.fell or "ranking"]
    return f"The predictions of {of} are worse than in training:{which} {how}."


def _found(judged: Judged | None) -> bool:
    """Whether a fall would have been found."""
    return judged is not None and judged.unseen <= LARGEST_UNSEEN


def _passed_sentences(
    judged: Sequence[PeriodPerformance], since: Sequence[PeriodPerformance]
) -> list[str]:
    open_ = [period.period for period in since]
    passed = [p.period for p in judged if p.dropped and p.period not in open_]
    found = [f"Worse predictions in {', '.join(passed)} did not last."] if passed else []
    if chance := [period.period for period in since if period.dropped]:
        found.append(
            f"The predictions of {', '.join(chance)} look worse than in training, as one of "
            f"{len(open_)} periods may by chance."
        )
    return found


def _unjudged_sentences(
    performance: Sequence[PeriodPerformance],
    names: Mapping[str, str],
    task: Task,
    *,
    known: bool,
) -> list[str]:
    """Say why the newest period whose truth is known is not judged."""
    newest = performance[-1] if performance else None
    if newest is None or newest.dropped is not None or 2 * newest.labelled < newest.rows:
        return []
    of = names.get(newest.period, newest.period)
    said = f"Whether the predictions of {of} are as good as in training cannot be judged"
    shown = newest.ranking or newest.skill
    if not known:
        return [f"{said}: the model was trained without cross-validation."]
    if shown is None:
        return [f"{said}: its known outcomes are too few or too alike."]
    name = "skill" if newest.ranking is None else RANKING_NAME[task]
    return [f"{said}: only a fall of {shown.unseen:.2f} or more could have been seen ({name})."]


def _beside(name: str, found: Judged | None) -> str:
    if found is None:
        return name
    return f"{name} {found.value:.2f}, {found.training:.2f} in training"


def _stable_sentence(
    seen: SeenBatch | None,
    judged: Sequence[PeriodPerformance],
    names: Mapping[str, str],
    *,
    calibrated: bool,
) -> str:
    parts = []
    if seen:
        further = "periods of training differ" if calibrated else "chance explains"
        parts.append(f"No feature of {seen.named} moved further than {further}")
    if judged and not judged[-1].dropped:
        of = names.get(judged[-1].period, judged[-1].period)
        parts.append(f"{'the' if seen else 'The'} predictions of {of} are as good as in training")
    return "; ".join(parts) + "."


def _drift_sentence(feature: FeatureDrift, newest: str, *, calibrated: bool) -> str:
    if feature.cause == "missing values":
        old, new = 100 * feature.reference_missing, 100 * feature.missing
        return f"{feature.name} is missing in {new:.1f} % of {newest}, {old:.1f} % in training."
    if feature.cause == "unknown values":
        return f"{feature.name} has more values in {newest} that the contract does not list."
    if feature.cause == "unseen values":
        return _unseen_sentence(feature, newest)
    further = "away from training"
    if calibrated:
        further = "further than any period of the training data"
    if feature.seasonal:
        further = "further from its season in training than any period of training from its own"
    return f"{feature.name} moved {further} in {newest} (PSI {feature.psi:.2f})."


def _unseen_sentence(feature: FeatureDrift, newest: str) -> str:
    rows = "1 row" if feature.unseen == 1 else f"{feature.unseen:,} rows"
    return f"{feature.name} has {rows} in {newest} with a value that training never saw."


def _estimate_sentences(
    performance: Sequence[PeriodPerformance], names: Mapping[str, str]
) -> list[str]:
    """Say of the newest period what its loss is expected to be, where its truth is late."""
    newest = performance[-1] if performance else None
    if newest is None or 2 * newest.labelled >= newest.rows:
        return []
    of, found = names.get(newest.period, newest.period), newest.estimated
    if found is None:
        return [f"The truth of {of} is not known yet, and its loss cannot be estimated."]
    return [
        f"The truth of {of} is not known yet; its {found.name} is estimated at {found.value:.3f} "
        f"({found.low:.3f} to {found.high:.3f}; {found.training:.3f} in training). An estimate "
        "does not see a change of what leads to the outcome."
    ]
