"""Which way each feature moves the score, from the parts of test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quickstack.models.modeling.explain import explainer
from quickstack.models.modeling.features import Feature, feature_frame
from quickstack.models.modeling.metrics import DECIMALS, Floats
from quickstack.models.modeling.predict import model_features

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.models.modeling.model_file import Model

#: Test rows that are explained, evenly spread; and how many a value needs to be named.
MAX_ROWS, MIN_ROWS = 2000, 10
#: From this rank correlation on, values and parts have one direction.
CLEAR = 0.5


def directions(model: Model, table: pd.DataFrame) -> pd.DataFrame:
    """Say which way each feature moves the score.

    Parameters
    ----------
    model
        As `load_model` gives it.
    table
        Test rows.

    Returns
    -------
    pandas.DataFrame
        `feature`; `mean_part`, the mean size of its parts, in the score's unit, of several classes
        the mean over them; `direction` in words, for a number by the rank correlation of value and
        part, for a category by the values with the highest and the lowest mean part. Both are empty
        where the model cannot be explained.
    """
    import pandas as pd

    explained, used = explainer(model), model_features(model)
    names = pd.DataFrame({"feature": [feature.name for feature in used]})
    if explained.unit is None or not len(table):
        return names.assign(mean_part=np.nan, direction=None)
    rows = np.unique(np.linspace(0, len(table) - 1, MAX_ROWS).astype("int64"))
    frame = feature_frame(table.iloc[rows], used)
    encoded = explained.encode(frame)
    binary = model.metadata["task"] == "binary"
    classes = [str(name) for name in model.metadata["classes"]]
    several = len(classes) > 2
    asked = range(len(classes)) if several else [int(binary and explained.unit == "probability")]
    parts = np.stack([explained.explain(encoded, number).parts for number in asked])
    told = [
        _direction(feature, frame[feature.name], parts[:, :, place], classes if several else [])
        for place, feature in enumerate(used)
    ]
    sizes = np.abs(parts).mean(axis=(0, 1)).round(DECIMALS)
    return names.assign(mean_part=sizes, direction=told)


def _direction(feature: Feature, values: pd.Series, parts: Floats, classes: list[str]) -> str:
    """Say the direction of one feature; `parts` has shape (classes, rows), or (1, rows)."""
    known = values.notna().to_numpy(dtype=bool)
    if not parts[:, known].any():
        return "moves nothing"
    if feature.kind == "category":
        return _of_values(values[known], parts[:, known], classes)
    ranks = values[known].rank().to_numpy()
    found = [_correlation(ranks, own[known]) for own in parts]
    if not classes:
        way = "higher raises it" if found[0] > 0 else "higher lowers it"
        return way if abs(found[0]) >= CLEAR else "no one direction"
    # Of the classes with a direction, those that it moves furthest.
    moved = np.array(found) * parts[:, known].std(axis=1)
    up, down = int(np.argmax(moved)), int(np.argmin(moved))
    said = [f"for {classes[up]}"] if found[up] >= CLEAR else []
    said += [f"against {classes[down]}"] if found[down] <= -CLEAR else []
    return f"higher speaks {', '.join(said)}" if said else "no one direction"


def _of_values(values: pd.Series, parts: Floats, classes: list[str]) -> str:
    """Name the values with the highest and the lowest mean part."""
    import pandas as pd

    counts = values.value_counts()
    means = pd.DataFrame(parts.T, index=values.index).groupby(values, sort=True).mean()
    means = means[counts.reindex(means.index) >= MIN_ROWS].round(DECIMALS)
    if len(means) < 2:
        return "too few values to compare"
    if not classes:
        return f"raised most by {means[0].idxmax()}, lowered most by {means[0].idxmin()}"
    place, number = divmod(int(means.to_numpy().argmax()), len(classes))
    return f"{means.index[place]} speaks for {classes[number]}"


def _correlation(ranks: Floats, parts: Floats) -> float:
    """Return Spearman's rank correlation; 0 where either is constant."""
    import pandas as pd

    other = pd.Series(parts).round(12).rank().to_numpy()
    if ranks.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(ranks, other)[0, 1])
