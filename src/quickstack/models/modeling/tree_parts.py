"""Exact parts of what trees add up to, as tables that rows are looked up in.

Gradient boosting: Shapley values of the expectation that follows the paths of the trees (TreeSHAP:
S. Lundberg et al., From local explanations to global understanding with explainable AI for trees,
Nature Machine Intelligence 2020, doi:10.1038/s42256-019-0138-9). The package `shap` is not used: it
reads the categories of scikit-learn's gradient boosting as numbers, and its parts then miss the
score (shap/shap#3436). A tree asks a few questions, so that rows fall into few cells; the parts of
a cell are computed once, and a row costs one look-up per tree.

Forests: along the path of a row, each split moves the mean of the rows below it by a step, and the
step belongs to the feature that splits (A. Palczewska et al., Interpreting random forest models
using a feature contribution method, IEEE IRI 2013, arXiv:1312.1121). With totally random trees
these are Shapley values too (A. Sutera et al., NeurIPS 2021, arXiv:2111.02218). Those of the paths
of thousands of leaves would cost minutes per thousand rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.metrics import Floats

Ints = NDArray[np.int64]

#: A tree whose parts would fill more than this is not tabled; its rows are computed one by one.
MAX_TABLE = 1 << 17
#: Rows at a time, so that what is added up stays in the processor's cache.
BLOCK = 1024
#: With more features on a path, only the combinations that occur are computed.
_MAX_BITS = 10


@dataclass(frozen=True)
class _Leaf:
    """A leaf: its value, and for each feature on its path which groups lead on, and its share.

    `features` are positions among those of the tree; `shares` the product of the shares of the
    training rows that go the way of the path at the splits of the feature.
    """

    value: float
    features: Ints
    leads: tuple[NDArray[np.bool_], ...]
    shares: Floats


@dataclass(frozen=True)
class _Tree:
    """One tree: the codes of `features[i]` fall into `sizes[i]` groups, `groups[i]` says which.

    Two rows in the same groups of all features, a cell, take the same way whatever is not known.
    """

    features: Ints
    sizes: tuple[int, ...]
    groups: tuple[Ints, ...]
    leaves: tuple[_Leaf, ...]

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return math.prod(self.sizes)

    def parts(self, groups: Sequence[Ints], width: int) -> Floats:
        """Return the Shapley values of cells, shape (cells, width), from their groups."""
        count = len(groups[0]) if groups else 1
        parts = np.zeros((width, count))
        for leaf in self.leaves:
            if not len(leaf.features):
                continue
            pattern = np.zeros(count, dtype="int64")
            for bit, (feature, leads) in enumerate(zip(leaf.features, leaf.leads, strict=True)):
                pattern += (leads.astype("int64") << bit).take(groups[feature])
            found: Ints = np.arange(1 << len(leaf.features))
            if len(leaf.features) > _MAX_BITS:
                found, pattern = np.unique(pattern, return_inverse=True)
            follows = (found >> np.arange(len(leaf.features))[:, None]) & 1
            moved = leaf.value * _shapley(follows.astype("float64"), leaf.shares[:, None])
            for feature, own in zip(self.features[leaf.features], moved, strict=True):
                parts[feature] += own.take(pattern)
        return np.ascontiguousarray(parts.T)


class _Tables:
    """The tabled trees of one output, and those that are too large for a table.

    `cells[f]` maps a code of feature f to what it adds to the number of the cell, shape (codes,
    trees): the cells of a row in all trees are a sum of one row of it per feature.
    """

    def __init__(self, trees: Sequence[_Tree], sizes: Sequence[int]) -> None:
        self._width = len(sizes)
        small = [tree for tree in trees if tree.cells * self._width <= MAX_TABLE]
        self._large = [tree for tree in trees if tree.cells * self._width > MAX_TABLE]
        self._cells = [np.zeros((size, len(small)), dtype="int32") for size in sizes]
        self._parts = []
        for number, tree in enumerate(small):
            groups = np.unravel_index(np.arange(tree.cells), tree.sizes) if tree.sizes else ()
            self._parts.append(tree.parts(groups, self._width))
            step = tree.cells
            for feature, size, own in zip(tree.features, tree.sizes, tree.groups, strict=True):
                step //= size
                self._cells[feature][:, number] = own * step

    def add(self, parts: Floats, codes: Sequence[Ints]) -> None:
        """Add the parts of a block of rows, shape (rows, width)."""
        cells = np.zeros((len(parts), len(self._parts)), dtype="int32")
        for own, code in zip(self._cells, codes, strict=True):
            cells += own.take(code, axis=0)
        by_tree = np.ascontiguousarray(cells.T).astype("int64")
        for table, cell in zip(self._parts, by_tree, strict=True):
            parts += table.take(cell, axis=0)
        for tree in self._large:
            groups = [
                own.take(codes[feature])
                for feature, own in zip(tree.features, tree.groups, strict=True)
            ]
            parts += tree.parts(groups, self._width)


class BoostedTrees:
    """The trees of a fitted gradient boosting of scikit-learn.

    Parameters
    ----------
    model
        `HistGradientBoostingClassifier` or `HistGradientBoostingRegressor`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        categorical = model._is_categorical_remapped
        width = model.n_features_in_
        self._categorical = np.zeros(width, "bool") if categorical is None else categorical
        iterations = model._predictors
        every = [tree for trees in iterations for tree in trees]
        self._cuts = [self._find_cuts(every, feature) for feature in range(width)]
        codes = [len(cuts) + 2 for cuts in self._cuts]
        self._tables, self._base = [], []
        for output, start in enumerate(model._baseline_prediction[0]):
            trees = [self._flatten(trees[output]) for trees in iterations]
            means = (leaf.value * leaf.shares.prod() for tree in trees for leaf in tree.leaves)
            self._base.append(float(start) + math.fsum(means))
            self._tables.append(_Tables(trees, codes))
        # Categories stand first in what the trees are given.
        self._places = np.arange(width)
        if categorical is not None:
            self._places = np.argsort(~model.is_categorical_, kind="stable")

    def parts(self, encoded: Any, output: int) -> tuple[float, Floats]:
        """Return the base and the parts of rows for one output.

        Parameters
        ----------
        encoded
            What the model is given, shape (rows, columns).
        output
            The class of several; 0 otherwise.

        Returns
        -------
        base : float
            The mean over the training rows.
        parts : numpy.ndarray
            float64, shape (rows, columns).
        """
        values = self._model._preprocess_X(encoded, reset=False)
        parts = np.zeros(values.shape)
        for start in range(0, len(values), BLOCK):
            rows = slice(start, start + BLOCK)
            codes = [self._code(feature, values[rows, feature]) for feature in self._range]
            self._tables[output].add(parts[rows], codes)
        ordered = np.empty_like(parts)
        ordered[:, self._places] = parts
        return self._base[output], ordered

    @property
    def _range(self) -> range:
        return range(len(self._cuts))

    def _find_cuts(self, trees: Sequence[Any], feature: int) -> Floats:
        """Return the thresholds of a number in order; of a category, its codes."""
        if self._is_category(feature):
            return self._model._bin_mapper.bin_thresholds_[feature]
        splits = [
            tree.nodes["num_threshold"][
                (tree.nodes["is_leaf"] == 0) & (tree.nodes["feature_idx"] == feature)
            ]
            for tree in trees
        ]
        return np.unique(np.concatenate([np.zeros(0), *splits]))

    def _is_category(self, feature: int) -> bool:
        return bool(self._categorical[feature])

    def _code(self, feature: int, values: Floats) -> Ints:
        """Return the place of each value among the cuts; the last code is a missing one."""
        cuts = self._cuts[feature]
        codes = np.searchsorted(cuts, values)
        missing = np.isnan(values)
        if self._is_category(feature):
            codes = np.minimum(codes, len(cuts) - 1)
            missing |= cuts[codes] != values
        return np.where(missing, len(cuts) + 1, codes)

    def _goes_left(self, predictor: Any, node: Any) -> NDArray[np.bool_]:
        """Say for each code of the node's feature whether it goes left."""
        cuts = self._cuts[node["feature_idx"]]
        left = np.empty(len(cuts) + 2, dtype=bool)
        left[:] = node["missing_go_to_left"]
        if node["is_categorical"]:
            bits = predictor.raw_left_cat_bitsets[node["bitset_idx"]]
            codes = cuts.astype("int64")
            left[: len(cuts)] = (bits[codes // 32] >> (codes % 32).astype("uint32")) & 1
        else:
            left[:-1] = np.arange(len(cuts) + 1) <= np.searchsorted(cuts, node["num_threshold"])
        return left

    def _flatten(self, predictor: Any) -> _Tree:
        nodes = predictor.nodes
        features = np.unique(nodes["feature_idx"][nodes["is_leaf"] == 0])
        ways: dict[int, NDArray[np.bool_]] = {}
        groups, sizes = [], []
        for feature in features:
            own = np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["feature_idx"] == feature))
            answers = np.stack([self._goes_left(predictor, nodes[node]) for node in own])
            packed = np.packbits(answers, axis=0).T  # the answers to a code, as bytes
            whole = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
            _, first, group = np.unique(whole, return_index=True, return_inverse=True)
            ways |= dict(zip(own.tolist(), answers[:, first], strict=True))
            groups.append(group)
            sizes.append(len(first))
        place = {int(feature): position for position, feature in enumerate(features)}
        leaves: list[_Leaf] = []
        waiting: list[tuple[int, dict[int, tuple[NDArray[np.bool_], float]]]] = [(0, {})]
        while waiting:
            number, path = waiting.pop()
            node = nodes[number]
            if node["is_leaf"]:
                leads, shares = zip(*path.values(), strict=True) if path else ((), ())
                on_path = np.array([*path], dtype="int64")
                leaves.append(_Leaf(float(node["value"]), on_path, leads, np.array(shares)))
                continue
            position = place[int(node["feature_idx"])]
            before, share = path.get(position, (np.True_, 1.0))
            for child, way in ((node["left"], ways[number]), (node["right"], ~ways[number])):
                part = share * float(nodes[child]["count"]) / float(node["count"])
                waiting.append((int(child), {**path, position: (before & way, part)}))
        return _Tree(features, tuple(sizes), tuple(groups), tuple(leaves))


