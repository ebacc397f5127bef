"""Profiles that merge: how many rows fall into each bin of each feature.

A profile holds whole numbers only, so that the profiles of partitions add up to the profile of
the whole, exactly and in any order, and history is never read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.errors import DataError
from quickstack.models.modeling.time_features import says_time

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.models.modeling.features import Feature

Profile = dict[str, NDArray[np.int64]]

#: Numeric features are cut near the tenths of the reference.
BINS = 10


def build_reference(
    frame: pd.DataFrame,
    features: Iterable[Feature],
    periods: NDArray[Any] | pd.Categorical | None,
    moments: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Describe the training rows: the bins, and the counts in them.

    Numeric bins are separated by at most 9 cuts near the tenths of the reference. A cut lies
    midway between two neighbouring values, so that it is no value of the data and last-bit noise
    moves no row into another bin. Categories have a bin for each allowed value and one for all
    others. The last bin counts missing values.

    Parameters
    ----------
    frame
        The training rows, as `modeling.features.feature_frame` gives them: numeric features
        float64 with NaN, categories text with None or NaN.
    features
        The model's features.
    periods
        The period of each training row, shape (rows,); None where rows have no order in time.
    moments
        When each of them happened, or its position; None where that is not known.

    Returns
    -------
    dict
        JSON-able: `rows`, and for each of `features` its `name`, `kind`, `cuts` or `categories`,
        `counts` per bin, `says_time` (see `time_features`), and `periods`, the counts per period
        in sorted order.
    """
    described: list[dict[str, Any]] = []
    for feature in features:
        entry: dict[str, Any] = {"name": feature.name, "kind": feature.kind}
        if feature.kind == "numeric":
            entry["cuts"] = _cuts(frame[feature.name].to_numpy(dtype="float64", na_value=np.nan))
        else:
            entry["categories"] = list(feature.categories)
        entry["says_time"] = moments is not None and says_time(frame[feature.name], moments)
        described.append(entry)
    reference: dict[str, Any] = {"rows": len(frame), "features": described}
    counts = profile(frame, reference)
    by_period = {} if periods is None else profile_by_label(frame, periods, reference)
    for entry in described:
        entry["counts"] = counts[entry["name"]].tolist()
        entry["periods"] = {p: by_period[p][entry["name"]].tolist() for p in sorted(by_period)}
    return reference


def profile(frame: pd.DataFrame, reference: Mapping[str, Any]) -> Profile:
    """Count the rows of a table in the bins of the reference.

    Parameters
    ----------
    frame
        Any rows, as `modeling.features.feature_frame` gives them.
    reference
        As `build_reference` gives it.

    Returns
    -------
    dict
        Feature to int64 counts: shape (cuts + 2,) for numeric features, (categories + 2,) for
        the others; the last bin holds missing values.

    Raises
    ------
    DataError
        Where the table lacks a feature of the reference.
    """
    result = {}
    for entry in reference["features"]:
        name = entry["name"]
        if name not in frame.columns:
            raise DataError(
                f"the reference profile knows a feature '{name}' that the table lacks",
                where="models/reference.json",
                fix="train again, `dvc repro train`",
            )
        bins = _bins(frame[name], entry)
        result[name] = np.bincount(bins, minlength=bin_count(entry)).astype(np.int64)
    return result


def profile_by_label(
    frame: pd.DataFrame, labels: NDArray[Any] | pd.Categorical, reference: Mapping[str, Any]
) -> dict[str, Profile]:
    """Profile the rows of each label; rows with the label "" are left out.

    Parameters
    ----------
    frame
        Any rows, as for `profile`.
    labels
        Text, shape (rows,), such as the period of each row.
    reference
        As `build_reference` gives it.
    """
    import pandas as pd

    return {
        str(label): profile(frame.loc[labels == label], reference)
        for label in pd.Categorical(labels).remove_unused_categories().categories
        if label
    }


def merge(one: Mapping[str, Profile], other: Mapping[str, Profile]) -> dict[str, Profile]:
    """Add profiles of two partitions, label by label; a label that one lacks counts as zero."""
    merged = {label: dict(counts) for label, counts in one.items()}
    for label, counts in other.items():
        if label in merged:
            merged[label] = {name: merged[label][name] + counts[name] for name in counts}
        else:
            merged[label] = dict(counts)
    return merged


def bin_count(entry: Mapping[str, Any]) -> int:
    """Return how many bins a feature of the reference has, the one for missing values included."""
    if entry["kind"] == "numeric":
        return len(entry["cuts"]) + 2
    return len(entry["categories"]) + 2


def _cuts(values: NDArray[np.float64]) -> list[float]:
    """Cut midway between distinct values, where the share below is nearest to each tenth."""
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) < 2:
        return []
    middles = distinct[:-1] + np.diff(distinct) / 2
    below = np.cumsum(counts)[:-1] / counts.sum()
    tenths = np.arange(1, BINS) / BINS
    after = np.clip(np.searchsorted(below, tenths), 1, max(len(below) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(below) - 1)
    nearest = np.where(tenths - below[before] <= below[after] - tenths, before, after)
    return [float(cut) for cut in middles[np.unique(nearest)]]


def _bins(column: pd.Series, entry: Mapping[str, Any]) -> NDArray[np.intp]:
    """Return the bin of each row; the last one where the value is missing."""
    missing = column.isna().to_numpy(dtype=bool)
    if entry["kind"] == "numeric":
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        bins = np.searchsorted(np.asarray(entry["cuts"], dtype="float64"), values, side="left")
    else:
        import pandas as pd

        codes = pd.Index(entry["categories"], dtype=object).get_indexer(column.to_numpy(object))
        bins = np.where(codes < 0, len(entry["categories"]), codes)
    return np.where(missing, bin_count(entry) - 1, bins).astype(np.intp)
