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

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.flat_trees import FlatTrees, codes_of, cuts_of, goes_left
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
    """The trees of gradient boosting.

    Parameters
    ----------
    trees
        Tree k of a round adds to output k.
    base
        Where the sum of each output begins, shape (outputs,).
    width
        How many columns the trees are given.
    """

    def __init__(self, trees: FlatTrees, base: Floats, width: int) -> None:
        self._cuts = [cuts_of(trees, column) for column in range(width)]
        codes = [len(cuts) + 2 for cuts in self._cuts]
        self._tables, self._base = [], []
        for output, start in enumerate(base):
            own = [self._tabled(trees, int(root)) for root in trees.roots[output :: len(base)]]
            means = (leaf.value * leaf.shares.prod() for tree in own for leaf in tree.leaves)
            self._base.append(float(start) + math.fsum(means))
            self._tables.append(_Tables(own, codes))

    def parts(self, encoded: Floats, output: int) -> tuple[float, Floats]:
        """Return the base and the parts of rows for one output.

        Parameters
        ----------
        encoded
            What the trees are given, shape (rows, columns).
        output
            The class of several; 0 otherwise.

        Returns
        -------
        base : float
            The mean over the training rows.
        parts : numpy.ndarray
            float64, shape (rows, columns).
        """
        parts = np.zeros(encoded.shape)
        for start in range(0, len(encoded), BLOCK):
            rows = slice(start, start + BLOCK)
            codes = [codes_of(encoded[rows, at], cuts) for at, cuts in enumerate(self._cuts)]
            self._tables[output].add(parts[rows], codes)
        return self._base[output], parts

    def _tabled(self, trees: FlatTrees, root: int) -> _Tree:
        own = trees.below(root)
        inner = own[trees.feature[own] >= 0]
        features = np.unique(trees.feature[inner]).astype("int64")
        ways: dict[int, NDArray[np.bool_]] = {}
        groups, sizes = [], []
        for feature in features:
            asking = inner[trees.feature[inner] == feature].tolist()
            answers = np.stack([goes_left(trees, node, self._cuts[feature]) for node in asking])
            packed = np.packbits(answers, axis=0).T  # the answers to a code, as bytes
            whole = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
            _, first, group = np.unique(whole, return_index=True, return_inverse=True)
            ways |= dict(zip(asking, answers[:, first], strict=True))
            groups.append(group)
            sizes.append(len(first))
        place = {int(feature): position for position, feature in enumerate(features)}
        leaves: list[_Leaf] = []
        waiting: list[tuple[int, dict[int, tuple[NDArray[np.bool_], float]]]] = [(root, {})]
        while waiting:
            node, path = waiting.pop()
            if trees.feature[node] < 0:
                leads, shares = zip(*path.values(), strict=True) if path else ((), ())
                on_path = np.array([*path], dtype="int64")
                leaves.append(_Leaf(float(trees.value[node, 0]), on_path, leads, np.array(shares)))
                continue
            position = place[int(trees.feature[node])]
            before, share = path.get(position, (np.True_, 1.0))
            for child, way in ((trees.left[node], ways[node]), (trees.right[node], ~ways[node])):
                part = share * float(trees.count[child]) / float(trees.count[node])
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
    trees: FlatTrees, encoded: Floats, columns: Ints, width: int, output: int
) -> tuple[float, Floats]:
    """Return the base and the parts of rows for one output of a forest.

    Parameters
    ----------
    trees
        The forest's score is their mean.
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
    values = np.asfortranarray(encoded, dtype="float32")
    base, parts = 0.0, np.zeros((len(values), width))
    mean, moved = trees.value[:, output], np.zeros((len(trees.feature), width))
    for tree, root in enumerate(trees.roots):
        level: Ints = np.array([root], dtype="int64")
        while len(level):
            split = level[trees.feature[level] >= 0]
            for children in (trees.left[split], trees.right[split]):
                moved[children] = moved[split]
                moved[children, columns[trees.feature[split]]] += mean[children] - mean[split]
            level = np.concatenate([trees.left[split], trees.right[split]]).astype("int64")
        base += float(mean[root])
        parts += moved[trees.leaves(values, tree)]
    return base / len(trees.roots), parts / len(trees.roots)
