"""The tables behind `dvc plots`: at most about 200 rows each, rounded to 6 decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Task
from quickstack.models.modeling.metrics import DECIMALS, Floats

if TYPE_CHECKING:
    import pandas as pd

POINTS = 200
#: Groups of equal size for calibration, and of equal width for histograms.
GROUPS, BARS = 10, 40

#: The columns of each file.
COLUMNS = {
    "roc": ("false_positive_rate", "true_positive_rate"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("predicted", "observed", "rows"),
    "scores": ("probability", "positive", "negative"),
    "confusion": ("actual", "predicted", "rows"),
    "predicted_vs_actual": ("predicted", "actual", "rows"),
    "residuals": ("residual", "rows"),
}


def curves(
    task: Task, truth: NDArray[Any], scores: Floats, classes: list[Any]
) -> dict[str, pd.DataFrame]:
    """Return the tables of a task by the name of their file.

    Parameters
    ----------
    task, truth, scores
        As `modeling.metrics` says.
    classes
        Their names, in the order of the codes.

    Returns
    -------
    dict
        Binary: `roc` (false_positive_rate, true_positive_rate), `precision_recall` (recall,
        precision), `calibration` (predicted, observed, rows: ten groups of equal size) and
        `scores` (probability, positive, negative: rows per bar of a histogram). Multiclass:
        `confusion` (actual, predicted, rows). Regression: `predicted_vs_actual` (predicted,
        actual, rows: means of twenty groups) and `residuals` (residual, rows: bars; predicted
        minus actual, in the target's unit). A curve that one class does not have is empty, and
        so are those of the other tasks: every run has the files that `dvc plots` expects.
    """
    import pandas as pd

    if task == "binary":
        found = {name: table.round(DECIMALS) for name, table in _binary(truth, scores).items()}
    elif task == "multiclass":
        found = {"confusion": _confusion(truth, scores, classes)}
    else:
        found = {
            "predicted_vs_actual": _groups(scores, truth, 2 * GROUPS, ("predicted", "actual")),
            "residuals": _residuals(scores - truth),
        }
    return {name: found.get(name, pd.DataFrame(columns=list(COLUMNS[name]))) for name in COLUMNS}


def _binary(truth: NDArray[Any], score: Floats) -> dict[str, pd.DataFrame]:
    import pandas as pd

    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(truth[order])[ends]
    alarms = ends + 1 - hits
    some = _thinned(len(ends))
    positives, negatives = hits[-1], alarms[-1]
    empty = np.array([])
    recall = hits[some] / positives if positives else empty
    fall_out = alarms[some] / negatives if negatives else empty
    both = bool(positives and negatives)
    edges = np.linspace(0, 1, BARS + 1)
    return {
        "roc": pd.DataFrame(
            {
                "false_positive_rate": np.append(0.0, fall_out) if both else empty,
                "true_positive_rate": np.append(0.0, recall) if both else empty,
            }
        ),
        "precision_recall": pd.DataFrame(
            {
                "recall": recall,
                "precision": hits[some] / (hits + alarms)[some] if positives else empty,
            }
        ),
        "calibration": _groups(score, truth, GROUPS, ("predicted", "observed")),
        "scores": pd.DataFrame(
            {
                "probability": (edges[1:] + edges[:-1]) / 2,
                "positive": np.histogram(score[truth == 1], edges)[0],
                "negative": np.histogram(score[truth == 0], edges)[0],
            }
        ),
    }


def _confusion(truth: NDArray[Any], scores: Floats, classes: list[Any]) -> pd.DataFrame:
    import pandas as pd

    count = len(classes)
    pairs = np.bincount(truth * count + scores.argmax(axis=1), minlength=count**2)
    names = pd.MultiIndex.from_product([classes, classes], names=["actual", "predicted"])
    return pd.DataFrame({"rows": pairs}, index=names).reset_index()


def _groups(score: Floats, truth: NDArray[Any], count: int, names: tuple[str, str]) -> pd.DataFrame:
    """Average score and truth over groups of equal size, equal scores staying together."""
    import pandas as pd

    cuts = np.unique(np.quantile(score, np.linspace(0, 1, count + 1)[1:-1]))
    group = np.searchsorted(cuts, score, side="left")
    rows = np.bincount(group)
    taken = rows > 0
    means = [np.bincount(group, weights)[taken] / rows[taken] for weights in (score, truth)]
    table = pd.DataFrame({names[0]: means[0], names[1]: means[1], "rows": rows[taken]})
    return table.round(DECIMALS)


def _residuals(residuals: Floats) -> pd.DataFrame:
    """Count residuals in bars between their 1st and 99th percentile; the end bars hold the rest."""
    import pandas as pd

    low, high = np.percentile(residuals, [1, 99])
    if low == high:
        return pd.DataFrame({"residual": [low], "rows": [len(residuals)]}).round(DECIMALS)
    edges = np.linspace(low, high, BARS + 1)
    rows, _ = np.histogram(np.clip(residuals, low, high), edges)
    return pd.DataFrame({"residual": (edges[1:] + edges[:-1]) / 2, "rows": rows}).round(DECIMALS)


def _thinned(count: int) -> NDArray[np.intp]:
    """Return at most 200 positions of a curve, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.intp))
