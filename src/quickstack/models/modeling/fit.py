"""Fit a model on training rows, and judge it by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Contract
from quickstack.facts.errors import DataError, ModelError
from quickstack.facts.paths import contract_path
from quickstack.models.modeling.candidates import (
    Context,
    Pipeline,
    TrainParams,
    build_pipeline,
    keeps_monotone,
    one_thread,
)
from quickstack.models.modeling.conformal import LEVEL, half_width
from quickstack.models.modeling.expected_loss import describe_losses
from quickstack.models.modeling.features import (
    Feature,
    feature_frame,
    features,
    unused_columns,
)
from quickstack.models.modeling.leak_report import leak_columns
from quickstack.models.modeling.metrics import (
    LOSS_NAME,
    Floats,
    measure_all,
    rounded,
    row_losses,
)
from quickstack.models.modeling.period_quality import describe_quality, entity_values
from quickstack.models.modeling.predict import encode, score_rows
from quickstack.models.modeling.split import TRAIN, UNLABELLED, period_labels, split_columns
from quickstack.models.modeling.unseen import with_seen

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]
_TRAINING = ("the training rows", "move the split, or train on more rows")


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
    _require_classes(target, contract, *_TRAINING)
    learned_from = features(contract, table)
    pipeline = build_pipeline(contract, learned_from, params)
    return _fitted(pipeline, feature_frame(table, learned_from), target, _weights(table, contract))


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
        `modeling.conformal`, else None; `quality` and `expected_loss`, what periods after training
        are compared with, see `period_quality` and `expected_loss`.

    Raises
    ------
    ModelError
        Where there are fewer rows or classes in a fold than the task needs.
    """
    if not params.folds:
        return None
    target = encode_target(table, contract)
    measures, losses, unseen = [], [], []
    for learned, held_out, _, scores in fold_scores(table, contract, params):
        measures.append(measure_all(contract.task, target[held_out], scores))
        losses.append(row_losses(contract.task, target[held_out], scores))
        # A model of less than half the rows is not as good as the one that is used.
        if 2 * len(learned) >= len(table):
            unseen.append((held_out, scores))
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
            **_over_time(table, contract, target, unseen),
        }
    )


def training_columns(contract: Contract) -> list[str]:
    """Return the interim columns that training reads, sorted."""
    unused = unused_columns(contract)
    named = {column.name for column in contract.interim_columns} - unused.keys()
    # Numbers of the key may be inputs: that shows in their values.
    keys = {n for n in contract.key if contract.column(n).interim_type in ("integer", "number")}
    keys = keys & {column.name for column in contract.interim_columns}
    weight = [] if contract.weight is None else [contract.weight]
    group = [] if contract.entity is None else [contract.entity]
    more = (*split_columns(contract), *leak_columns(contract), *weight, *group)
    return sorted({*named, *keys, *more})


def require_classes(table: pd.DataFrame, labels: pd.Categorical, contract: Contract) -> None:
    """Refuse a target that a classifier cannot learn, before anything is fitted.

    Parameters
    ----------
    table
        All rows, with the target.
    labels
        As `split.split_labels` gives them.

    Raises
    ------
    DataError
        Where every labelled row has the same class.
    ModelError
        Where the training rows lack a class of the target.
    """
    if contract.task == "regression":
        return
    known = encode_target(table.loc[labels != UNLABELLED], contract)
    if len(np.unique(known)) == 1:
        raise DataError(
            f"all {len(known):,} rows have the same class of the target '{contract.target}', so "
            "there is nothing to tell apart",
            where=contract_path(contract.id).as_posix(),
            fix="name another target, or deliver rows of its other classes",
        )
    _require_classes(encode_target(table.loc[labels == TRAIN], contract), contract, *_TRAINING)


def _over_time(
    table: pd.DataFrame,
    contract: Contract,
    target: NDArray[Any],
    unseen: list[tuple[Rows, Floats]],
) -> dict[str, Any]:
    """Describe what periods after training are compared with, from rows and scores of folds."""
    if not unseen:
        return {"quality": None, "expected_loss": None}
    rows = np.concatenate([held_out for held_out, _ in unseen])
    scores = np.concatenate([found for _, found in unseen])
    labels = period_labels(table, contract)
    periods = None if labels is None else np.asarray(labels)[rows]
    truth, classes = target[rows].astype("float64"), len(class_names(contract))
    groups = entity_values(table, contract)
    return {
        "quality": describe_quality(
            contract.task,
            truth,
            scores,
            classes,
            periods,
            None if groups is None else groups[rows],
        ),
        "expected_loss": describe_losses(contract.task, truth, scores, periods),
    }


