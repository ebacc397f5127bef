"""How good predictions are: measures by task, of rows that may count more or less than once.

Scores are, by task: the probability of the positive class, shape (rows,); the probability of each
class, shape (rows, classes); or the predicted value, shape (rows,). The truth is 0 or 1, the number
of the class, or the value. Every measure takes a weight per row, shape (rows,), because a bootstrap
resample is no more than a weight per row; sorting is done once and not for each resample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Task

Floats = NDArray[np.float64]
Measures = dict[str, float | None]
Measure = Callable[[Floats], Measures]

#: The measures of each task, and whether more is better.
HIGHER_IS_BETTER: dict[Task, dict[str, bool]] = {
    "binary": {
        "roc_auc": True,
        "average_precision": True,
        "brier": False,
        "log_loss": False,
        "accuracy": True,
    },
    "multiclass": {"accuracy": True, "macro_f1": True, "log_loss": False, "roc_auc_ovr": True},
    "regression": {"mae": False, "rmse": False, "r2": True},
}
#: The measure that ranks features and models, by task.
MAIN_METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}
#: What the loss of one row is called, by task.
LOSS_NAME: dict[Task, str] = {
    "binary": "brier",
    "multiclass": "multiclass_brier",
    "regression": "absolute_error",
}
#: Digits kept, so that the last bits, which differ between processors, do not show.
DECIMALS = 6


def measure(task: Task, truth: NDArray[Any], scores: Floats) -> Measure:
    """Prepare the measures of some rows.

    Parameters
    ----------
    task
        Which measures.
    truth, scores
        As the module says.

    Returns
    -------
    callable
        From weights, float64 of shape (rows,), to each measure by name; None where it does not
        exist, such as a ROC AUC of one class or an R² of equal values.
    """
    if task == "binary":
        return _binary(truth.astype("float64"), scores)
    if task == "multiclass":
        return _multiclass(truth.astype("int64"), scores)
    return _regression(truth.astype("float64"), scores)


def measure_all(task: Task, truth: NDArray[Any], scores: Floats) -> Measures:
    """Measure with every row counted once; rounded to 6 decimals."""
    values: Measures = rounded(measure(task, truth, scores)(np.ones(len(truth))))
    return values


def row_losses(task: Task, truth: NDArray[Any], scores: Floats) -> Floats:
    """Return the loss of each row, shape (rows,).

    Binary: the squared error of the probability, 0 to 1; multiclass: its sum over the classes,
    0 to 2 (Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2); regression: the
    absolute error, in the target's unit.
    """
    if task == "multiclass":
        losses: Floats = ((scores - np.eye(scores.shape[1])[truth.astype("int64")]) ** 2).sum(
            axis=1
        )
        return losses
    error = scores - truth.astype("float64")
    return np.abs(error) if task == "regression" else error**2


def rounded(value: Any) -> Any:
    """Round every float inside dictionaries and lists to 6 decimals; NaN and infinities to None."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0 if np.isfinite(value) else None
    return value


def _binary(truth: Floats, score: Floats) -> Measure:
    order = np.argsort(-score, kind="stable")
    ends, own = _group_ends(score[order]), truth[order]
    loss = _log_loss(np.where(truth == 1, score, 1 - score))
    squared = (score - truth) ** 2
    right = ((score > 0.5) == (truth == 1)).astype("float64")

    def at(weights: Floats) -> Measures:
        total, ranked = weights.sum(), weights[order]
        positive = np.cumsum(ranked * own)[ends]
        negative = np.cumsum(ranked * (1 - own))[ends]
        return {
            "roc_auc": _roc_auc(positive, negative),
            "average_precision": _average_precision(positive, negative),
            "brier": (weights * squared).sum() / total,
            "log_loss": (weights * loss).sum() / total,
            "accuracy": (weights * right).sum() / total,
            "base_rate": positive[-1] / total,
        }

    return at


def _multiclass(truth: NDArray[np.int64], scores: Floats) -> Measure:
    classes = scores.shape[1]
    predicted = scores.argmax(axis=1)
    loss = _log_loss(scores[np.arange(len(truth)), truth])
    orders = [np.argsort(-scores[:, k], kind="stable") for k in range(classes)]
    ends = [_group_ends(scores[order, k]) for k, order in enumerate(orders)]

    def auc(k: int, weights: Floats) -> float | None:
        own = (truth[orders[k]] == k).astype("float64")
        ranked = weights[orders[k]]
        return _roc_auc(np.cumsum(ranked * own)[ends[k]], np.cumsum(ranked * (1 - own))[ends[k]])

    def at(weights: Floats) -> Measures:
        confusion = np.bincount(truth * classes + predicted, weights, classes**2)
        confusion = confusion.reshape(classes, classes)
        hits, total = confusion.diagonal(), confusion.sum()
        occurring = confusion.sum(axis=0) + confusion.sum(axis=1)
        f1 = 2 * hits[occurring > 0] / occurring[occurring > 0]
        areas = [auc(k, weights) for k in range(classes)]
        known = [area for area in areas if area is not None]
        return {
            "accuracy": hits.sum() / total,
            "macro_f1": f1.mean(),
            "log_loss": (weights * loss).sum() / total,
            "roc_auc_ovr": sum(known) / classes if len(known) == classes else None,
        }

    return at


def _regression(truth: Floats, predicted: Floats) -> Measure:
    error = np.abs(predicted - truth)

    def at(weights: Floats) -> Measures:
        total = weights.sum()
        squares = (weights * error**2).sum()
        spread = (weights * (truth - (weights * truth).sum() / total) ** 2).sum()
        return {
            "mae": (weights * error).sum() / total,
            "rmse": np.sqrt(squares / total),
            # As small as rounding leaves it, the spread of equal values is none.
            "r2": 1 - squares / spread
            if spread > 1e-12 * total * np.abs(truth).max() ** 2
            else None,
        }

    return at


def _group_ends(sorted_score: Floats) -> NDArray[np.intp]:
    """Return where each run of equal scores ends: rows of equal score rank alike."""
    return np.append(np.flatnonzero(np.diff(sorted_score)), len(sorted_score) - 1)


def _roc_auc(positive: Floats, negative: Floats) -> float | None:
    """Share of (positive, negative) pairs ranked rightly, ties counting half.

    From the weights above each threshold, by trapezia (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747).
    """
    pairs = positive[-1] * negative[-1]
    if not pairs:
        return None
    above = np.append(0.0, positive[:-1])
    steps = np.diff(negative, prepend=0.0)
    return float((steps * (positive + above)).sum() / (2 * pairs))


def _average_precision(positive: Floats, negative: Floats) -> float | None:
    """Precision, weighted by the recall that each threshold adds, as scikit-learn defines it."""
    if not positive[-1]:
        return None
    gained = np.diff(positive, prepend=0.0)
    flagged = positive + negative
    return float((gained * positive / np.where(flagged, flagged, 1)).sum() / positive[-1])


def _log_loss(probability_of_truth: Floats) -> Floats:
    # Clipped at the spacing of doubles, as in scikit-learn: a sure mistake would count infinitely.
    epsilon = np.finfo("float64").eps
    return -np.log(np.clip(probability_of_truth, epsilon, 1 - epsilon))