def _shapley(follows: Floats, shares: Floats) -> Floats:
    """Return the Shapley values of a product over the features of one path.

    The product is of `follows` for the features that are known and of `shares` for the others. The
    weight of k known ones among m - 1 is the integral of t**k (1 - t)**(m - 1 - k) from 0 to 1,
    so a value is the integral of a polynomial in t, which Gauss and Legendre's rule gives exactly.

    Parameters
    ----------
    follows
        Whether the row goes the way of the path, 0 or 1, shape (features, patterns).
    shares
        The share of the training rows that does, in (0, 1), shape (features, 1).
    """
    total = np.zeros_like(follows)
    for point, weight in _rule((len(follows) + 1) // 2):
        factors = follows * point + shares * (1 - point)
        total += weight * factors.prod(axis=0) / factors
    return (follows - shares) * total


@cache
def _rule(points: int) -> list[tuple[float, float]]:
    """Return points and weights of Gauss and Legendre's rule from 0 to 1."""
    places, weights = np.polynomial.legendre.leggauss(points)
    return list(zip(((places + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))


def forest_parts(
    trees: Sequence[Any], encoded: Floats, columns: Ints, width: int, output: int
) -> tuple[float, Floats]:
    """Return the base and the parts of rows for one output of a forest.

    Parameters
    ----------
    trees
        Fitted decision trees of scikit-learn; the forest's score is their mean.
    encoded
        What they are given, shape (rows, encoded columns).
    columns
        The feature that each encoded column belongs to.
    width
        How many features there are.
    output
        The class; 0 of a regression.

    Returns
    -------
    base : float
        The mean of the trees' means over their training rows.
    parts : numpy.ndarray
        float64, shape (rows, width).
    """
    values = np.ascontiguousarray(encoded, dtype="float32")
    base, parts = 0.0, np.zeros((len(values), width))
    for one in trees:
        tree = one.tree_
        means = tree.value[:, 0, :]
        if tree.n_classes[0] > 1:
            means = means / means.sum(axis=1, keepdims=True)
        mean, moved = means[:, output], np.zeros((tree.node_count, width))
        level: Ints = np.zeros(1, dtype="int64")
        while len(level):
            split = level[tree.children_left[level] >= 0]
            for children in (tree.children_left[split], tree.children_right[split]):
                moved[children] = moved[split]
                moved[children, columns[tree.feature[split]]] += mean[children] - mean[split]
            level = np.concatenate([tree.children_left[split], tree.children_right[split]])
        base += float(mean[0])
        parts += moved[tree.apply(values)]
    return base / len(trees), parts / len(trees)
