"""What a guess without a model reaches: the least that a model must beat.

Beside the frequencies, the mean and the median there are, for rows in the order of time, the last
known truth and that of one season before, each of the row's own entity where there are entities,
and for entities their own mean. None knows more than the contract's `horizon` lets it know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.facts.contract.model import Contract, Span
from quickstack.models.evaluation.resampling import ties_of
from quickstack.models.modeling.fit import class_names, encode_target
from quickstack.models.modeling.metrics import Floats
from quickstack.models.modeling.split import TEST, TRAIN

if TYPE_CHECKING:
    import pandas as pd

_DAY = 86_400_000_000
_MICROSECONDS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": _DAY}
#: What repeats where the contract names no `season`, by the gap between moments, in days.
_SEASONS = (
    (0.8, (Span(1, "day"), Span(7, "day"))),
    (5.0, (Span(7, "day"),)),
    (200.0, (Span(12, "month"),)),
)
#: A guess that knows fewer of the test rows says nothing of its own.
_KNOWN_SHARE = 0.5


@dataclass(frozen=True)
class _History:
    """The truth of all rows and where each stands in time.

    Attributes
    ----------
    truth
        Shape (rows, classes), a 1 at the true class, or (rows, 1), the number; NaN where unknown.
    group, moments
        Codes of entities, and whole numbers in the order of time, shape (rows,).
    by_rows
        Whether moments only count rows.
    """

    truth: Floats
    group: NDArray[np.intp]
    moments: NDArray[np.int64]
    by_rows: bool


def naive_guesses(
    table: pd.DataFrame, labels: pd.Categorical, contract: Contract
) -> dict[str, Floats]:
    """Guess the test rows in every way that needs no model.

    Parameters
    ----------
    table
        All rows in source order, with the target and the columns of `resampling.tie_columns`.
    labels
        As `modeling.split.split_labels` gives them.

    Returns
    -------
    dict
        The scores of the test rows, as `modeling.metrics` describes them, by what is guessed, in
        words. The guess that knows nothing but frequencies, or the mean, comes first.
    """
    classes = len(class_names(contract))
    training, tested = (np.asarray(labels == label) for label in (TRAIN, TEST))
    known = table[contract.target].notna().to_numpy(dtype=bool)
    values = _as_shares(encode_target(table[known], contract), known, classes)
    overall = values[training].mean(axis=0)
    plain = np.broadcast_to(overall, values.shape)
    found = {"the frequencies" if classes else "the mean": plain}
    if not classes:
        found["the median"] = np.full(values.shape, np.median(values[training]))
    ties = ties_of(table, contract)
    if ties.group is not None:
        means = _own_means(values, ties.group, training, overall, one_more=bool(classes))
        found[f"the mean of each `{ties.column}`"] = means
    if ties.moments is not None:
        found |= _of_time(values, ties.group, ties.moments, training, tested, contract)
    scores = {}
    for name, guess in found.items():
        shown = np.where(np.isnan(guess), plain, guess)[tested]
        scores[name] = shown if classes > 2 else shown[:, -1]
    return scores


def _as_shares(truth: NDArray[Any], known: NDArray[np.bool_], classes: int) -> Floats:
    values = np.full((len(known), classes or 1), np.nan)
    values[known] = np.eye(classes)[truth] if classes else truth[:, None]
    return values


def _own_means(
    values: Floats,
    group: NDArray[np.intp],
    training: NDArray[np.bool_],
    overall: Floats,
    *,
    one_more: bool,
) -> Floats:
    """Return the mean of each row's entity; of classes, with one more row that is like all."""
    count, codes = int(group.max()) + 1, group[training]
    rows = np.bincount(codes, minlength=count)[:, None] + one_more
    sums = np.column_stack([np.bincount(codes, one, count) for one in values[training].T])
    means = np.full(sums.shape, np.nan)
    np.divide(sums + one_more * overall, rows, out=means, where=rows > 0)
    return means[group]


def _of_time(
    values: Floats,
    group: NDArray[np.intp] | None,
    moments: NDArray[Any],
    training: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    contract: Contract,
) -> dict[str, Floats]:
    """Return what was last known, and what was so a season before."""
    by_rows = contract.time_column is None
    history = _History(
        values,
        np.zeros(len(values), dtype=np.intp) if group is None else group,
        moments.astype("int64"),
        by_rows,
    )
    horizon = contract.horizon
    if not by_rows and contract.column(contract.time_column or "").interim_type == "date":
        history = _within_days(history, horizon)
    last = _before(history, horizon)
    told = f", {horizon} before" if horizon is not None else ""
    found = {f"the last known one{told}": last}
    for season in _seasons(history, contract):
        ago = _before(history, _whole_seasons(season, horizon), exact=True)
        if np.isfinite(ago[tested, 0]).mean() > _KNOWN_SHARE:
            name = f"the one of {_whole_seasons(season, horizon)} before"
            found[name] = np.where(np.isnan(ago), last, ago)
    if values.shape[1] == 1:
        return found
    return {name: _likely(guess, values, training) for name, guess in found.items()}


