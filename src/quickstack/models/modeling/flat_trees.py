"""Trees as flat arrays, and the leaves that rows reach in them.

Trees are walked as scikit-learn walks them, and their values added in its order, so that the sums
are equal to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FlatTrees:
    """All trees of a model, node after node.

    Attributes
    ----------
    roots
        The first node of each tree, in the order in which their values are added.
    feature
        The encoded column that a node splits on; -1 of a leaf.
    threshold
        Values up to it go left.
    left, right
        Numbers of nodes.
    missing_left
        Whether a missing value goes left.
    category_set
        Of a node that splits a category: the row of `sets`; else -1.
    sets
        Which codes go left, shape (sets, codes).
    count
        How many training rows, or their weight, reached a node.
    value
        What a node adds, shape (nodes, outputs of a tree).
    single
        Whether values are compared in single precision.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.uint8]
    category_set: NDArray[np.int32]
    sets: NDArray[np.uint8]
    count: Floats
    value: Floats
    single: bool

    def leaves(self, encoded: Floats, tree: int) -> NDArray[np.int64]:
        """Return the leaf that each row reaches, shape (rows,).

        Parameters
        ----------
        encoded
            Shape (rows, encoded columns), in Fortran order to be quick.
        """
        rows = len(encoded)
        flat = encoded.ravel(order="F")
        node: NDArray[np.int64] = np.full(rows, self.roots[tree], dtype="int64")
        active: NDArray[np.int64] = np.arange(rows)
        while True:
            at = node[active]
            inner = self.feature.take(at) >= 0
            if not inner.all():
                active, at = active[inner], at[inner]
            if not len(active):
                return node
            values = flat.take(self.feature.take(at).astype("int64") * rows + active)
            missing = np.isnan(values)
            left = values <= self.threshold.take(at)
            chosen = self.category_set.take(at)
            if (chosen >= 0).any():
                codes = np.where(missing | (chosen < 0), 0, values).astype("int64")
                left = np.where(chosen >= 0, self.sets[chosen, codes] > 0, left)
            left = np.where(missing, self.missing_left.take(at) > 0, left)
            node[active] = np.where(left, self.left.take(at), self.right.take(at))

    def below(self, root: int) -> NDArray[np.int64]:
        """Return the nodes of the tree that begins at a root, in their order."""
        ends: NDArray[np.int64] = np.append(self.roots, len(self.feature)).astype("int64")
        return np.arange(root, ends[np.searchsorted(ends, root, side="right")])

    def add(self, scores: Floats, encoded: Floats) -> None:
        """Add what each tree says, in their order; tree k of a round adds to output k.

        Parameters
        ----------
        scores
            Shape (rows, outputs).
        """
        values = np.asfortranarray(encoded, dtype="float32" if self.single else "float64")
        rounds = scores.shape[1] // self.value.shape[1]
        reached = None if self._masks is None else self._masks.leaves(values)
        for tree in range(len(self.roots)):
            leaves = self.leaves(values, tree) if reached is None else reached[tree]
            if rounds > 1:
                scores[:, tree % rounds] += self.value[leaves, 0]
            else:
                scores += self.value[leaves]

    @cached_property
    def _masks(self) -> LeafMasks | None:
        ends = np.append(self.roots[1:], len(self.feature))
        leaf = self.feature < 0
        most = max(int(leaf[start:end].sum()) for start, end in zip(self.roots, ends, strict=True))
        return LeafMasks(self) if most <= LeafMasks.MOST else None


class LeafMasks:
    """Small trees, in all of which a row is looked up at once instead of walking each.

    For each tree and each value of a column a mask says which leaves the value leaves open; the
    masks of a row's values have one leaf in common (C. Lucchese et al., QuickScorer, SIGIR 2015,
    doi:10.1145/2766462.2767733).

    Parameters
    ----------
    trees
        None has more than `MOST` leaves.
    """

    MOST = 64

    def __init__(self, trees: FlatTrees) -> None:
        inner = np.flatnonzero(trees.feature >= 0)
        self._columns = np.unique(trees.feature[inner])
        self._cuts = [cuts_of(trees, column) for column in self._columns]
        count = len(trees.roots)
        self._nodes = np.zeros((count, self.MOST), dtype="int64")
        below = _leaves_below(trees, self._nodes)
        self._all = below[trees.roots]
        self._masks = [np.tile(self._all, (len(cuts) + 2, 1)) for cuts in self._cuts]
        owner = np.searchsorted(trees.roots, inner, side="right") - 1
        place = np.searchsorted(self._columns, trees.feature[inner])
        for node, tree, column in zip(inner.tolist(), owner, place, strict=True):
            left = goes_left(trees, node, self._cuts[column])
            closed = np.where(left, below[trees.right[node]], below[trees.left[node]])
            self._masks[column][:, tree] &= ~closed

    def leaves(self, encoded: NDArray[Any]) -> NDArray[np.int64]:
        """Return the node of the leaf that each row reaches in each tree, shape (trees, rows)."""
        rows, count = len(encoded), len(self._nodes)
        reached = np.empty((count, rows), dtype="int64")
        numbers = np.arange(count)[:, None]
        for start in range(0, rows, self._BLOCK):
            part = slice(start, start + self._BLOCK)
            open_ = np.tile(self._all, (len(encoded[part]), 1))
            for column, cuts, masks in zip(self._columns, self._cuts, self._masks, strict=True):
                open_ &= masks.take(codes_of(encoded[part, column], cuts), axis=0)
            # One bit is left; as a float it is a power of two, whose exponent is exact.
            bits = np.frexp(open_.T.view("uint64").astype("float64"))[1] - 1
            reached[:, part] = self._nodes[numbers, bits]
        return reached

    _BLOCK = 512


def cuts_of(trees: FlatTrees, column: int) -> NDArray[Any]:
    """Return the values between which a column's values differ for the trees, in order."""
    own = trees.feature == column
    if (trees.category_set[own] >= 0).any():
        return np.arange(trees.sets.shape[1], dtype="float64")
    return np.unique(trees.threshold[own])


def codes_of(values: NDArray[Any], cuts: NDArray[Any]) -> NDArray[np.int64]:
    """Return where values stand among the cuts; the last code, len(cuts) + 1, is a missing one."""
    codes: NDArray[np.int64] = np.searchsorted(cuts, values)
    return np.where(np.isnan(values), len(cuts) + 1, codes)


def goes_left(trees: FlatTrees, node: int, cuts: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each code of a node's column whether it goes left; the last is a missing value."""
    left = np.zeros(len(cuts) + 2, dtype=bool)
    chosen = trees.category_set[node]
    if chosen >= 0:
        left[: len(cuts)] = trees.sets[chosen] > 0
    else:
        left[:-2] = cuts <= trees.threshold[node]
    left[-1] = trees.missing_left[node] > 0
    return left


def _leaves_below(trees: FlatTrees, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a mask of the leaves below each node, and write their nodes down by tree and bit."""
    below = np.zeros(len(trees.feature), dtype="int64")
    owner = np.searchsorted(trees.roots, np.arange(len(below)), side="right") - 1
    used = np.zeros(len(trees.roots), dtype="int64")
    for node in range(len(below) - 1, -1, -1):  # children stand behind their parents
        if trees.feature[node] >= 0:
            below[node] = below[trees.left[node]] | below[trees.right[node]]
        else:
            tree = owner[node]
            below[node] = np.int64(1) << used[tree]
            nodes[tree, used[tree]] = node
            used[tree] += 1
    return below
