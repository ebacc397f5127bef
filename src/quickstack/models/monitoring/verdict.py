"""What drift and performance mean together, and what to do about it, in plain words.

| what is found                                  | verdict | what to do                          |
|------------------------------------------------|---------|-------------------------------------|
| missing or unknown values moved                | alarm   | stop, fix the data, do not retrain  |
| predictions got worse                          | alarm   | retrain, replace only by a better   |
| drift, predictions as good as before           | alarm   | watch                               |
| drift, truth of the newest period not known    | alarm   | get labels, train a challenger      |
| drift of a reference too short to know seasons | warning | watch                               |
| nothing                                        | stable  | nothing                             |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from quickstack.models.monitoring.drift import FeatureDrift
from quickstack.models.monitoring.performance import PeriodPerformance

FIX_DATA = "Stop and fix the data first; do not retrain on them."
RETRAIN = "Retrain; replace the model only by one that is better on the newest known outcomes."
WATCH = "Keep using the model and watch it: the data changed, its predictions are still as good."
ASK_FOR_LABELS = (
    "Collect the outcomes of the newest period, and train a challenger: the data changed, and "
    "whether the predictions are still good is not known yet."
)
WATCH_UNCALIBRATED = (
    "Watch: the data differ from the training data, but the history is too short to tell a season "
    "from a change."
)
NOTHING = "Nothing to do."


class DriftVerdict(TypedDict):
    """The verdict, what to do, and why, one sentence per reason."""

    verdict: Literal["stable", "warning", "alarm"]
    action: str
    reasons: list[str]


def decide(
    features: Sequence[FeatureDrift],
    performance: Sequence[PeriodPerformance],
    newest: str,
    named: str,
    *,
    calibrated: bool,
) -> DriftVerdict:
    """Decide what the newest data mean for the model.

    Parameters
    ----------
    features
        The drift of each feature in the newest period.
    performance
        Of each period after training, sorted; the newest one that could be judged counts, or
        most of them.
    newest, named
        The label of the newest batch, and what sentences call it.
    calibrated
        Whether the reference knows its seasons.
    """
    drifted = sorted((f for f in features if f.drifted), key=lambda f: (-f.psi, f.name))
    judged = [p for p in performance if p.dropped is not None]
    worse = [p.period for p in judged if p.dropped]
    last = judged[-1].period if judged else None
    # One period out of many may be bad luck that has passed; the newest one, or most, may not.
    dropped = bool(worse) and (worse[-1] == last or 2 * len(worse) > len(judged))
    reasons = [_drift_sentence(feature, named, calibrated=calibrated) for feature in drifted]
    of = named if last == newest else last
    if dropped and len(worse) > 1:
        listed = f"{len(worse)} of {len(judged)} periods, {worse[-1]} the newest of them,"
        reasons.insert(0, f"The predictions of {listed} are worse than in training.")
    elif dropped:
        reasons.insert(0, f"The predictions of {of} are worse than in training.")
    elif worse:
        reasons.append(f"Worse predictions in {', '.join(worse)} did not last.")
    if not reasons:
        known = f"; the predictions of {of} are as good as in training" if last else ""
        reasons = [f"No feature of {named} moved further than before{known}."]

    alarm = dropped or (calibrated and bool(drifted))
    broken = calibrated and any(feature.cause != "distribution" for feature in drifted)
    if broken:
        action = FIX_DATA
    elif dropped:
        action = RETRAIN
    elif alarm:
        action = WATCH if last == newest else ASK_FOR_LABELS
    else:
        action = WATCH_UNCALIBRATED if drifted else NOTHING
    verdict: Literal["stable", "warning", "alarm"] = "warning" if drifted else "stable"
    return {"verdict": "alarm" if alarm else verdict, "action": action, "reasons": reasons}


def _drift_sentence(feature: FeatureDrift, newest: str, *, calibrated: bool) -> str:
    if feature.cause == "missing values":
        old, new = 100 * feature.reference_missing, 100 * feature.missing
        return f"{feature.name} is missing in {new:.1f} % of {newest}, {old:.1f} % in training."
    if feature.cause == "unknown values":
        return f"{feature.name} has more values in {newest} that the contract does not list."
    further = "further than any period of the training data" if calibrated else "away from training"
    return f"{feature.name} moved {further} in {newest} (PSI {feature.psi:.2f})."
