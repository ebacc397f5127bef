"""Fit a model on training rows, and judge it by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Contract
from quickstack.facts.errors import ModelError
from quickstack.models.modeling.candidates import (
    Pipeline,
    TrainParams,
    build_pipeline,
    one_thread,
)
from quickstack.models.modeling.conformal import LEVEL, half_width
from quickstack.models.modeling.features import feature_frame, features, unused_columns
from quickstack.models.modeling.metrics import (
    LOSS_NAME,
    Floats,
    measure_all,
    rounded,
    row_losses,
)
from quickstack.models.modeling.predict import encode, score_rows

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]


def class_names(contract: Contract) -> tuple[str | int | float | bool, ...]:
    """Return the classes in the order of their codes; none for regression."""
    if contract.task == "regression":
        return ()
    classes = contract.column(contract.target).allowed or (False, True)
    if contract.task == "binary":
        return tuple(sorted(classes, key=lambda name: name == contract.positive))
    return classes


def encode_target(table: pd.DataFrame, contract: Contract) -> NDArray[Any]:
    """Return the target as models take it.

    Returns
    -------
    numpy.ndarray
        Shape (rows,). Binary: int64, 1 for `contract.positive` and 0 for the other class;
        multiclass: int64, 0 to k-1 in the contract's order; regression: float64.

    Raises
    ------
    DataError
        Where a value is missing, or none of the contract's classes.
    """
    target = table[contract.target]
    return encode(target, contract.task, class_names(contract), contract.target)


def fit(table: pd.DataFrame, contract: Contract, params: TrainParams) -> Pipeline:
    """Fit the model that `params` names.

    Parameters
    ----------
    table
        Training rows only, every target known.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted; the same bytes for the same rows, whatever the number of threads.

    Raises
    ------
    ModelError
        Where the training rows lack a class of the target.
    DataError
        Where no column can be learned from, or a target is missing.
    """
    target = encode_target(table, contract)
    _require_classes(target, contract, "the training rows", "move the split, or train on more rows")
    learned_from = features(contract, table)
    pipeline = build_pipeline(contract, learned_from, params)
    return _fitted(pipeline, feature_frame(table, learned_from), target)


def cross_validate(
    table: pd.DataFrame, contract: Contract, params: TrainParams
) -> dict[str, Any] | None:
    """Judge the model on training rows that it has not seen.

    Rows without an order are shuffled into folds, stratified by class. Rows with one are cut in
    the order of time, and each fold is predicted from those before it.

    Parameters
    ----------
    table
        Training rows only, in source order, with the time column where there is one.

    Returns
    -------
    dict or None
        None where `params.folds` is 0. Else, rounded to 6 decimals: `folds`; `metrics`, the mean
        and standard deviation over folds of each measure (None where a fold has none);
        `by_fold`, the main metric in each fold, by which models are paired; `loss`,
        `name`, `mean` and `standard_deviation` over the `rows` predicted, see
        `metrics.row_losses`; `interval`, of a regression, `level` and `half_width`, see
        `modeling.conformal`, else None.

    Raises
    ------
    ModelError
        Where there are fewer rows or classes in a fold than the task needs.
    """
    if not params.folds:
        return None
    frame = feature_frame(table, features(contract))
    target = encode_target(table, contract)
    measures, losses = [], []
    for learned, held_out in _folds(table, target, contract, params):
        _require_classes(
            target[learned],
            contract,
            f"one of the {params.folds} folds of train.folds",
            "lower train.folds, or leave cross-validation out with 0",
        )
        pipeline = build_pipeline(contract, features(contract), params)
        _fitted(pipeline, frame.iloc[learned], target[learned])
        scores = score_rows(pipeline, frame.iloc[held_out], contract.task)
        measures.append(measure_all(contract.task, target[held_out], scores))
        losses.append(row_losses(contract.task, target[held_out], scores))
    loss, main = np.concatenate(losses), contract.main_metric
    return rounded(
        {
            "folds": params.folds,
            "metrics": {name: _spread([m[name] for m in measures]) for name in measures[0]},
            "by_fold": {main: [m[main] for m in measures]},
            "loss": {
                "name": LOSS_NAME[contract.task],
                "mean": loss.mean(),
                "standard_deviation": loss.std(),
                "rows": len(loss),
            },
            "interval": {"level": LEVEL, "half_width": half_width(loss)}
            if contract.task == "regression"
            else None,
        }
    )


def describe(
    contract: Contract,
    params: TrainParams,
    rows: dict[str, int],
    cross_validation: dict[str, Any] | None,
) -> dict[str, Any]:
    """Describe a model: what `predict` needs to know, and how the model came about.

    Parameters
    ----------
    rows
        How many rows were `train`, `test` and `unlabelled`.
    """
    return {
        "dataset": contract.id,
        "contract_version": contract.version,
        "task": contract.task,
        "target": contract.target,
        "classes": list(class_names(contract)),
        "positive": contract.positive,
        "split": {k: v for k, v in asdict(contract.split).items() if v is not None},
        "rows": rows,
        "model": params.model,
        "settings": {"seed": params.seed, **params.settings.model_dump(mode="json")},
        "features": [
            {"name": f.name, "kind": f.kind, "categories": list(f.categories)}
            for f in features(contract)
        ],
        "unused_columns": unused_columns(contract),
        "cross_validation": cross_validation,
    }


def _fitted(pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any]) -> Pipeline:
    # Gradient boosting cannot bin a column without any value. A constant is learned from as
    # little, whatever later rows hold.
    empty = [name for name in frame.select_dtypes("float64") if frame[name].isna().all()]
    with one_thread():
        return pipeline.fit(frame.assign(**dict.fromkeys(empty, 0.0)), target)


def _folds(
    table: pd.DataFrame, target: NDArray[Any], contract: Contract, params: TrainParams
) -> Iterator[tuple[Rows, Rows]]:
    from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

    smallest = len(target)
    if contract.task != "regression" and not contract.ordered:
        smallest = int(np.bincount(target).min())
    if params.folds < 2 or smallest <= params.folds:
        raise ModelError(
            f"cross-validation with {params.folds} folds needs at least two folds, and more rows "
            f"of each class of '{contract.target}' than folds",
            where="params.yaml: train.folds",
            fix="change train.folds, or leave cross-validation out with 0",
        )
    if contract.ordered:
        order = np.arange(len(table))
        if contract.time_column is not None:
            order = np.argsort(table[contract.time_column].to_numpy(), kind="stable")
        for learned, held_out in TimeSeriesSplit(params.folds).split(order):
            yield order[learned], order[held_out]
        return
    kind = KFold if contract.task == "regression" else StratifiedKFold
    splitter = kind(params.folds, shuffle=True, random_state=params.seed)
    yield from splitter.split(np.zeros(len(target)), target)


def _require_classes(target: NDArray[Any], contract: Contract, place: str, fix: str) -> None:
    classes = class_names(contract)
    if len(np.unique(target)) < len(classes):
        raise ModelError(
            f"the target '{contract.target}' has {len(np.unique(target))} of its {len(classes)} "
            f"classes in {place}, and a model can only learn classes that it sees",
            where=f"contract {contract.id}",
            fix=fix,
        )


def _spread(values: list[float | None]) -> dict[str, float | None]:
    known: Floats = np.array([value for value in values if value is not None])
    if len(known) < len(values):
        return {"mean": None, "standard_deviation": None}
    return {"mean": float(known.mean()), "standard_deviation": float(known.std())}
