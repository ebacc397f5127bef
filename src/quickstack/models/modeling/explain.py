"""Why a row has its score: one part per feature, which add up to the score exactly.

The score is what the model adds up: log odds (gradient boosting and linear; of several classes the
predicted one's), a probability (forests) or the predicted value (a regression).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.errors import ModelError
from quickstack.models.modeling.candidates import one_thread
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.metrics import Floats
from quickstack.models.modeling.predict import model_features
from quickstack.models.modeling.tree_parts import BoostedTrees, Ints, forest_parts
from quickstack.models.modeling.unseen import DRAWS, stand_ins, unseen_values

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.models.modeling.model_file import Model

#: How far the parts may miss what the model predicts.
TOLERANCE = 1e-9
#: Rows with unseen values that are explained in one call, each `DRAWS` times.
_ROWS_AT_ONCE = 1000

_PartsOf = Callable[[Any, int], tuple[float, Floats]]


@dataclass(frozen=True)
class Reasons:
    """The parts of rows.

    Attributes
    ----------
    base
        The score of an average training row, shape (rows,).
    parts
        What each feature adds, float64, shape (rows, features).
    """

    base: Floats
    parts: Floats

    @property
    def score(self) -> Floats:
        """What the model adds up, shape (rows,)."""
        return self.base + self.parts.sum(axis=1)


class Explainer:
    """Explains the rows of one model.

    Parameters
    ----------
    pipeline, task
        The fitted model and its task.
    names
        Its features.
    means
        Of the encoded columns of a linear model, see `training_means`.

    Attributes
    ----------
    names
        The features, in the order of the parts.
    unit
        `log odds`, `probability`, `value`, `log` (a regression with a logarithmic link); None where
        the model cannot be explained exactly.
    """

    def __init__(self, pipeline: Any, task: str, names: list[str], means: Any = None) -> None:
        self._pipeline, self._task, self.names = pipeline, task, names
        self.unit: str | None = None
        self._parts: _PartsOf | None = None
        steps, model = _split(pipeline)
        columns = None if steps is None else _origins(steps, len(names))
        if columns is not None:
            self._columns: Ints = np.array(columns, dtype="int64")
            self.unit, self._parts = self._choose(model, means)

    def encode(self, frame: pd.DataFrame) -> Floats | None:
        """Return what the model's last step is given, by which predicting and explaining save time.

        Parameters
        ----------
        frame
            As `features.feature_frame` gives it.

        Returns
        -------
        numpy.ndarray or None
            Shape (rows, encoded columns); None where the model cannot be explained, or has no row.
        """
        if self._parts is None or not len(frame):
            return None
        with one_thread():
            encoded = _split(self._pipeline)[0].transform(frame)
        dense: Floats = encoded.toarray() if hasattr(encoded, "toarray") else np.asarray(encoded)
        return dense

    def explain(self, encoded: Floats | None, classes: NDArray[Any] | int = 0) -> Reasons:
        """Return the parts of each row.

        Parameters
        ----------
        encoded
            As `encode` gives it.
        classes
            Of several classes: the number of the one to explain, for all rows or for each.

        Raises
        ------
        ModelError
            Where the model cannot be explained exactly.
        """
        if self._parts is None:
            raise ModelError("this kind of model has no exact parts", fix="ask `unit` first")
        rows = 0 if encoded is None else len(encoded)
        base, parts = np.zeros(rows), np.zeros((rows, len(self.names)))
        asked = np.broadcast_to(np.asarray(classes), (rows,))
        for number in np.unique(asked):
            assert encoded is not None
            own = np.flatnonzero(asked == number)
            base[own], parts[own] = self._parts(encoded[own], int(number))
        return Reasons(base, parts)

    def reasons(
        self,
        frame: pd.DataFrame,
        encoded: Floats | None,
        predicted: pd.DataFrame,
        names: Any,
        features: tuple[Feature, ...] = (),
    ) -> Reasons:
        """Explain predictions, and make sure that the parts add up to them.

        Parameters
        ----------
        frame, encoded
            As `features.feature_frame` and `encode` give them.
        predicted
            What `predict` says about the same rows.
        names
            The classes in their order.
        features
            With `seen`: a row with an unseen value has the mean parts of the rows that stand in for
            it, see `modeling.unseen`; what their mean score misses is part of the base.

        Raises
        ------
        ModelError
            Where the parts miss a prediction by more than 1e-9.
        """
        import pandas as pd

        classes: NDArray[Any] = np.full(len(frame), 0)
        if self._task == "multiclass":
            known = pd.Index(names, dtype=object)
            classes = known.get_indexer(predicted["prediction"].to_numpy(dtype=object))
        elif self._task == "binary" and self.unit == "probability":
            classes += 1
        found = self.explain(encoded, classes)
        averaged = self._average_unseen(frame, features, classes, found)
        if self._task == "multiclass" and self.unit == "log odds":
            return found  # the score of one class alone says nothing about its probability
        column = "prediction" if self._task == "regression" else "probability"
        said = self._link(predicted[column].to_numpy(dtype="float64"))
        gap = said - found.score
        found.base[averaged] += gap[averaged]
        missed = np.abs(gap) > TOLERANCE * np.maximum(np.abs(said), 1.0)
        missed[averaged] = False
        # Near 0 and 1, a probability has too few digits to tell its log odds.
        missed &= np.abs(said) < 15 if self.unit == "log odds" else True
        if missed.any():
            raise ModelError(
                f"the reasons of {int(missed.sum())} predictions do not add up to them",
                fix="install requirements.txt, and train again with `dvc repro`",
            )
        return found

    def _average_unseen(
        self,
        frame: pd.DataFrame,
        features: tuple[Feature, ...],
        classes: NDArray[Any],
        found: Reasons,
    ) -> NDArray[np.intp]:
        """Give rows with an unseen value the mean parts of their stand-ins; return which."""
        unseen = unseen_values(frame, features)
        rows = np.flatnonzero(np.logical_or.reduce([np.zeros(len(frame), bool), *unseen.values()]))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            own = rows[start : start + _ROWS_AT_ONCE]
            held = {name: where[own] for name, where in unseen.items()}
            encoded = self.encode(stand_ins(frame.iloc[own], features, held))
            each = self.explain(encoded, np.tile(classes[own], DRAWS))
            found.parts[own] = each.parts.reshape(DRAWS, len(own), -1).mean(axis=0)
            found.base[own] = each.base.reshape(DRAWS, len(own)).mean(axis=0)
        return rows

    def _link(self, predicted: Floats) -> Floats:
        """Return the score of what was predicted."""
        from scipy.special import logit

        if self.unit == "log odds":
            score: Floats = logit(predicted)
            return score
        return np.log(predicted) if self.unit == "log" else predicted

    def _choose(self, model: Any, means: Any) -> tuple[str | None, _PartsOf | None]:
        from sklearn import ensemble, linear_model, tree

        boosting = ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor
        forests = (
            ensemble.RandomForestClassifier, ensemble.RandomForestRegressor,
            ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor,
        )  # fmt: skip
        lines = linear_model.LogisticRegression, linear_model.Ridge, linear_model.LinearRegression
        value = "value" if self._task == "regression" else "probability"
        if type(model) in boosting:
            linked = type(model._loss.link).__name__
            unit = {"IdentityLink": "value", "LogLink": "log"}.get(linked, "log odds")
            trees = BoostedTrees(model)
            return unit, lambda encoded, output: self._gathered(*trees.parts(encoded, output))
        if type(model) in (*forests, tree.DecisionTreeClassifier, tree.DecisionTreeRegressor):
            grown = getattr(model, "estimators_", [model])
            return value, lambda encoded, output: forest_parts(
                grown, encoded, self._columns, len(self.names), output
            )
        if type(model) in lines and means is not None:
            slopes = np.atleast_2d(model.coef_)
            starts = np.atleast_1d(model.intercept_) * np.ones(len(slopes))
            centre = np.asarray(means, dtype="float64")
            unit = "value" if self._task == "regression" else "log odds"
            return unit, lambda encoded, output: self._gathered(
                float(starts[output] + slopes[output] @ centre), (encoded - centre) * slopes[output]
            )
        return None, None

    def _gathered(self, base: float, parts: Floats) -> tuple[float, Floats]:
        """Add up the parts of the encoded columns of each feature."""
        if np.array_equal(self._columns, np.arange(len(self.names))):
            return base, parts
        gathered = np.zeros((len(parts), len(self.names)))
        for column, feature in enumerate(self._columns):
            gathered[:, feature] += parts[:, column]
        return base, gathered


def explainer(model: Model) -> Explainer:
    """Return the explainer of a model file."""
    names = [feature.name for feature in model_features(model)]
    metadata = model.metadata
    return Explainer(model.pipeline, metadata["task"], names, metadata.get("training_means"))


def training_means(pipeline: Any, frame: pd.DataFrame) -> list[float] | None:
    """Return the means of a linear model's encoded columns, from which its parts are measured.

    Parameters
    ----------
    pipeline
        Fitted.
    frame
        The training rows, as `features.feature_frame` gives them.

    Returns
    -------
    list of float or None
        None for another model.
    """
    steps, model = _split(pipeline)
    if steps is None or not hasattr(model, "coef_"):
        return None
    encoded = steps.transform(frame)
    return [float(mean) for mean in np.asarray(encoded.mean(axis=0)).ravel().round(12)]


def _split(pipeline: Any) -> tuple[Any, Any]:
    """Return what encodes and what predicts; None and the model where there are no such parts."""
    from sklearn.pipeline import Pipeline

    if isinstance(pipeline, Pipeline) and len(pipeline) > 1:
        return pipeline[:-1], pipeline[-1]
    return None, pipeline


def _origins(step: Any, width: int) -> list[int] | None:
    """Return the input column that each output column is made of; None where that is not known.

    Parameters
    ----------
    step
        A fitted transformer of scikit-learn.
    width
        How many columns it is given.
    """
    from sklearn.base import OneToOneFeatureMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    if isinstance(step, Pipeline):
        found: list[int] | None = list(range(width))
        for _, part in step.steps:
            inner = None if found is None else _origins(part, len(found))
            found = None if inner is None or found is None else [found[place] for place in inner]
        return found
    if isinstance(step, ColumnTransformer):
        return _joined(step)
    if isinstance(step, OneHotEncoder):
        return [place for place, kept in enumerate(step._n_features_outs) for _ in range(kept)]
    if isinstance(step, SimpleImputer):
        kept = [
            place
            for place, value in enumerate(step.statistics_)
            if step.keep_empty_features or value == value
        ]
        return [*kept, *(step.indicator_.features_ if step.indicator_ is not None else ())]
    if step == "passthrough" or isinstance(step, OneToOneFeatureMixin):
        return list(range(width))
    if isinstance(step, FunctionTransformer) and step.func is None:
        return list(range(width))
    return None


def _joined(columns: Any) -> list[int] | None:
    found: dict[int, int] = {}
    for name, step, _ in columns.transformers_:
        if step == "drop":
            continue
        taken = columns._transformer_to_input_indices[name]
        inner, place = _origins(step, len(taken)), columns.output_indices_[name]
        if inner is None or len(inner) != place.stop - place.start:
            return None
        found |= {place.start + at: int(taken[origin]) for at, origin in enumerate(inner)}
    return [found[at] for at in range(len(found))]