def _within_days(history: _History, horizon: Span | None) -> _History:
    """Spread the rows of a day evenly over it where what is known changes within the day."""
    if horizon is None or horizon.unit not in ("minute", "hour"):
        return history
    import pandas as pd

    days = pd.DataFrame({"group": history.group, "day": history.moments}).groupby(["group", "day"])
    place, rows = days.cumcount().to_numpy(), days["day"].transform("size").to_numpy()
    return _History(history.truth, history.group, history.moments + place * _DAY // rows, False)


def _seasons(history: _History, contract: Contract) -> tuple[Span, ...]:
    if contract.season is not None:
        return (contract.season,)
    if history.by_rows or (contract.horizon is not None and contract.horizon.unit == "row"):
        return ()
    gap = _gap(history) / _DAY
    return next((seasons for longest, seasons in _SEASONS if gap < longest), ())


def _gap(history: _History) -> float:
    """Return the usual distance of two neighbouring moments, in microseconds."""
    distinct = np.unique(history.moments)
    return float(np.median(np.diff(distinct))) if len(distinct) > 1 else float(_DAY)


def _whole_seasons(season: Span, horizon: Span | None) -> Span:
    """Return the fewest whole seasons that lie at least the horizon back."""
    if horizon is None or (horizon.unit == "row") != (season.unit == "row"):
        return season
    times = -(-_rough(horizon) // _rough(season))
    return Span(season.number * max(times, 1), season.unit)


def _rough(span: Span) -> int:
    if span.unit == "row":
        return span.number
    # A month for this purpose has 30 days, a year 360: seasons are compared with horizons only.
    return span.number * _MICROSECONDS.get(span.unit, 30 * _DAY)


def _before(history: _History, span: Span | None, *, exact: bool = False) -> Floats:
    """Return the truth of each row's entity as it was known a span before the row.

    Parameters
    ----------
    span
        None for whatever lies before the row's own moment.
    exact
        Whether it must be of that very time, within one gap between moments.
    """
    import pandas as pd

    if history.by_rows or (span is not None and span.unit == "row"):
        return _rows_before(history, span.number if span else 1)
    known = ~np.isnan(history.truth[:, 0])
    count = history.truth.shape[1]
    right = pd.DataFrame(history.truth[known], columns=range(count))
    right["group"], right["moment"] = history.group[known], history.moments[known]
    right = right.groupby(["moment", "group"], as_index=False).mean()  # sorted by moment
    wanted = pd.DataFrame({"group": history.group, "moment": _earlier(history.moments, span)})
    wanted["place"] = np.arange(len(wanted))
    found = pd.merge_asof(
        wanted.sort_values("moment", kind="stable"),
        right,
        on="moment",
        by="group",
        allow_exact_matches=span is not None,
        tolerance=max(int(_gap(history)) - 1, 0) if exact else None,
    )
    return found.sort_values("place")[[*range(count)]].to_numpy(dtype="float64")


def _rows_before(history: _History, number: int) -> Floats:
    """Return the last known truth of each row's entity, `number` rows before it."""
    import pandas as pd

    order = np.lexsort([np.arange(len(history.moments)), history.moments, history.group])
    group = history.group[order]
    known = pd.DataFrame(history.truth[order]).groupby(group).ffill()
    found = np.empty_like(history.truth)
    found[order] = known.groupby(group).shift(number).to_numpy()
    return found


def _earlier(moments: NDArray[np.int64], span: Span | None) -> NDArray[np.int64]:
    if span is None:
        return moments
    if span.unit != "month":
        return moments - span.number * _MICROSECONDS[span.unit]
    import pandas as pd

    distinct, codes = np.unique(moments, return_inverse=True)
    shifted = pd.DatetimeIndex(distinct.view("datetime64[us]")) - pd.DateOffset(months=span.number)
    return shifted.to_numpy(dtype="datetime64[us]").view("int64")[codes]


def _likely(guess: Floats, values: Floats, training: NDArray[np.bool_]) -> Floats:
    """Turn a class that was into probabilities: how often each class followed it in training."""
    known = ~np.isnan(guess[:, 0])
    state = np.where(known, np.nan_to_num(guess).argmax(axis=1), 0)
    learned, classes = training & known, values.shape[1]
    followed = np.tile(values[training].mean(axis=0), (classes, 1))
    np.add.at(followed, state[learned], values[learned])
    followed /= followed.sum(axis=1, keepdims=True)
    return np.where(known[:, None], followed[state], np.nan)
