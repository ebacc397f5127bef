"""How good predictions of some rows are, whatever the mix of their classes.

A loss follows the base rate: in a month with more cases, every model has a higher Brier score.
Skill does not: classes are weighed as in training, and the loss is set against that of the naive
guess on the same rows. Ranking asks whether rows are ordered rightly. Both are 1 where perfect.
Skill is 0 at the naive guess; ranking is 0.5 at chance where it is a ROC AUC, 0 where it is a
correlation. Calibration asks whether probabilities come true, and is what shows first where the
same rows turn out otherwise.

Each comes with the influence of every row, whose sums over independent units give its standard
error (the infinitesimal jackknife: Efron 1982, The Jackknife, the Bootstrap and Other Resampling
Plans, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Contract, Task
from quickstack.models.modeling.metrics import Floats, row_losses

if TYPE_CHECKING:
    import pandas as pd

#: A class of fewer rows says too little of how well it is predicted. One of several that is rarer
#: than the share in training does not count: most periods would hold too few of it.
MIN_OF_CLASS, MIN_SHARE = 10, 0.05
#: What ranking is called, by task.
RANKING_NAME: dict[Task, str] = {
    "binary": "ROC AUC",
    "multiclass": "ROC AUC, each class against the rest",
    "regression": "rank correlation",
}
#: Steps of Newton's method, and a slope beyond which rows are told apart with next to no error.
_STEPS, _CONVERGED, _LARGEST_SLOPE = 12, 1e-9, 20.0
#: Periods differ by more than chance where so many of them would differ less by chance.
_HETEROGENEOUS = 0.95
#: So many periods say how periods differ.
FEWEST_PERIODS = 3


#: So many groups say how groups differ.
FEWEST_GROUPS = 5

Shares = Floats | Sequence[float]


def entity_values(table: pd.DataFrame, contract: Contract) -> NDArray[Any] | None:
    """Return what each row belongs to, as text, shape (rows,); None where nothing says it."""
    name = contract.entity
    if name is None or name not in table:
        return None
    return table[name].astype("string").fillna("").to_numpy(dtype="str")


class Measured(NamedTuple):
    """A value, and how much each row adds to its deviation, shape (rows,)."""

    value: float
    influence: Floats

    def error(self, groups: NDArray[Any] | None = None) -> float:
        """Return the standard error: of rows, or of groups, shape (rows,), whichever is larger."""
        sums = [self.influence]
        if groups is not None:
            codes = np.unique(groups, return_inverse=True)[1]
            if FEWEST_GROUPS <= codes.max(initial=-1) + 1 < len(groups):
                sums.append(np.bincount(codes, self.influence).astype("float64"))
        return max(float(np.sqrt((s**2).sum() * len(s) / max(len(s) - 1, 1))) for s in sums)


def skill(task: Task, truth: Floats, scores: Floats, shares: Shares) -> Measured | None:
    """Return 1 - loss / loss of the naive guess on the same rows.

    Of a classification, each class counts by its share in training, so that the base rate alone
    changes nothing: with the mean loss l_c of class c and shares s_c, it is
    1 - sum(s_c l_c) / sum(s_c g_c), where g_c is the loss of guessing the shares. Of a
    regression, the naive guess is the median of the rows.

    Parameters
    ----------
    task, truth, scores
        As `modeling.metrics` describes them.
    shares
        Of each class in training, shape (classes,); of a regression empty.

    Returns
    -------
    Measured or None
        None where a class has fewer than 10 rows, or the naive guess has no loss.
    """
    losses = row_losses(task, truth, scores)
    if task == "regression":
        naive = np.abs(truth - np.median(truth))
        if not naive.sum():
            return None
        ratio = float(losses.sum() / naive.sum())
        return Measured(1 - ratio, (ratio * naive - losses) / naive.sum())
    classes, weights = truth.astype("int64"), np.asarray(shares)
    counts = np.bincount(classes, minlength=len(weights))
    if (counts[weights > 0] < MIN_OF_CLASS).any():
        return None
    counts = np.maximum(counts, 1)
    means = np.bincount(classes, losses, len(weights)) / counts
    naive_loss = weights @ (1 - 2 * weights + (weights**2).sum()) / (2 if task == "binary" else 1)
    if naive_loss <= 0:
        return None
    per_row = (weights / counts)[classes] * (means[classes] - losses)
    return Measured(1 - float(weights @ means / naive_loss), per_row / naive_loss)


def ranking(task: Task, truth: Floats, scores: Floats, shares: Shares) -> Measured | None:
    """Return how rightly rows are ordered, the base rate aside.

    Binary: the ROC AUC (influences: DeLong et al. 1988, doi:10.2307/2531595). Multiclass: the
    mean ROC AUC of each class against the others, which count by their shares in training.
    Regression: Spearman's rank correlation. Parameters and None as of `skill`.
    """
    if task == "regression":
        return _spearman(truth, scores)
    classes = truth.astype("int64")
    counts, kept = np.bincount(classes, minlength=len(shares)), np.asarray(shares) > 0
    if (counts[kept] < MIN_OF_CLASS).any():
        return None
    if task == "binary":
        return _area(scores, classes == 1, np.ones(len(scores)))
    weights = (np.asarray(shares) / np.maximum(counts, 1))[classes]
    areas = [_area(scores[:, c], classes == c, weights) for c in np.flatnonzero(kept)]
    return Measured(
        float(np.mean([area.value for area in areas])),
        np.mean([area.influence for area in areas], axis=0),
    )


def calibration(task: Task, truth: Floats, scores: Floats, _shares: Shares) -> Measured | None:
    """Return how much of what the scores promise comes true: 1 where all of it does.

    Of two classes, it is Cox's slope: the b of logit P(case) = a + b logit(score), fitted to the
    rows (Cox 1958, doi:10.1093/biomet/45.3-4.562). The base rate is in a, and moves it not. Below
    1, high scores are too high and low ones too low. None of other tasks, where a class has
    fewer than 10 rows, or where the scores tell all rows apart. Parameters as of `skill`.
    """
    if task != "binary" or (np.bincount(truth.astype("int64"), minlength=2) < MIN_OF_CLASS).any():
        return None
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    rows = np.column_stack([np.ones(len(scores)), np.log(clipped / (1 - clipped))])
    fitted = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        promised = 1 / (1 + np.exp(-np.clip(rows @ fitted, -30, 30)))
        curvature = rows.T @ (rows * (promised * (1 - promised))[:, None])
        if np.linalg.cond(curvature) > 1e10:
            return None
        influence = (rows * (truth - promised)[:, None]) @ np.linalg.inv(curvature)
        step = influence.sum(axis=0)
        fitted = fitted + step
        if np.abs(step).max() < _CONVERGED:
            break
    if not np.abs(fitted[1]) < _LARGEST_SLOPE:
        return None
    return Measured(float(fitted[1]), influence[:, 1])


def describe_quality(
    task: Task,
    truth: Floats,
    scores: Floats,
    classes: int,
    periods: NDArray[Any] | None,
    groups: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Describe how good predictions of training rows are that the model had not seen.

    Parameters
    ----------
    task, truth, scores
        As `modeling.metrics` describes them.
    classes
        How many there are; 0 of a regression.
    periods
        The period of each row, "" where there is none, shape (rows,); None without an order.
    groups
        What each row belongs to, shape (rows,); None where nothing says it.

    Returns
    -------
    dict
        JSON-able: `shares` of the classes, rare ones of several left out; `skill`, `ranking` and
        `calibration`, each None or its `value`, its standard `error` and the `spread` between
        periods beyond what their rows explain, as a standard deviation. Where three periods or
        more are known, the value is their mean: a period is compared with periods, since a year of
        seasons spans more than any of its months, and is easier to rank and to guess badly.
    """
    shares = _shares(truth, classes) if classes else np.empty(0)
    labels = np.array([]) if periods is None else np.unique(periods[periods != ""])
    result: dict[str, Any] = {"shares": shares.tolist()}
    for name, measure in MEASURES.items():
        whole = measure(task, truth, scores, shares)
        parts = []
        for own in (periods == label for label in labels):
            part = measure(task, truth[own], scores[own], shares)
            if part is not None:
                parts.append((part, part.error(None if groups is None else groups[own])))
        result[name] = whole and _level(whole, whole.error(groups), parts)
    return result


