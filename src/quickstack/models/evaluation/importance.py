"""How much the model leans on each feature: what is lost when its values are shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.models.modeling.features import feature_frame
from quickstack.models.modeling.metrics import DECIMALS, Floats, measure
from quickstack.models.modeling.predict import model_features, score_rows

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.models.modeling.model_file import Model

MAX_ROWS = 5000
REPEATS = 3


def permutation_importance(
    model: Model, table: pd.DataFrame, truth: NDArray[Any], *, metric: str, seed: int
) -> pd.DataFrame:
    """Measure each feature by permutation (Breiman 2001, doi:10.1023/A:1010933404324).

    Parameters
    ----------
    model
        As `load_model` gives it.
    table
        Test rows; 5,000 of them, drawn by the seed, where there are more.
    truth
        Their encoded target, shape (rows,).
    metric
        Name of the main metric.
    seed
        Of the draw and the shuffling.

    Returns
    -------
    pandas.DataFrame
        `feature`; `importance`, how much worse the metric gets (its drop where higher is
        better, else its rise), in its own unit, the mean of 3 shuffles; `standard_deviation` over
        them. Most important first; NaN where the metric does not exist.
    """
    import pandas as pd

    task = model.metadata["task"]
    generator = np.random.default_rng(seed)
    chosen = np.arange(len(table))
    if len(table) > MAX_ROWS:
        chosen = np.sort(generator.choice(len(table), MAX_ROWS, replace=False))
    features = model_features(model)
    frame, truth = feature_frame(table.iloc[chosen], features), truth[chosen]
    once = np.ones(len(chosen))
    sign = -1.0 if HIGHER_IS_BETTER[task][metric] else 1.0

    def badness(scores: Floats) -> float:
        value = measure(task, truth, scores)(once)[metric]
        return np.nan if value is None else sign * value

    intact = badness(score_rows(model.pipeline, frame, task, features))
    # The shuffles of a feature are predicted in one call, whose fixed cost is the larger part.
    stacked = pd.concat([frame] * REPEATS, ignore_index=True)
    rows = []
    for name in frame.columns:
        values = frame[name].to_numpy()
        shuffles = [values[generator.permutation(len(frame))] for _ in range(REPEATS)]
        column = pd.Series(np.concatenate(shuffles), dtype=values.dtype)
        scores = score_rows(model.pipeline, stacked.assign(**{name: column}), task, features)
        losses = [badness(part) - intact for part in np.split(scores, REPEATS)]
        rows.append((name, np.mean(losses), np.std(losses)))
    result = pd.DataFrame(rows, columns=["feature", "importance", "standard_deviation"])
    # Rounded before sorting, so that noise of the last bits cannot swap two features.
    result = result.round(DECIMALS).replace(-0.0, 0.0)
    return result.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)
