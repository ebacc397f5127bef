"""The models to choose from in `params.yaml`, each one scikit-learn pipeline from feature to score.

To add a candidate: write its builder, put it into `CANDIDATES`, and add its name to
`quickstack.facts.params.TrainParams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from quickstack.facts.contract.model import Contract, Task
from quickstack.facts.params import TrainParams
from quickstack.models.modeling.features import Feature

Features = tuple[Feature, ...]
Pipeline = Any  # sklearn.pipeline.Pipeline, whose package ships no types

#: More categories than a histogram has bins cannot be categories to gradient boosting.
MAX_CATEGORIES = 255


def build_pipeline(contract: Contract, features: Features, params: TrainParams) -> Pipeline:
    """Build the pipeline that `params.model` names, not yet fitted.

    Encoders know their categories from the contract and never learn them from data. `n_jobs`
    stays at its default, since the sums of several workers differ in their last bits.

    Parameters
    ----------
    contract
        Its task decides between classifier and regressor.
    features
        What the pipeline takes, as `feature_frame` gives it.
    params
        Which model, its settings and the seed.
    """
    return CANDIDATES[params.model](contract.task, features, params)


def build_baseline(task: Task) -> Pipeline:
    """Build the model that knows the target only: its frequencies, or its mean."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.pipeline import Pipeline

    dummy = DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
    return Pipeline([("model", dummy)])


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread: with more, sums and stored settings depend on them."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def _linear(task: Task, features: Features, params: TrainParams) -> Pipeline:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric, category = _by_kind(features)
    steps: list[Any] = []
    if numeric:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        steps.append(
            ("numeric", Pipeline([("impute", imputer), ("scale", StandardScaler())]), numeric)
        )
    if category:
        encoder = OneHotEncoder(
            categories=_categories(features), handle_unknown="ignore", sparse_output=False
        )
        steps.append(("category", encoder, category))
    strength = params.linear.regularization
    model = (
        Ridge(alpha=strength)
        if task == "regression"
        else LogisticRegression(C=1 / strength, max_iter=1000)
    )
    return Pipeline([("encode", ColumnTransformer(steps)), ("model", model)])


def _random_forest(task: Task, features: Features, params: TrainParams) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import Pipeline

    forest = RandomForestRegressor if task == "regression" else RandomForestClassifier
    model = forest(
        n_estimators=params.random_forest.trees,
        min_samples_leaf=params.random_forest.min_samples_leaf,
        random_state=params.seed,
    )
    return Pipeline([("encode", _ordinal(features)), ("model", model)])


def _gradient_boosting(task: Task, features: Features, params: TrainParams) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    boosting = (
        HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    )
    settings = params.gradient_boosting
    encoded = [feature for kind in ("category", "numeric") for feature in features
               if feature.kind == kind]  # fmt: skip
    model = boosting(
        learning_rate=settings.learning_rate,
        max_iter=settings.iterations,
        max_leaf_nodes=settings.max_leaf_nodes,
        min_samples_leaf=settings.min_samples_leaf,
        l2_regularization=settings.l2_regularization,
        categorical_features=[
            index
            for index, feature in enumerate(encoded)
            if 0 < len(feature.categories) <= MAX_CATEGORIES
        ],
        early_stopping=False,
        random_state=params.seed,
    )
    return Pipeline([("encode", _ordinal(features)), ("model", model)])


def _baseline(task: Task, _features: Features, _params: TrainParams) -> Pipeline:
    return build_baseline(task)


CANDIDATES: dict[str, Callable[[Task, Features, TrainParams], Pipeline]] = {
    "baseline": _baseline,
    "linear": _linear,
    "random_forest": _random_forest,
    "gradient_boosting": _gradient_boosting,
}


def _ordinal(features: Features) -> Any:
    """Encode categories as whole numbers, first in the output; missing and unknown ones as NaN."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    numeric, category = _by_kind(features)
    encoder = OrdinalEncoder(
        categories=_categories(features),
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    steps: list[Any] = [("category", encoder, category)] if category else []
    if numeric:
        steps.append(("numeric", "passthrough", numeric))
    return ColumnTransformer(steps)


def _by_kind(features: Features) -> tuple[list[str], list[str]]:
    numeric = [feature.name for feature in features if feature.kind == "numeric"]
    return numeric, [feature.name for feature in features if feature.kind == "category"]


def _categories(features: Features) -> list[list[str]]:
    return [list(feature.categories) for feature in features if feature.kind == "category"]
