"""Quality of the model over time, on rows it has not seen and whose truth is known.

The loss of single rows decides: it has a mean and a spread in every period, whatever the task,
and even where a period holds one class only. Comparing it with the cross-validated loss of the
training rows found every change of concept in simulations without a false alarm; ranking measures
such as the ROC AUC are shown beside it because people know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.metrics import Floats, measure_all, row_losses
from quickstack.models.modeling.predict import predict, truth_and_scores

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Task
    from quickstack.models.modeling.model_file import Model

#: One-sided z above which a loss is worse than chance explains.
MAX_Z = 3.0
#: Relative rise of the loss that is too small to act on, however sure.
TOLERANCE = 0.03
#: Labelled rows below which the mean of skewed losses is not normal enough for a z test.
MIN_LABELLED = 30


@dataclass(frozen=True)
class ReferenceLoss:
    """The loss of the training rows, each predicted by a model that had not seen it.

    Attributes
    ----------
    name
        Such as `brier`.
    mean, standard_deviation
        Over rows, in the loss's own unit.
    rows
        How many rows they stand on.
    """

    name: str
    mean: float
    standard_deviation: float
    rows: int


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
    """

    batches: NDArray[Any]
    truth: Floats
    scores: Floats


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
    z
        How many standard errors the loss is above the reference; None where it is not judged.
    dropped
        Whether it is worse than the reference; None where it is not judged: without a
        reference, or with fewer than 30 labelled rows.
    """

    period: str
    rows: int
    labelled: int
    loss: float | None
    metric: float | None
    z: float | None
    dropped: bool | None


def reference_loss(metadata: Mapping[str, Any]) -> ReferenceLoss | None:
    """Read the cross-validated loss from a model's metadata; None where train left it out."""
    validation = metadata.get("cross_validation")
    if not validation or not validation.get("loss"):
        return None
    loss = validation["loss"]
    return ReferenceLoss(
        str(loss["name"]), float(loss["mean"]), float(loss["standard_deviation"]), int(loss["rows"])
    )


def outcomes(model: Model, table: pd.DataFrame, batches: pd.Categorical) -> Outcomes:
    """Predict rows and compare them with the truth, where it is known.

    Parameters
    ----------
    model
        As `load_model` gives it.
    table
        Typed rows that the model has not seen, with features and target.
    batches
        The batch of each row, shape (rows,).
    """
    actual = table[model.metadata["target"]]
    truth, scores = truth_and_scores(model, predict(model, table), actual)
    return Outcomes(np.asarray(batches, dtype=object), truth, scores)


def join(parts: Sequence[Outcomes]) -> Outcomes:
    """Put the rows of several partitions, at least one, behind one another."""
    return Outcomes(
        np.concatenate([part.batches for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def judge(
    rows: Outcomes, task: Task, main_metric: str, reference: ReferenceLoss | None
) -> list[PeriodPerformance]:
    """Judge each batch.

    Parameters
    ----------
    rows
        Rows that the model has not seen; those of batch "" are left out.
    task, main_metric
        Of the contract.
    reference
        What to compare with; None judges nothing.

    Returns
    -------
    list of PeriodPerformance
        Sorted by period.
    """
    result = []
    for period in np.unique(rows.batches.astype(str)):
        if not period:
            continue
        own = rows.batches == period
        known = own & ~np.isnan(rows.truth)
        labelled = int(known.sum())
        mean = metric = None
        if labelled:
            truth, scores = rows.truth[known], rows.scores[known]
            mean = float(row_losses(task, truth, scores).mean())
            metric = measure_all(task, truth, scores)[main_metric]
        z = dropped = None
        if mean is not None and reference is not None and labelled >= MIN_LABELLED:
            z = z_score(mean, labelled, reference)
            dropped = z > MAX_Z and mean > (1 + TOLERANCE) * reference.mean
        result.append(
            PeriodPerformance(str(period), int(own.sum()), labelled, mean, metric, z, dropped)
        )
    return result


def z_score(mean: float, rows: int, reference: ReferenceLoss) -> float:
    """Return the two-sample z of a mean loss above the reference.

    z = (mean - reference mean) / (sd sqrt(1/rows + 1/reference rows)), with the reference's
    standard deviation on both sides, as the null hypothesis says. 0.0 where the reference has no
    spread and the means agree; a large finite number where they do not.
    """
    error = reference.standard_deviation * np.sqrt(1 / rows + 1 / max(reference.rows, 1))
    return float((mean - reference.mean) / max(error, 1e-12))
