"""Trees of scikit-learn that were read from a file: they are walked in C, which checks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from quickstack.facts.errors import ModelError

#: Values of categories are bits of a set of so many.
_BITS = 256


def require_bounded_trees(model: Any) -> None:
    """Refuse trees that would lead out of their arrays, or round for ever.

    Parameters
    ----------
    model
        Whatever may hold trees of scikit-learn: a pipeline, an estimator, an ensemble.

    Raises
    ------
    ModelError
        Where a node, a feature or a set of categories is not there, a child stands before its
        parent, or a leaf's value is not finite.
    """
    for owner, width, tree in _trees(model, None, np.iinfo(np.int64).max, set()):
        sound = _sound_tree if hasattr(tree, "children_left") else _sound_predictor
        if not sound(tree, owner, width):
            raise ModelError("a tree of the model leads out of it")


def _trees(value: Any, owner: Any, width: int, seen: set[int]) -> Iterator[tuple[Any, int, Any]]:
    """Yield every tree below a value, with the estimator that holds it and its features."""
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type)) or value is None:
        return
    seen.add(id(value))
    if hasattr(value, "children_left") or hasattr(value, "raw_left_cat_bitsets"):
        yield owner, width, value
        return
    if isinstance(value, np.ndarray):
        parts: Any = value.ravel() if value.dtype == object else ()
    elif isinstance(value, (list, tuple)):
        parts = value
    elif isinstance(value, dict):
        parts = value.values()
    else:
        parts = getattr(value, "__dict__", {}).values()
        count = getattr(value, "n_features_in_", None)
        if isinstance(count, (int, np.integer)):
            owner, width = value, int(count)
    for part in parts:
        yield from _trees(part, owner, width, seen)


def _forward(left: Any, right: Any, inner: Any) -> bool:
    """Whether children stand behind their parents, so that no way leads in a circle, and inside."""
    numbers = np.flatnonzero(inner)
    return all(
        bool((side[inner] > numbers).all() and (side[inner] < len(inner)).all())
        for side in (left.astype("int64"), right.astype("int64"))
    )


def _sound_tree(tree: Any, _owner: Any, width: int) -> bool:
    inner = tree.children_left != -1
    features = tree.feature[inner]
    return (
        len(inner) > 0
        and _forward(tree.children_left, tree.children_right, inner)
        and bool(((features >= 0) & (features < min(width, tree.n_features))).all())
        and bool(np.isfinite(tree.value).all())
    )


def _sound_predictor(tree: Any, owner: Any, width: int) -> bool:
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    split = inner & (nodes["is_categorical"] != 0)
    return (
        len(nodes) > 0
        and _forward(nodes["left"], nodes["right"], inner)
        and bool((nodes["feature_idx"][inner].astype("int64") < width).all())
        and bool((nodes["feature_idx"][inner] >= 0).all())
        and bool(np.isfinite(nodes["value"]).all())
        and bool((nodes["bitset_idx"][split] < len(tree.raw_left_cat_bitsets)).all())
        and tree.raw_left_cat_bitsets.shape[1:] == (_BITS // 32,)
        and _known_categories(owner, nodes["feature_idx"][split])
    )


def _known_categories(owner: Any, features: Any) -> bool:
    """Whether features that split by category are categorical, with codes that a set can hold."""
    bins = getattr(owner, "_bin_mapper", None)
    if bins is None:
        return not len(features)
    categorical = np.asarray(bins.is_categorical_, bool)
    codes = [c for c, of in zip(bins.bin_thresholds_, categorical, strict=True) if of]
    return bool((features < len(categorical)).all() and categorical[features].all()) and all(
        bool(((code >= 0) & (code < _BITS)).all()) for code in codes
    )
