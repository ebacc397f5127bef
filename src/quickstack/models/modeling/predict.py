"""Predictions of a model for any rows, from what stands in its file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Task
from quickstack.facts.errors import DataError
from quickstack.models.modeling.candidates import one_thread
from quickstack.models.modeling.features import Feature, feature_frame
from quickstack.models.modeling.metrics import Floats
from quickstack.models.modeling.unseen import DRAWS, name_unseen, stand_ins, unseen_values

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.models.modeling.model_file import Model

#: Rows with unseen values that are scored in one call, each `DRAWS` times.
_ROWS_AT_ONCE = 10_000


def model_features(model: Model) -> tuple[Feature, ...]:
    """Return the features that the model takes, in its own order."""
    return tuple(
        Feature(
            entry["name"],
            entry["kind"],
            tuple(entry["categories"]),
            tuple(entry.get("seen", ())),
        )
        for entry in model.metadata["features"]
    )


def predict(model: Model, table: pd.DataFrame, encoded: Floats | None = None) -> pd.DataFrame:
    """Predict every row.

    Parameters
    ----------
    model
        As `load_model` gives it.
    table
        Typed rows with the model's features; other columns are ignored.
    encoded
        What a scorer's `encode` gives for them, where it is known already.

    Returns
    -------
    pandas.DataFrame
        Index as in `table`. Classification: `prediction`, a class as the contract writes it, and
        `probability`, float64, of the positive class (binary) or of the predicted class
        (multiclass), and then also `probability_<class>` for each class. Predicted is the class
        that it costs most to miss, by its probability; the likeliest one where costs are equal.
        Regression: `prediction`, float64, in the target's unit. All: `unseen`, the names of the
        columns whose value training never saw; None where there is none.

    Raises
    ------
    DataError
        Where the table lacks a feature, or holds it in another type.
    """
    import pandas as pd

    task, classes = model.metadata["task"], model.metadata["classes"]
    features = model_features(model)
    frame = feature_frame(table, features)
    names = name_unseen(unseen_values(frame, features), len(frame))
    unseen = pd.Series(names, index=table.index, dtype="str")
    scores = score_rows(model.pipeline, frame, task, features, encoded)
    if task == "regression":
        return pd.DataFrame({"prediction": scores, "unseen": unseen}, index=table.index)
    cost = np.array(model.metadata.get("class_cost") or [1.0] * len(classes))
    if task == "binary":
        codes = (scores * cost[1] > (1 - scores) * cost[0]).astype("int64")
    else:
        codes = (scores * cost).argmax(axis=1)
    columns: dict[str, Any] = {"prediction": pd.Series(classes).to_numpy()[codes]}
    if task == "binary":
        columns["probability"] = scores
    else:
        columns["probability"] = scores[np.arange(len(scores)), codes]
        columns |= {f"probability_{name}": scores[:, code] for code, name in enumerate(classes)}
    return pd.DataFrame({**columns, "unseen": unseen}, index=table.index)


def truth_and_scores(
    model: Model, predictions: pd.DataFrame, actual: pd.Series
) -> tuple[Floats, Floats]:
    """Return what metrics and losses are measured from, as `modeling.metrics` describes it.

    Parameters
    ----------
    model
        The model that predicted.
    predictions
        As `predict` gives them.
    actual
        The target of the same rows; missing where it is not known.

    Returns
    -------
    truth : numpy.ndarray
        float64, shape (rows,); NaN where it is not known.
    scores : numpy.ndarray
        float64, shape (rows,), or (rows, classes) of a multiclass task.

    Raises
    ------
    DataError
        Where a class is none of the model's.
    """
    task, classes = model.metadata["task"], model.metadata["classes"]
    known = actual.notna().to_numpy(dtype=bool)
    truth = np.full(len(predictions), np.nan)
    truth[known] = encode(actual[known], task, classes, model.metadata["target"])
    columns: Any = "prediction" if task == "regression" else "probability"
    if task == "multiclass":
        columns = [f"probability_{name}" for name in classes]
    return truth, predictions[columns].to_numpy(dtype="float64")


def score_rows(
    pipeline: Any,
    frame: pd.DataFrame,
    task: Task,
    features: tuple[Feature, ...] = (),
    encoded: Floats | None = None,
) -> Floats:
    """Return the scores of a feature frame, as `modeling.metrics` describes them by task.

    Parameters
    ----------
    features
        With `seen`: rows with other values are scored as `modeling.unseen` says.
    encoded
        What a scorer's `encode` gives for the rows, where it is known already.
    """
    scores = _scores(pipeline, frame if encoded is None else encoded, task)
    unseen = unseen_values(frame, features)
    if unseen:
        some = np.flatnonzero(np.logical_or.reduce(list(unseen.values())))
        for start in range(0, len(some), _ROWS_AT_ONCE):
            rows = some[start : start + _ROWS_AT_ONCE]
            held = {name: found[rows] for name, found in unseen.items()}
            each = _scores(pipeline, stand_ins(frame.iloc[rows], features, held), task)
            scores[rows] = (
                each.reshape(DRAWS, len(rows), -1).mean(axis=0).reshape(scores[rows].shape)
            )
    return scores


def _scores(pipeline: Any, frame: pd.DataFrame | Floats, task: Task) -> Floats:
    if not len(frame):
        classes = len(pipeline.classes_) if task == "multiclass" else 0
        return np.empty((0, classes) if classes else 0)
    with one_thread():
        if task == "regression":
            return pipeline.predict(frame).astype("float64")
        probabilities = pipeline.predict_proba(frame)
    return probabilities if task == "multiclass" else probabilities[:, 1]


def encode(target: pd.Series, task: Task, classes: Any, name: str) -> NDArray[Any]:
    """Encode a target without missing values: float64, or int64 positions in `classes`.

    Raises
    ------
    DataError
        Where a value is none of the classes, is missing, or is not a number.
    """
    import pandas as pd

    if task == "regression":
        values = target.to_numpy(dtype="float64", na_value=np.nan)
        wrong = np.isnan(values)
    else:
        values = pd.Index(classes, dtype=object).get_indexer(target.to_numpy(dtype=object))
        wrong = values < 0
    if wrong.any():
        raise DataError(
            f"the target '{name}' holds {int(wrong.sum())} values that the task cannot use",
            fix="leave out rows without a target, and list every class in the contract's `enum`",
        )
    return values.astype("float64" if task == "regression" else "int64")
