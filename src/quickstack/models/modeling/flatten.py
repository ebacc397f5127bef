"""A fitted pipeline of scikit-learn, written down as a scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.flat_trees import FlatTrees
from quickstack.models.modeling.scorer import EncodedColumn, Link, Scorer


class NotFlatError(Exception):
    """The pipeline holds something that a scorer cannot say; its text names it."""


def flatten(pipeline: Any, features: Sequence[Feature]) -> Scorer:
    """Return the scorer of a fitted pipeline.

    Parameters
    ----------
    pipeline
        An encoder and a model: gradient boosting, a forest or a tree, a linear model, a baseline.
    features
        What it takes, in its order.

    Raises
    ------
    NotFlatError
        Where a scorer cannot hold it.
    """
    from sklearn.pipeline import Pipeline

    columns = [EncodedColumn(place, "number") for place in range(len(features))]
    model = pipeline
    if isinstance(pipeline, Pipeline):
        model = pipeline[-1]
        columns = _columns(pipeline[:-1], columns, features) if len(pipeline) > 1 else columns
    kind = type(model).__name__
    if kind not in _MODELS:
        raise NotFlatError(kind)
    columns, parts = _MODELS[kind](model, columns)
    if kind.startswith("Dummy"):
        columns = []
    elif any(c.kind == "number" and features[c.feature].categories for c in columns):
        raise NotFlatError("text that no encoder made a number")
    return Scorer(
        features=tuple(feature.name for feature in features),
        categories=tuple(tuple(feature.categories) for feature in features),
        columns=tuple(columns),
        **parts,
    )


Columns = list[EncodedColumn]


def _columns(step: Any, taken: Columns, features: Sequence[Feature]) -> Columns:
    """Return the columns that a fitted step makes of columns."""
    kind = type(step).__name__
    if step == "passthrough" or (kind == "FunctionTransformer" and step.func is None):
        return taken
    if kind not in _STEPS:
        raise NotFlatError(kind)
    return _STEPS[kind](step, taken, features)


def _in_turn(step: Any, taken: Columns, features: Sequence[Feature]) -> Columns:
    for _, part in step.steps:
        taken = _columns(part, taken, features)
    return taken


def _side_by_side(step: Any, taken: Columns, features: Sequence[Feature]) -> Columns:
    found: dict[int, EncodedColumn] = {}
    for name, part, _ in step.transformers_:
        if part == "drop":
            continue
        start = step.output_indices_[name].start
        own = [taken[at] for at in step._transformer_to_input_indices[name]]
        found |= {start + at: made for at, made in enumerate(_columns(part, own, features))}
    return [found[at] for at in range(len(found))]


def _ordinal(step: Any, taken: Columns, features: Sequence[Feature]) -> Columns:
    _require_plain(taken, step)
    return [
        EncodedColumn(column.feature, "code", codes=_codes(features[column.feature], list(known)))
        for column, known in zip(taken, step.categories_, strict=True)
    ]


def _one_hot(step: Any, taken: Columns, features: Sequence[Feature]) -> Columns:
    _require_plain(taken, step)
    if step.drop is not None or step._infrequent_enabled:
        raise NotFlatError("OneHotEncoder that leaves categories out")
    found = []
    for column, known in zip(taken, step.categories_, strict=True):
        allowed = features[column.feature].categories
        for value in known:
            if isinstance(value, str) and value not in allowed:
                raise NotFlatError("OneHotEncoder of other values than the contract's")
            # A missing value is a category too where training had some.
            place = float(allowed.index(value)) if isinstance(value, str) else None
            found.append(
                EncodedColumn(column.feature, "missing")
                if place is None
                else EncodedColumn(column.feature, "is", fill=place)
            )
    return found


def _imputed(step: Any, taken: Columns, _: Sequence[Feature]) -> Columns:
    _require_plain(taken, step)
    filled = [
        replace(column, fill=float(fill))
        for column, fill in zip(taken, step.statistics_, strict=True)
        if step.keep_empty_features or fill == fill
    ]
    flags = () if step.indicator_ is None else step.indicator_.features_
    return [*filled, *(EncodedColumn(taken[flag].feature, "missing") for flag in flags)]


def _scaled(step: Any, taken: Columns, _: Sequence[Feature]) -> Columns:
    if any((c.centre, c.scale) != (0.0, 1.0) or c.kind in ("code", "is") for c in taken):
        raise NotFlatError("StandardScaler of what is not a plain number")
    centres = np.zeros(len(taken)) if step.mean_ is None else step.mean_
    scales = np.ones(len(taken)) if step.scale_ is None else step.scale_
    return [
        replace(column, centre=float(centre), scale=float(scale))
        for column, centre, scale in zip(taken, centres, scales, strict=True)
    ]


def _require_plain(taken: Columns, step: Any) -> None:
    if any(column != EncodedColumn(column.feature, "number") for column in taken):
        raise NotFlatError(f"{type(step).__name__} behind another step")


def _codes(feature: Feature, known: Sequence[Any]) -> tuple[float, ...]:
    return tuple(
        float(known.index(value)) if value in known else float("nan")
        for value in feature.categories
    )


_STEPS: dict[str, Callable[[Any, Columns, Sequence[Feature]], Columns]] = {
    "ColumnTransformer": _side_by_side,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "Pipeline": _in_turn,
    "SimpleImputer": _imputed,
    "StandardScaler": _scaled,
}


def _boosting(model: Any, columns: Columns) -> tuple[Columns, dict[str, Any]]:
    """Return gradient boosting; its own encoder puts categories first, as codes that it saw."""
    link = type(model._loss.link).__name__
    links: dict[str, Link] = {
        "IdentityLink": "identity", "LogLink": "log", "LogitLink": "logit",
        "MultinomialLogit": "softmax",
    }  # fmt: skip
    if link not in links:
        raise NotFlatError(f"the link {link}")
    if model._preprocessor is not None:
        encoder = model._preprocessor.named_transformers_["encoder"]
        chosen = np.flatnonzero(model.is_categorical_)
        first = [
            _recoded(columns[at], list(known))
            for at, known in zip(chosen, encoder.categories_, strict=True)
        ]
        columns = first + [c for at, c in enumerate(columns) if not model.is_categorical_[at]]
    trees = [tree for round_ in model._predictors for tree in round_]
    return columns, {
        "link": links[link],
        "base": np.asarray(model._baseline_prediction, dtype="float64").ravel(),
        "trees": _boosted_trees(trees, _highest(columns)),
    }


def _recoded(column: EncodedColumn, known: Sequence[float]) -> EncodedColumn:
    if column.kind != "code":
        raise NotFlatError("a categorical feature that is a number")
    codes = tuple(
        float(known.index(code)) if code in known else float("nan") for code in column.codes
    )
    return EncodedColumn(column.feature, "code", codes=codes)


def _highest(columns: Columns) -> int:
    """Return the highest code of a category."""
    return max((int(code) for c in columns for code in c.codes if code == code), default=0)


def _boosted_trees(trees: Sequence[Any], codes: int) -> FlatTrees:
    first = np.cumsum([0, *(len(tree.nodes) for tree in trees)])
    nodes = np.concatenate([tree.nodes for tree in trees])
    shift = np.repeat(first[:-1], np.diff(first))
    leaf = nodes["is_leaf"] > 0
    bitsets = [tree.raw_left_cat_bitsets for tree in trees]
    set_shift = np.repeat(np.cumsum([0, *(len(b) for b in bitsets[:-1])]), np.diff(first))
    words = np.concatenate(bitsets) if bitsets else np.zeros((0, 8), dtype="uint32")
    bits = (words[:, :, None] >> np.arange(32, dtype="uint32")) & 1
    categorical = (nodes["is_categorical"] > 0) & ~leaf
    return FlatTrees(
        roots=first[:-1].astype("int32"),
        feature=np.where(leaf, -1, nodes["feature_idx"].astype("int64")).astype("int16"),
        threshold=np.where(leaf | categorical, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, -1, nodes["left"] + shift).astype("int32"),
        right=np.where(leaf, -1, nodes["right"] + shift).astype("int32"),
        missing_left=np.where(leaf, 0, nodes["missing_go_to_left"]).astype("uint8"),
        category_set=np.where(categorical, nodes["bitset_idx"] + set_shift, -1).astype("int32"),
        sets=bits.reshape(len(words), 256)[:, : codes + 1].astype("uint8"),
        count=nodes["count"].astype("float64"),
        value=nodes["value"].astype("float64")[:, None],
        single=False,
    )


def _forest(model: Any, columns: Columns) -> tuple[Columns, dict[str, Any]]:
    grown = [one.tree_ for one in getattr(model, "estimators_", [model])]
    first = np.cumsum([0, *(tree.node_count for tree in grown)])
    shift = np.repeat(first[:-1], np.diff(first))

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in grown])

    left, value = joined("children_left"), joined("value")[:, 0, :]
    leaf = left < 0
    trees = FlatTrees(
        roots=first[:-1].astype("int32"),
        feature=np.where(leaf, -1, joined("feature")).astype("int16"),
        threshold=np.where(leaf, 0.0, joined("threshold")),
        left=np.where(leaf, -1, left + shift).astype("int32"),
        right=np.where(leaf, -1, joined("children_right") + shift).astype("int32"),
        missing_left=np.where(leaf, 0, joined("missing_go_to_left")).astype("uint8"),
        category_set=np.full(len(left), -1, dtype="int32"),
        sets=np.zeros((0, 0), dtype="uint8"),
        count=joined("weighted_n_node_samples"),
        value=value,
        single=True,
    )
    return columns, {"link": "mean", "base": np.zeros(value.shape[1]), "trees": trees}


def _linear(model: Any, columns: Columns) -> tuple[Columns, dict[str, Any]]:
    slopes = np.atleast_2d(np.asarray(model.coef_, dtype="float64"))
    link: Link = "identity"
    if hasattr(model, "classes_"):
        link = "logit" if len(model.classes_) == 2 else "softmax"
    base = np.atleast_1d(model.intercept_) * np.ones(len(slopes))
    return columns, {"link": link, "base": base, "slopes": slopes}


def _constant(model: Any, columns: Columns) -> tuple[Columns, dict[str, Any]]:
    if hasattr(model, "classes_"):
        if model.strategy != "prior":
            raise NotFlatError(f"DummyClassifier with {model.strategy}")
        return columns, {"link": "identity", "base": np.asarray(model.class_prior_, "float64")}
    return columns, {"link": "identity", "base": np.ravel(model.constant_).astype("float64")}


_MODELS: dict[str, Callable[[Any, Columns], tuple[Columns, dict[str, Any]]]] = {
    "HistGradientBoostingClassifier": _boosting,
    "HistGradientBoostingRegressor": _boosting,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "ExtraTreesClassifier": _forest,
    "ExtraTreesRegressor": _forest,
    "DecisionTreeClassifier": _forest,
    "DecisionTreeRegressor": _forest,
    "LogisticRegression": _linear,
    "Ridge": _linear,
    "LinearRegression": _linear,
    "DummyClassifier": _constant,
    "DummyRegressor": _constant,
}
