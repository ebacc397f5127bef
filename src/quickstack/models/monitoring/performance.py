"""Quality of the model over time, on rows it has not seen and whose truth is known.

Skill, ranking and calibration are compared with those of training rows that the model had not
seen, see `modeling.period_quality`. Each has an interval that also holds the error of the
comparison and how much periods of training differ. Predictions are worse where one of them fell by
more than chance and by more than is worth acting on; they are as good only where a fall would have
been seen.

Where the truth of a period is not known, its loss is estimated, see `modeling.expected_loss`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.expected_loss import (
    USEFUL,
    Past,
    expected_losses,
    half_width,
    score_axis,
)
from quickstack.models.modeling.metrics import Floats, measure_all, row_losses
from quickstack.models.modeling.period_quality import MEASURES
from quickstack.models.modeling.predict import predict, truth_and_scores

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Task
    from quickstack.models.modeling.model_file import Model

LEVEL = 0.95
#: Half the width of a 95 % interval, in standard errors, and what finds a fall in 95 % of cases.
Z_95, Z_FOUND = 1.959964, 1.644854
#: A fall that is too small to act on, however sure, and the largest that may stay unseen.
TOLERANCE, LARGEST_UNSEEN = 0.02, 0.2
#: Labelled rows below which the mean of skewed losses is not normal enough.
MIN_LABELLED = 30
_LOSSES = {
    "brier": "Brier score",
    "multiclass_brier": "Brier score",
    "absolute_error": "mean absolute error",
}

Fallen = Literal["ranking", "calibration", "ranking and calibration"]


@dataclass(frozen=True)
class Outcomes:
    """How predictions of rows turned out; one element of each array per row.

    Attributes
    ----------
    batches
        The batch of each row, text.
    truth, scores
        As `modeling.metrics` describes them, scores of shape (rows, classes) where the task is
        multiclass; the truth is NaN where it is unknown.
    groups
        What each row belongs to; None where nothing says it.
    """

    batches: NDArray[Any]
    truth: Floats
    scores: Floats
    groups: NDArray[Any] | None = None


@dataclass(frozen=True)
class Judged:
    """A measure of one period.

    Attributes
    ----------
    value
        In this period.
    low, high
        Its 95 % interval; it holds the error of `training` and the spread between periods too.
    training
        The same measure in training.
    """

    value: float
    low: float
    high: float
    training: float

    @property
    def fell(self) -> bool:
        """Whether it is lower than in training beyond chance, by more than is too small to act."""
        return self.high < self.training and self.training - self.value > TOLERANCE

    def surely_fell(self, periods: int) -> bool:
        """Whether it fell by more than chance gives the lowest of so many periods (Bonferroni)."""
        from scipy.special import ndtri

        wider = -float(ndtri((1 - LEVEL) / 2 / periods)) / Z_95
        return self.fell and self.training - self.value > wider * (self.high - self.value)

    @property
    def rose(self) -> bool:
        """Whether it is higher than in training beyond chance."""
        return self.low > self.training

    @property
    def unseen(self) -> float:
        """The smallest fall that would have been found with a probability of 95 %."""
        return (self.high - self.low) / 2 * (1 + Z_FOUND / Z_95)


@dataclass(frozen=True)
class EstimatedLoss:
    """The loss of a period whose truth is not known yet.

    Attributes
    ----------
    name
        Such as `brier`.
    value, low, high
        In the loss's own unit, with a 95 % interval.
    training
        The loss of training rows that the model had not seen.
    """

    name: str
    value: float
    low: float
    high: float
    training: float


@dataclass(frozen=True)
class PeriodPerformance:
    """How good the predictions of one period are.

    Attributes
    ----------
    rows, labelled
        All rows, and those whose truth is known.
    loss
        Mean over the labelled rows; None where there are none.
    metric
        The value of the main metric; None where it does not exist, such as a ROC AUC of
        one class.
    skill, ranking, calibration
        None where they cannot be measured, or there is nothing to compare them with.
    fell
        What is worse than in training; None where nothing is.
    dropped
        Whether it is worse than in training; None where it cannot be judged.
    estimated
        Where less than half of the truth is known; None where the loss cannot be estimated.
    """

    period: str
    rows: int
    labelled: int
    loss: float | None
    metric: float | None
    skill: Judged | None = None
    ranking: Judged | None = None
    calibration: Judged | None = None
    fell: Fallen | None = None
    dropped: bool | None = None
    estimated: EstimatedLoss | None = None

    @property
    def measures(self) -> list[Judged]:
        """What can be compared with training."""
        return [each for each in (self.ranking, self.skill, self.calibration) if each is not None]


def outcomes(
    model: Model,
    table: pd.DataFrame,
    batches: pd.Categorical,
    groups: NDArray[Any] | None = None,
) -> Outcomes:
    """Predict rows and compare them with the truth, where it is known.

    Parameters
    ----------
    model
        As `load_model` gives it.
    table
        Typed rows that the model has not seen, with features and target.
    batches
        The batch of each row, shape (rows,).
    groups
        What each row belongs to, as `period_quality.entity_values` gives it.
    """
    actual = table[model.metadata["target"]]
    truth, scores = truth_and_scores(model, predict(model, table), actual)
    return Outcomes(np.asarray(batches, dtype=object), truth, scores, groups)


def join(parts: Sequence[Outcomes]) -> Outcomes:
    """Put the rows of several partitions, at least one, behind one another."""
    return Outcomes(
        np.concatenate([part.batches for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.scores for part in parts]),
        None if any(part.groups is None for part in parts) else
        np.concatenate([part.groups for part in parts if part.groups is not None]),
    )  # fmt: skip


def judge(
    rows: Outcomes,
    task: Task,
    main_metric: str,
    validation: Mapping[str, Any] | None,
    begun: Collection[str] = (),
) -> list[PeriodPerformance]:
    """Judge each batch.

    Parameters
    ----------
    rows
        Rows that the model has not seen; those of batch "" are left out.
    task, main_metric
        Of the contract.
    validation
        `cross_validation` of the model's metadata; None judges nothing.
    begun
        Batches that have only begun: they are measured and not judged.

    Returns
    -------
    list of PeriodPerformance
        Sorted by period.
    """
    quality, described = (validation or {}).get("quality"), (validation or {}).get("expected_loss")
    past = [Past(*one) for one in (described or {}).get("past", ())]
    result = []
    for period in np.unique(rows.batches.astype(str)):
        if not period:
            continue
        own = rows.batches == period
        known = own & ~np.isnan(rows.truth)
        count, labelled = int(own.sum()), int(known.sum())
        truth, scores = rows.truth[known], rows.scores[known]
        estimated = None
        if described and 2 * labelled < count:
            estimated = _estimate(described, past, score_axis(task, rows.scores[own]), validation)
        loss = metric = None
        if labelled:
            losses = row_losses(task, truth, scores)
            loss, metric = float(losses.mean()), measure_all(task, truth, scores)[main_metric]
            if described and 2 * labelled >= count:
                expected = expected_losses(described, score_axis(task, scores)).mean()
                past.append(Past(labelled, float(loss - expected)))
        groups = None if rows.groups is None else rows.groups[known]
        judged = {}
        if labelled >= MIN_LABELLED:
            judged = _judged(task, truth, scores, quality, groups)
        fell, dropped = (None, None) if period in begun else _decide(judged)
        result.append(
            PeriodPerformance(
                str(period), count, labelled, loss, metric,
                **judged, fell=fell, dropped=dropped, estimated=estimated,
            )
        )  # fmt: skip
    return result


def _judged(
    task: Task,
    truth: Floats,
    scores: Floats,
    quality: Mapping[str, Any] | None,
    groups: NDArray[Any] | None,
) -> dict[str, Judged]:
    """Measure what exists and training knows."""
    if not quality:
        return {}
    judged = {}
    for name, measure in MEASURES.items():
        measured, level = measure(task, truth, scores, quality["shares"]), quality[name]
        if measured is not None and level is not None:
            error = float(
                np.hypot(np.hypot(measured.error(groups), level["error"]), level["spread"])
            )
            ends = measured.value - Z_95 * error, measured.value + Z_95 * error
            judged[name] = Judged(measured.value, *ends, level["value"])
    return judged


def _decide(judged: Mapping[str, Judged]) -> tuple[Fallen | None, bool | None]:
    """Say what fell, and whether that is known."""
    ranked, skilled = judged.get("ranking"), judged.get("skill")
    fell = ranked is not None and ranked.fell
    # Rows ranked better than in training are not called worse.
    fits_worse = any(judged[name].fell for name in ("skill", "calibration") if name in judged)
    miscalibrated = fits_worse and not (ranked is not None and ranked.rose)
    if fell:
        return ("ranking and calibration" if miscalibrated else "ranking"), True
    if miscalibrated:
        return "calibration", True
    seen = ranked or skilled
    return None, False if seen is not None and seen.unseen <= LARGEST_UNSEEN else None


def _estimate(
    described: Mapping[str, Any],
    past: Sequence[Past],
    axis: Floats,
    validation: Mapping[str, Any] | None,
) -> EstimatedLoss | None:
    """Return None where the estimate was not right before, or its interval says nothing."""
    loss = (validation or {})["loss"]
    name, mean = _LOSSES.get(loss["name"], loss["name"]), loss["mean"]
    half = half_width(past, len(axis), loss["standard_deviation"])
    if half is None or half > USEFUL * mean:
        return None
    value = float(expected_losses(described, axis).mean())
    return EstimatedLoss(name, value, max(value - half, 0.0), value + half, mean)
