"""The two files of a fitted model: the model file of scikit-learn, and the scorer.

What predicts reads the scorer, which needs no scikit-learn. A model that no scorer can hold, as one
of `src/models` may be, is read from the model file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.facts import paths
from quickstack.facts.errors import ModelError, SourceError
from quickstack.facts.files import read_json, write_json
from quickstack.models.modeling.candidates import Pipeline
from quickstack.models.modeling.features import Feature
from quickstack.models.modeling.flatten import NotFlatError, flatten
from quickstack.models.modeling.model_file import Model, load_model, save_model, versions
from quickstack.models.modeling.predict import score_rows
from quickstack.models.modeling.scorer import Scorer, read_scorer, write_scorer

if TYPE_CHECKING:
    import pandas as pd

#: The layout of the scorer's file; another one is refused.
FORMAT = 1
#: Rows of the self-test.
_TESTED = 24
_AGAIN = "train it again with `dvc repro`, or fetch it with `dvc pull`"


def save_fitted(
    pipeline: Pipeline,
    frame: pd.DataFrame,
    features: Sequence[Feature],
    description: dict[str, Any],
    root: Path = Path(),
) -> dict[str, Any]:
    """Write the model file and the scorer.

    Parameters
    ----------
    pipeline
        Fitted.
    frame
        The training rows, as `features.feature_frame` gives them.
    features
        What it was fitted on.
    description
        As `fit.describe` gives it. How many rows test the model is no part of the files, so that
        new data leave them as they are.

    Returns
    -------
    dict
        The description, with the `training_means` of a linear model's encoded columns, from which
        its parts are measured.

    Raises
    ------
    ModelError
        See `model_file.save_model`.
    """
    needs, scorer = None, None
    try:
        scorer = flatten(pipeline, features)
    except NotFlatError as error:
        needs = str(error)
    description = {**description, "training_means": _training_means(scorer, frame)}
    metadata = {name: value for name, value in description.items() if name != "rows"}
    save_model(root / paths.MODEL, pipeline, metadata)
    content = (root / paths.MODEL).read_bytes()
    document = {
        "format": FORMAT,
        "model_sha256": hashlib.sha256(content).hexdigest(),
        "metadata": {**metadata, "versions": versions()},
        "scorer": None if scorer is None else write_scorer(scorer),
        "not_held": needs,
        "self_test": None if scorer is None else _self_test(scorer, metadata["task"], features),
    }
    write_json(root / paths.SCORER, document)
    return description


def load_fitted(root: Path = Path()) -> Model:
    """Read a model: its scorer, or the model file where no scorer can hold it.

    Raises
    ------
    ModelError
        Where a file is missing or damaged, or the scorer fails its own test.
    """
    where = paths.SCORER.as_posix()
    try:
        document = read_json(root / paths.SCORER)
    except SourceError:
        raise ModelError("there is no scorer, or a damaged one", where=where, fix=_AGAIN) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelError(f"this is not a scorer of format {FORMAT}", where=where, fix=_AGAIN)
    if document.get("scorer") is None:
        return load_model(root / paths.MODEL)
    try:
        model = Model(read_scorer(document["scorer"]), document["metadata"])
        passed = _passes(model, document["self_test"])
    except ModelError as error:
        raise ModelError(error.what, where=where, fix=_AGAIN) from None
    except Exception:  # a damaged document can fail in many ways
        passed = False
    if not passed:
        raise ModelError("the scorer fails its own test", where=where, fix=_AGAIN)
    return model


def _training_means(scorer: Scorer | None, frame: pd.DataFrame) -> list[float] | None:
    if scorer is None or scorer.slopes is None:
        return None
    return [float(mean) for mean in scorer.encode(frame).mean(axis=0).round(12)]


def _self_test(scorer: Scorer, task: Any, features: Sequence[Feature]) -> dict[str, Any]:
    """Return made-up rows and their scores: every category, a missing value, small numbers."""
    rows = {}
    for place, feature in enumerate(features):
        steps = np.arange(_TESTED) * (place + 1)
        values: list[Any] = [*feature.categories, None, "a value that is not listed"]
        if feature.kind == "numeric":
            values = [0.0, 1.0, None, -1.0, 10.0, 0.5, 100.0, 1e4]
        rows[feature.name] = [values[step % len(values)] for step in steps]
    scores = score_rows(scorer, _test_frame(rows, features), task)
    return {"rows": rows, "scores": scores.tolist()}


def _passes(model: Model, test: dict[str, Any]) -> bool:
    features = [
        Feature(entry["name"], entry["kind"], tuple(entry["categories"]))
        for entry in model.metadata["features"]
    ]
    scores = score_rows(model.pipeline, _test_frame(test["rows"], features), model.metadata["task"])
    # The exponential of another library may differ in its last digit.
    return bool(np.allclose(scores, np.array(test["scores"]), rtol=1e-9, atol=1e-12))


def _test_frame(rows: dict[str, list[Any]], features: Sequence[Feature]) -> pd.DataFrame:
    import pandas as pd

    kinds = {
        feature.name: "float64" if feature.kind == "numeric" else object for feature in features
    }
    return pd.DataFrame({name: pd.Series(rows[name], dtype=kind) for name, kind in kinds.items()})