#: What periods are judged by.
MEASURES = {"skill": skill, "ranking": ranking, "calibration": calibration}


def _shares(truth: Floats, classes: int) -> Floats:
    shares = np.bincount(truth.astype("int64"), minlength=classes) / max(len(truth), 1)
    if classes > 2 and (shares >= MIN_SHARE).sum() > 1:
        shares = np.where(shares < MIN_SHARE, 0.0, shares)
    kept: Floats = shares / max(shares.sum(), 1e-12)
    return kept


def _level(
    whole: Measured, error: float, parts: Sequence[tuple[Measured, float]]
) -> dict[str, float]:
    """Return the level of periods by the mean over them, weighted by rows, where there are some."""
    if len(parts) < FEWEST_PERIODS:
        return {"value": whole.value, "error": error, "spread": 0.0}
    rows = np.array([len(part.influence) for part, _ in parts])
    values, errors = np.array([(part.value, error) for part, error in parts]).T
    weights, spread = rows / rows.sum(), _spread(values, errors)
    return {
        "value": float(weights @ values),
        "error": float(np.sqrt(weights**2 @ (errors**2 + spread**2))),
        "spread": spread,
    }


def _spread(values: Floats, errors: Floats) -> float:
    """Return the standard deviation between parts (DerSimonian and Laird 1986), 0 within chance."""
    from scipy.special import chdtr

    weights = 1 / np.maximum(errors, 1e-9) ** 2
    free, mean = len(values) - 1, (weights * values).sum() / weights.sum()
    excess = (weights * (values - mean) ** 2).sum()
    if chdtr(free, excess) < _HETEROGENEOUS:
        return 0.0
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return float(np.sqrt(max(excess - free, 0.0) / scale))


def _area(score: Floats, positive: NDArray[np.bool_], weights: Floats) -> Measured:
    """Return the ROC AUC of positive rows against the weighted others."""
    cases, others = score[positive], score[~positive]
    order = np.argsort(others, kind="stable")
    weight = weights[~positive]
    below = np.append(0.0, np.cumsum(weight[order]))
    total, ranked, cases_ranked = below[-1], others[order], np.sort(cases)
    sides: tuple[Any, Any] = ("left", "right")
    won = sum(below[np.searchsorted(ranked, cases, side)] for side in sides) / (2 * total)
    lost = sum(np.searchsorted(cases_ranked, others, side) for side in sides) / (2 * len(cases))
    area = float(np.mean(won))
    influence = np.empty(len(score))
    influence[positive] = (won - area) / len(cases)
    influence[~positive] = weight * (1 - lost - area) / total
    return Measured(area, influence)


def _spearman(truth: Floats, scores: Floats) -> Measured | None:
    from scipy.stats import rankdata

    ranks = [rankdata(side) for side in (truth, scores)]
    if len(truth) < MIN_OF_CLASS or any(np.ptp(side) == 0 for side in ranks):
        return None
    one, other = ((side - side.mean()) / side.std() for side in ranks)
    value = float((one * other).mean())
    return Measured(value, (one * other - value * (one**2 + other**2) / 2) / len(truth))
