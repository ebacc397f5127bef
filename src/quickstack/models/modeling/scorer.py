"""The scorer: a fitted model as flat arrays, read and evaluated without scikit-learn.

Importing scikit-learn costs more than predicting a month. A scorer runs no code, has the same bytes
on every run, and gives what the fitted model gives: trees to the bit, linear models within 1e-12.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.errors import ModelError
from quickstack.models.modeling.flat_trees import FlatTrees, Floats

if TYPE_CHECKING:
    import pandas as pd

Link = Literal["identity", "log", "logit", "softmax", "mean"]

#: Rows at a time, so that what is walked stays in the processor's cache.
BLOCK = 8192

_TREE_ARRAYS: Mapping[str, str] = {
    "roots": "<i4", "feature": "<i2", "threshold": "<f8", "left": "<i4", "right": "<i4",
    "missing_left": "|u1", "category_set": "<i4", "sets": "|u1", "count": "<f8", "value": "<f8",
}  # fmt: skip


@dataclass(frozen=True)
class EncodedColumn:
    """One column of what the model is given, and how a feature becomes it.

    Attributes
    ----------
    feature
        The position of the feature.
    kind
        `number`: the value, `fill` where it is missing; `missing`: 1 where it is missing, else 0;
        `code`: the code of a category, from `codes`; `is`: 1 where it is category number `fill`.
        Numbers and what is missing are then centred and scaled.
    codes
        Of each category in the contract's order; NaN where the model does not know it.
    """

    feature: int
    kind: Literal["number", "missing", "code", "is"]
    fill: float = float("nan")
    centre: float = 0.0
    scale: float = 1.0
    codes: tuple[float, ...] = ()

    def encode(self, values: Floats) -> Floats:
        """Return the column, float64, shape (rows,).

        Parameters
        ----------
        values
            Numbers, or the positions of categories; NaN where missing, -1 where unknown.
        """
        if self.kind == "code":
            table = np.array([*self.codes, np.nan, np.nan])
            places = np.where(np.isnan(values), len(self.codes), values).astype("int64")
            found: Floats = table[places]
            return found
        if self.kind == "is":
            return (values == self.fill).astype("float64")
        missing = np.isnan(values)
        filled = missing.astype("float64") if self.kind == "missing" else values
        if self.kind == "number" and not np.isnan(self.fill):
            filled = np.where(missing, self.fill, values)
        return (filled - self.centre) / self.scale


@dataclass(frozen=True)
class Scorer:
    """A model to be evaluated.

    Attributes
    ----------
    categories
        The categories of each feature, in the contract's order; empty of a number.
    columns
        What becomes of the features.
    link
        How what is added up becomes a score: itself, its exponential, a probability of the second
        class, probabilities of all classes, or the mean over the trees.
    base
        Where the sum begins, shape (outputs,).
    trees, slopes
        One of both: the trees, or a slope for each encoded column, shape (outputs, columns).
    """

    features: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    columns: tuple[EncodedColumn, ...]
    link: Link
    base: Floats
    trees: FlatTrees | None = None
    slopes: Floats | None = None

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The codes of the classes, as an estimator of scikit-learn has them."""
        return np.arange(2 if self.link == "logit" else len(self.base))

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Return what the model is given, float64, shape (rows, encoded columns).

        Parameters
        ----------
        frame
            As `features.feature_frame` gives it.
        """
        values = [
            _positions(frame[name], categories)
            if categories
            else frame[name].to_numpy(dtype="float64")
            for name, categories in zip(self.features, self.categories, strict=True)
        ]
        encoded: Floats = np.empty((len(frame), len(self.columns)), order="F")
        for place, column in enumerate(self.columns):
            encoded[:, place] = column.encode(values[column.feature])
        return encoded

    def raw(self, encoded: Floats) -> Floats:
        """Return what the model adds up, float64, shape (rows, outputs)."""
        scores = np.tile(self.base, (len(encoded), 1))
        if self.slopes is not None:
            return scores + encoded @ self.slopes.T
        if self.trees is not None:
            for start in range(0, len(encoded), BLOCK):
                rows = slice(start, start + BLOCK)
                self.trees.add(scores[rows], encoded[rows])
            if self.link == "mean":
                scores /= len(self.trees.roots)
        return scores

    def predict(self, rows: pd.DataFrame | Floats) -> Floats:
        """Return the predictions of a regression, float64, shape (rows,).

        Parameters
        ----------
        rows
            A feature frame, or what `encode` gives of it.
        """
        raw = self.raw(rows if isinstance(rows, np.ndarray) else self.encode(rows))[:, 0]
        return np.exp(raw) if self.link == "log" else raw

    def predict_proba(self, rows: pd.DataFrame | Floats) -> Floats:
        """Return the probability of each class, float64, shape (rows, classes).

        Parameters
        ----------
        rows
            A feature frame, or what `encode` gives of it.
        """
        raw = self.raw(rows if isinstance(rows, np.ndarray) else self.encode(rows))
        if self.link == "logit":
            from scipy.special import expit

            second = expit(raw[:, 0])
            return np.column_stack([1 - second, second])
        if self.link == "softmax":
            powers = np.exp(raw - raw.max(axis=1, keepdims=True))
            result: Floats = powers / powers.sum(axis=1, keepdims=True)
            return result
        return raw


def read_scorer(document: Mapping[str, Any]) -> Scorer:
    """Return a scorer from its JSON document, after checking that nothing in it leads astray.

    Raises
    ------
    ModelError
        Where it is damaged, or its trees name nodes, columns or sets that are
        not there, or run in a circle.
    """
    try:
        trees = document.get("trees")
        scorer = Scorer(
            features=tuple(str(each["name"]) for each in document["features"]),
            categories=tuple(tuple(each["categories"]) for each in document["features"]),
            columns=tuple(_read_column(each) for each in document["columns"]),
            link=document["link"],
            base=_unpacked(document["base"], "<f8"),
            trees=None if trees is None else _read_trees(trees),
            slopes=None if (slopes := document.get("slopes")) is None else _unpacked(slopes, "<f8"),
        )
    except Exception:  # a damaged document can fail in many ways
        raise ModelError("the scorer is damaged, or not one of Quickstack") from None
    _require_sound(scorer)
    return scorer


def write_scorer(scorer: Scorer) -> dict[str, Any]:
    """Return the JSON document of a scorer; arrays are base64 of little-endian numbers."""
    document: dict[str, Any] = {
        "features": [
            {"name": name, "categories": list(categories)}
            for name, categories in zip(scorer.features, scorer.categories, strict=True)
        ],
        "columns": [_column_document(column) for column in scorer.columns],
        "link": scorer.link,
        "base": _packed(scorer.base, "<f8"),
    }
    if scorer.slopes is not None:
        document["slopes"] = _packed(scorer.slopes, "<f8")
    if scorer.trees is not None:
        arrays = {n: _packed(getattr(scorer.trees, n), kind) for n, kind in _TREE_ARRAYS.items()}
        document["trees"] = {**arrays, "single": scorer.trees.single}
    return document


def _positions(column: pd.Series, categories: Sequence[str]) -> Floats:
    """Return the position of each category; NaN where missing, -1 where unknown."""
    import pandas as pd

    found = pd.Index(categories, dtype=object).get_indexer(column.to_numpy(dtype=object))
    return np.where(column.isna(), np.nan, found.astype("float64"))


def _column_document(column: EncodedColumn) -> dict[str, Any]:
    document: dict[str, Any] = {"feature": column.feature, "kind": column.kind}
    if not np.isnan(column.fill):
        document["fill"] = column.fill
    if (column.centre, column.scale) != (0.0, 1.0):
        document |= {"centre": column.centre, "scale": column.scale}
    if column.codes:
        document["codes"] = [None if np.isnan(code) else code for code in column.codes]
    return document


def _read_column(document: Mapping[str, Any]) -> EncodedColumn:
    codes = tuple(
        float("nan") if code is None else float(code) for code in document.get("codes", ())
    )
    numbers = {n: float(document[n]) for n in ("fill", "centre", "scale") if n in document}
    return EncodedColumn(int(document["feature"]), document["kind"], codes=codes, **numbers)


def _packed(array: NDArray[Any], kind: str) -> dict[str, Any]:
    content = np.ascontiguousarray(array, dtype=kind)
    data = base64.b64encode(content.tobytes()).decode("ascii")
    return {"shape": list(content.shape), "data": data}


def _unpacked(document: Mapping[str, Any], kind: str) -> NDArray[Any]:
    content = base64.b64decode(document["data"], validate=True)
    return np.frombuffer(content, dtype=kind).reshape(document["shape"])


def _read_trees(document: Mapping[str, Any]) -> FlatTrees:
    arrays = {name: _unpacked(document[name], kind) for name, kind in _TREE_ARRAYS.items()}
    return FlatTrees(**arrays, single=bool(document["single"]))


def _require_sound(scorer: Scorer) -> None:
    """Refuse what would lead out of an array, or round for ever."""
    width, trees, outputs = len(scorer.columns), scorer.trees, len(scorer.base)
    sound = [
        scorer.link in ("identity", "log", "logit", "softmax", "mean"),
        scorer.base.ndim == 1 and outputs > 0,
        bool(np.isfinite(scorer.base).all()),
        all(0 <= column.feature < len(scorer.features) for column in scorer.columns),
        all(
            not column.codes or len(column.codes) == len(scorer.categories[column.feature])
            for column in scorer.columns
            if 0 <= column.feature < len(scorer.features)
        ),
    ]
    if scorer.slopes is not None:
        sound += [scorer.slopes.shape == (outputs, width), bool(np.isfinite(scorer.slopes).all())]
    if trees is not None:
        sound += _sound_trees(trees, scorer.columns, outputs)
    if not all(sound):
        raise ModelError("the scorer is damaged: its parts do not fit together")


def _sound_trees(trees: FlatTrees, columns: Sequence[EncodedColumn], outputs: int) -> list[bool]:
    nodes = len(trees.feature)
    numbers: NDArray[np.int64] = np.arange(nodes)
    inner = trees.feature >= 0
    sized = all(
        len(getattr(trees, name)) == nodes
        for name in ("threshold", "left", "right", "missing_left", "category_set", "count", "value")
    )
    if not sized or trees.value.ndim != 2 or trees.sets.ndim != 2:
        return [False]
    codes = max((code for c in columns for code in c.codes if not np.isnan(code)), default=-1.0)
    lowest = min((code for c in columns for code in c.codes if not np.isnan(code)), default=0.0)
    return [
        bool((trees.feature < len(columns)).all()),
        # A child stands behind its parent, so that no way leads in a circle.
        *(
            bool((side[inner] > numbers[inner]).all() and (side[inner] < nodes).all())
            for side in (trees.left, trees.right)
        ),
        bool(((trees.roots >= 0) & (trees.roots < nodes)).all()) and len(trees.roots) > 0,
        bool((trees.category_set < len(trees.sets)).all()),
        not len(trees.sets) or (lowest >= 0 and codes < trees.sets.shape[1]),
        outputs % max(trees.value.shape[1], 1) == 0,
        bool(np.isfinite(trees.value).all()),
    ]
