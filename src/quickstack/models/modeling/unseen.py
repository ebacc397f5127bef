"""Values that training never saw: neither missing, nor like any one value that it saw.

A row with such a value is scored as the average over the values that training saw, each by how
often it saw it: what is known of the row beside that value decides. Any model is averaged so, and
none is fitted otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.features import Feature

if TYPE_CHECKING:
    import pandas as pd

#: Values that stand in for one that training never saw.
DRAWS = 32


def with_seen(features: Iterable[Feature], frame: pd.DataFrame) -> tuple[Feature, ...]:
    """Return the features with how often each category stands in the training rows."""
    return tuple(
        replace(feature, seen=tuple(_counts(feature, frame))) if feature.categories else feature
        for feature in features
    )


def unseen_values(frame: pd.DataFrame, features: Iterable[Feature]) -> dict[str, NDArray[np.bool_]]:
    """Return which rows hold a value that training never saw, shape (rows,), by feature.

    Parameters
    ----------
    frame
        As `features.feature_frame` gives it.
    features
        With `seen`; those without it, and those with no such row, are left out.
    """
    found = {}
    for feature in features:
        if not any(feature.seen):
            continue
        column = frame[feature.name]
        known = [c for c, n in zip(feature.categories, feature.seen, strict=True) if n]
        rows = (column.notna() & ~column.isin(known)).to_numpy(dtype=bool)
        if rows.any():
            found[feature.name] = rows
    return found


def count_unseen(unseen: Mapping[str, NDArray[np.bool_]], rows: int) -> dict[str, object]:
    """Return how many rows hold an unseen value, and how many in which column.

    Parameters
    ----------
    unseen
        As `unseen_values` gives it.
    rows
        How many there are in all.
    """
    some = np.logical_or.reduce([np.zeros(rows, dtype=bool), *unseen.values()])
    return {"rows": int(some.sum()), "columns": {n: int(u.sum()) for n, u in unseen.items()}}


def name_unseen(unseen: Mapping[str, NDArray[np.bool_]], rows: int) -> NDArray[np.object_]:
    """Return the names of the columns with an unseen value of each row; None without one."""
    names: NDArray[np.object_] = np.full(rows, None, dtype=object)
    for name, held in unseen.items():
        before = names[held]
        names[held] = [name if old is None else f"{old}, {name}" for old in before]
    return names


def stand_ins(
    frame: pd.DataFrame, features: Iterable[Feature], unseen: Mapping[str, NDArray[np.bool_]]
) -> pd.DataFrame:
    """Return the rows `DRAWS` times, block after block, with values that training saw.

    The values are the quantiles of their frequencies, so that none is drawn; each feature goes
    through them in an order of its own, so that features do not move together.

    Parameters
    ----------
    frame
        Rows with an unseen value, shape (rows, features).
    unseen
        As `unseen_values` gives it for these rows.

    Returns
    -------
    pandas.DataFrame
        Shape (DRAWS * rows, features), index from 0. The mean of a row's scores is its score.
    """
    import pandas as pd

    repeated = pd.concat([frame] * DRAWS, ignore_index=True)
    for place, feature in enumerate(features):
        if feature.name not in unseen:
            continue
        shares = np.cumsum(feature.seen) / np.sum(feature.seen)
        order = (np.arange(DRAWS) * (2 * place + 1)) % DRAWS
        picked = np.searchsorted(shares, (order + 0.5) / DRAWS)
        values = np.array(feature.categories, dtype=object)[picked]
        held = np.tile(unseen[feature.name], DRAWS)
        repeated.loc[held, feature.name] = np.repeat(values, len(frame))[held]
    return repeated


def _counts(feature: Feature, frame: pd.DataFrame) -> list[int]:
    counts = frame[feature.name].value_counts()
    return [int(counts.get(category, 0)) for category in feature.categories]
