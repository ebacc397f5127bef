"""`train.model: auto`: the default, unless another model is clearly better on rows not seen.

The default is gradient boosting as `params.yaml` sets it. Compared with it are gradient boosting at
half its rate with twice the trees, the linear model and the team's own candidates: on the rows in
the order of time in ten blocks, each predicted from those before it; else in five folds, repeated.
The losses of the same rows are paired fold by fold. Folds of one shuffling share training rows, so
their variance is widened (C. Nadeau and Y. Bengio, Inference for the generalization error, Machine
Learning 2003, doi:10.1023/A:1024068626366); several challengers share the 5 % (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.facts.contract.model import Contract
from quickstack.facts.errors import ModelError
from quickstack.models.modeling.candidates import AUTO, TrainParams
from quickstack.models.modeling.fit import fold_scores
from quickstack.models.modeling.metrics import LOSS_NAME, Floats, rounded, row_losses

if TYPE_CHECKING:
    import pandas as pd

DEFAULT, SLOWER = "gradient_boosting", "gradient_boosting at half the rate"
BLOCKS, FOLDS, REPEATS = 10, 5, 2
LEVEL = 0.95


def challengers(params: TrainParams) -> dict[str, TrainParams]:
    """Return what is compared, by name, the default first.

    Own candidates without parameters in `params.yaml` that need some are left out.
    """
    boosting: Any = getattr(params, DEFAULT)
    slower = boosting.model_copy(
        update={
            "learning_rate": boosting.learning_rate / 2,
            "iterations": 2 * boosting.iterations,
        }
    )
    own = [name for name, candidate in params.candidates.items() if candidate.file is not None]
    found = {
        DEFAULT: params.model_copy(update={"model": DEFAULT}),
        SLOWER: params.model_copy(update={"model": DEFAULT, DEFAULT: slower}),
    }
    found |= {
        name: params.model_copy(update={"model": name})
        for name in ("linear", *own)
        if getattr(params, name) is not None
    }
    return found


def choose(
    table: pd.DataFrame, contract: Contract, params: TrainParams
) -> tuple[TrainParams, dict[str, Any] | None]:
    """Choose a model.

    Parameters
    ----------
    table
        Training rows only, in source order.
    params
        Those of another model than `auto` are returned as they are.

    Returns
    -------
    params : TrainParams
        Those of the model that is chosen.
    choice : dict or None
        How it was chosen, rounded to 6 decimals: `chosen`, `default`, `folds` in words, the name of
        the `loss`, and for each of `candidates` its mean `loss` over folds and, beside the default,
        `difference`, `low` and `high`, below 0 where it is better. None without `auto`.

    Raises
    ------
    ModelError
        Where there are too few rows or classes to compare.
    """
    if params.model != AUTO:
        return params, None
    compared = challengers(params)
    try:
        losses = {name: _fold_losses(table, contract, each) for name, each in compared.items()}
    except ModelError as error:
        raise ModelError(
            f"the models cannot be compared: {error}",
            where="params.yaml: train.model",
            fix="name a model instead of auto",
        ) from None
    chosen, described = clearly_best(losses, 0.0 if contract.ordered else 1 / (FOLDS - 1))
    folds = f"{BLOCKS} blocks in time" if contract.ordered else f"{FOLDS} folds, {REPEATS} times"
    choice = {
        "chosen": chosen,
        "default": DEFAULT,
        "folds": folds,
        "loss": LOSS_NAME[contract.task],
        "candidates": described,
    }
    return compared[chosen], rounded(choice)


def clearly_best(losses: Mapping[str, Floats], share: float) -> tuple[str, list[dict[str, Any]]]:
    """Return the default, or the best of those that are clearly better, and all figures.

    Parameters
    ----------
    losses
        Of each model by name, the default among them: mean loss of each fold, shape (folds,).
    share
        Test rows over training rows, where folds share training rows; else 0.
    """
    level = 1 - (1 - LEVEL) / max(len(losses) - 1, 1)
    described, better = [], {DEFAULT: losses[DEFAULT].mean()}
    for name, loss in losses.items():
        entry: dict[str, Any] = {"name": name, "loss": loss.mean()}
        if name != DEFAULT:
            gap = loss - losses[DEFAULT]
            half = _half_width(gap, share, level)
            entry |= {"difference": gap.mean(), "low": gap.mean() - half, "high": gap.mean() + half}
            if entry["high"] < 0:
                better[name] = loss.mean()
        described.append(entry)
    return min(better, key=lambda name: (better[name], name != DEFAULT)), described


def _fold_losses(table: pd.DataFrame, contract: Contract, params: TrainParams) -> Floats:
    """Return the mean loss of each fold, shape (folds,)."""
    repeats = 1 if contract.ordered else REPEATS
    means = []
    for repeat in range(repeats):
        drawn = {"folds": BLOCKS if contract.ordered else FOLDS, "seed": params.seed + repeat}
        for _, _, truth, scores in fold_scores(table, contract, params.model_copy(update=drawn)):
            means.append(row_losses(contract.task, truth, scores).mean())
    return np.array(means)


def _half_width(gap: Floats, share: float, level: float) -> float:
    """Return half the interval of the mean of paired folds; `share`: test over training rows."""
    from scipy.stats import t

    variance = float(gap.var(ddof=1)) * (1 / len(gap) + share)
    return float(t.ppf((1 + level) / 2, len(gap) - 1)) * variance**0.5
