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
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.metrics import Floats
from quickstack.models.modeling.scorer import Scorer
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
    scorer, task
        The model and its task; None where no scorer can hold the model.
    means
        Of the encoded columns of a linear model, see `scorer_file.save_fitted`.

    Attributes
    ----------
    names
        The features, in the order of the parts.
    unit
        `log odds`, `probability`, `value`, `log` (a regression with a logarithmic link); None where
        the model cannot be explained exactly.
    """

    def __init__(self, scorer: Scorer | None, task: str, means: Any = None) -> None:
        self._scorer, self._task = scorer, task
        self.names = [] if scorer is None else list(scorer.features)
        self.unit: str | None = None
        self._parts: _PartsOf | None = None
        if scorer is not None:
            self._columns: Ints = np.array([each.feature for each in scorer.columns], dtype="int64")
            self.unit, self._parts = self._choose(scorer, means)

    def encode(self, frame: pd.DataFrame) -> Floats | None:
        """Return what the model is given, by which predicting and explaining save time.

        Parameters
        ----------
        frame
            As `features.feature_frame` gives it.

        Returns
        -------
        numpy.ndarray or None
            Shape (rows, encoded columns); None where the model cannot be explained, or has no row.
        """
        if self._scorer is None or self._parts is None or not len(frame):
            return None
        return self._scorer.encode(frame)

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

    def _choose(self, scorer: Scorer, means: Any) -> tuple[str | None, _PartsOf | None]:
        units = {"log": "log", "logit": "log odds", "softmax": "log odds"}
        value = "value" if self._task == "regression" else "probability"
        unit, trees = units.get(scorer.link, value), scorer.trees
        if trees is not None and scorer.link == "mean":
            return unit, lambda encoded, output: forest_parts(
                trees, encoded, self._columns, len(self.names), output
            )
        if trees is not None:
            boosted = BoostedTrees(trees, scorer.base, len(scorer.columns))
            return unit, lambda encoded, output: self._gathered(*boosted.parts(encoded, output))
        if (slopes := scorer.slopes) is not None and means is not None:
            centre = np.asarray(means, dtype="float64")
            return unit, lambda encoded, output: self._gathered(
                float(scorer.base[output] + slopes[output] @ centre),
                (encoded - centre) * slopes[output],
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
    """Return the explainer of a model."""
    scorer = model.pipeline if isinstance(model.pipeline, Scorer) else None
    return Explainer(scorer, model.metadata["task"], model.metadata.get("training_means"))