def fold_scores(
    table: pd.DataFrame, contract: Contract, params: TrainParams
) -> Iterator[tuple[Rows, Rows, NDArray[Any], Floats]]:
    """Fit a model on each fold's training rows, and score those held out.

    Parameters
    ----------
    table
        As for `cross_validate`.

    Yields
    ------
    learned, held_out : numpy.ndarray
        Positions of the rows that were fitted on and that were not.
    truth, scores : numpy.ndarray
        Of the rows held out.

    Raises
    ------
    ModelError
        Where there are fewer rows or classes in a fold than the task needs.
    """
    learned_from = features(contract, table)
    frame, weights = feature_frame(table, learned_from), _weights(table, contract)
    target = encode_target(table, contract)
    for learned, held_out in _folds(table, target, contract, params):
        _require_classes(
            target[learned],
            contract,
            f"one of the {params.folds} folds of train.folds",
            "lower train.folds, or leave cross-validation out with 0",
        )
        pipeline = build_pipeline(contract, learned_from, params)
        part = None if weights is None else weights[learned]
        _fitted(pipeline, frame.iloc[learned], target[learned], part)
        seen = with_seen(learned_from, frame.iloc[learned])
        scores = score_rows(pipeline, frame.iloc[held_out], contract.task, seen)
        yield learned, held_out, target[held_out], scores


def describe(
    contract: Contract,
    params: TrainParams,
    rows: dict[str, int],
    cross_validation: dict[str, Any] | None,
    table: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Describe a model: what `predict` needs to know, and how the model came about.

    Parameters
    ----------
    rows
        How many rows were `train`, `test` and `unlabelled`.
    cross_validation
        As `cross_validate` gives it.
    table
        The rows that the model was fitted on, see `features.features`.
    """
    learned_from = features(contract, table)
    if table is not None:
        learned_from = with_seen(learned_from, feature_frame(table, learned_from))
    cost = [contract.class_cost.get(name, 1.0) for name in class_names(contract)]
    return {
        "dataset": contract.id,
        "contract_version": contract.version,
        "task": contract.task,
        "target": contract.target,
        "classes": list(class_names(contract)),
        "positive": contract.positive,
        **({"class_cost": cost} if contract.class_cost else {}),
        "split": {k: v for k, v in asdict(contract.split).items() if v is not None},
        "rows": rows,
        "model": params.model,
        "settings": {"seed": params.seed, **params.settings.model_dump(mode="json")},
        "features": [
            {
                "name": f.name,
                "kind": f.kind,
                "categories": list(f.categories),
                **({"seen": list(f.seen)} if f.seen else {}),
            }
            for f in learned_from
        ],
        **_describe_monotone(learned_from, contract, params),
        "unused_columns": unused_columns(contract, table),
        "cross_validation": cross_validation,
    }


def _describe_monotone(
    learned_from: tuple[Feature, ...], contract: Contract, params: TrainParams
) -> dict[str, Any]:
    """Say which features have a direction, and whether the model keeps to it."""
    asked = {f.name: f.monotone for f in learned_from if f.monotone}
    context = Context(contract.task, learned_from, params.seed)
    kept = keeps_monotone(params.model, context)
    return {"monotone": {"kept": kept, "features": asked}} if asked else {}


def _fitted(
    pipeline: Pipeline, frame: pd.DataFrame, target: NDArray[Any], weights: Floats | None = None
) -> Pipeline:
    # Gradient boosting cannot bin a column without any value. A constant is learned from as
    # little, whatever later rows hold.
    empty = [name for name in frame.select_dtypes("float64") if frame[name].isna().all()]
    with one_thread():
        full = frame.assign(**dict.fromkeys(empty, 0.0))
        return pipeline.fit(full, target, **_weighted(pipeline, weights))


def _weights(table: pd.DataFrame, contract: Contract) -> Floats | None:
    """Return how much each row counts, shape (rows,); None where all count the same."""
    if contract.weight is None:
        return None
    weights: Floats = table[contract.weight].to_numpy("float64", na_value=np.nan)
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise DataError(
            f"'{contract.weight}', the sampleWeight, is missing or negative in a row, or 0 in all",
            where=contract_path(contract.id).as_posix(),
            fix="give it `required: true` and a minimum of 0, or another column",
        )
    return weights


def _weighted(pipeline: Pipeline, weights: Floats | None) -> dict[str, Floats]:
    """Return the keywords by which a pipeline's last step takes weights."""
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    name, model = getattr(pipeline, "steps", [("", pipeline)])[-1]
    if not has_fit_parameter(model, "sample_weight"):
        raise ModelError(
            f"a {type(model).__name__} takes no weights of rows",
            where="params.yaml: train.model",
            fix="choose another model, or remove sampleWeight from the contract",
        )
    return {f"{name}__sample_weight" if name else "sample_weight": weights}


def _folds(
    table: pd.DataFrame, target: NDArray[Any], contract: Contract, params: TrainParams
) -> Iterator[tuple[Rows, Rows]]:
    from sklearn.model_selection import (
        GroupKFold,
        KFold,
        StratifiedGroupKFold,
        StratifiedKFold,
        TimeSeriesSplit,
    )

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
    drawn = {"n_splits": params.folds, "shuffle": True, "random_state": params.seed}
    groups = None if contract.group is None else table[contract.group].astype(str).to_numpy()
    if groups is not None:
        kind = GroupKFold if contract.task == "regression" else StratifiedGroupKFold
    else:
        kind = KFold if contract.task == "regression" else StratifiedKFold
    yield from kind(**drawn).split(np.zeros(len(target)), target, groups)


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
