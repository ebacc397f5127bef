"""Where in its season a period stands, and how much of its time its rows cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quickstack.models.modeling.split import row_moments

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract
    from quickstack.models.modeling.split_partitions import Labels

#: Periods after which things repeat, by period, where the contract does not say.
USUAL_SEASONS = {"hour": 168, "day": 7, "week": 52, "month": 12, "quarter": 4}
#: How many periods a unit of the contract's `season` is.
_UNITS = {
    "hour": {"hour": 1.0, "day": 24.0},
    "day": {"day": 1.0},
    "week": {"day": 1 / 7, "month": 52 / 12},
    "month": {"month": 1.0},
    "quarter": {"month": 1 / 3},
}
#: What pandas calls a period.
_FREQUENCIES = {
    "hour": "h",
    "day": "D",
    "week": "W-SUN",
    "month": "M",
    "quarter": "Q",
    "year": "Y",
}
#: A period has only begun where it leaves more of its time uncovered than this share, and than nine
#: of ten other periods do.
UNCOVERED, USUAL = 0.1, 0.9


def season_length(contract: Contract) -> int | None:
    """Return after how many periods things repeat; None where that is no whole number above 1."""
    usual = USUAL_SEASONS.get(contract.period or "")
    if contract.season is None:
        return usual
    if contract.season.unit == "row":
        size: float = contract.rows_per_period or 0
        length = contract.season.number / size if size else float(usual or 0)
    else:
        unit = _UNITS.get(contract.period or "", {}).get(contract.season.unit, 0.0)
        length = contract.season.number * unit
    return round(length) if length > 1 and abs(length - round(length)) < 0.05 else None


def season_positions(labels: Iterable[str], period: str | None, length: int) -> dict[str, int]:
    """Return where in its season each period stands, 0 to `length` - 1.

    Parameters
    ----------
    labels
        Names of periods, as `split.period_labels` gives them.
    period
        Of the contract; None where periods are blocks of rows.
    length
        As `season_length` gives it.
    """
    return {label: _number(label, period) % length for label in labels if label}


def _number(label: str, period: str | None) -> int:
    if period is None:
        return int(label)
    if period == "week":
        # ISO weeks of all years stand at the same place; week 53 joins week 52.
        return min(int(label[-2:]), 52) - 1
    if period == "quarter":
        return int(label[:4]) * 4 + int(label[-1]) - 1
    unit = {"hour": "h", "day": "D", "month": "M", "year": "Y"}[period]
    return int(np.array(label, f"datetime64[{unit}]").astype("int64"))


def known_positions(
    reference: Mapping[str, Any], batches: Iterable[str], contract: Contract
) -> dict[str, int]:
    """Return where in its season each period of the reference and each batch stands.

    Nothing where the contract gives no season.
    """
    length = season_length(contract)
    if length is None or not reference["features"]:
        return {}
    known = {*reference["features"][0]["periods"], *batches}
    return season_positions(known, contract.period if contract.time_column else None, length)


def begun_periods(
    tables: Sequence[pd.DataFrame], labels: Sequence[Labels], contract: Contract
) -> dict[str, float]:
    """Return `covered_shares` of a table in parts, at least one; nothing without an order.

    Parameters
    ----------
    tables
        All parts in order, with the time column where there is one.
    labels
        Of each part.
    """
    import pandas as pd

    moments = row_moments(pd.concat(tables, ignore_index=True), contract)
    periods = [part.periods for part in labels]
    if moments is None or any(part is None for part in periods):
        return {}
    batches = [part.batches for part in labels]
    from pandas.api.types import union_categoricals

    return covered_shares(
        moments, union_categoricals(periods), union_categoricals(batches), contract
    )


def covered_shares(
    moments: NDArray[Any], periods: pd.Categorical, batches: pd.Categorical, contract: Contract
) -> dict[str, float]:
    """Return the share of its time that the rows of a period cover, for those that only began.

    A period that only began holds other hours, weekdays or days than a whole one. It is one whose
    rows leave a longer part at its start or end without any than those of other periods do.

    Parameters
    ----------
    moments
        When each row happened, datetime64, or its position, shape (rows,).
    periods
        The period of each row, "" where there is none, shape (rows,).
    batches
        The period that each row is judged in, "" for training rows, shape (rows,).
    contract
        Says how long a period is.

    Returns
    -------
    dict
        Batch to share, 0 to 1.
    """
    # Nothing says when the first period would have begun, and the last one ended.
    whole = list(_gaps(moments, periods, contract).values())
    allowed = [_usual([gap[0] for gap in whole][1:]), _usual([gap[1] for gap in whole][:-1])]
    return {
        label: max(0.0, 1 - head - tail)
        for label, (head, tail) in _gaps(moments, batches, contract).items()
        if head > allowed[0] or tail > allowed[1]
    }


def _usual(gaps: list[float]) -> float:
    return max(UNCOVERED, float(np.quantile(gaps, USUAL))) if gaps else UNCOVERED


def _gaps(
    moments: NDArray[Any], periods: pd.Categorical, contract: Contract
) -> dict[str, tuple[float, float]]:
    """Return the share of each period's time before its first and after its last row, in order."""
    import pandas as pd

    spans = pd.Series(moments).groupby(np.asarray(periods.codes)).agg(["min", "max"])
    spans.index = pd.Index(periods.categories[spans.index])
    size = contract.rows_per_period
    found = {}
    for label, first, last in spans.itertuples():
        if not label:
            continue
        if contract.period is None or contract.time_column is None:
            start, length = (int(label) - 1) * (size or 1), size or 1
            found[label] = ((first - start) / length, (start + length - 1 - last) / length)
        else:
            whole = pd.Period(first, freq=_FREQUENCIES[contract.period])
            start, end = whole.start_time, (whole + 1).start_time
            found[label] = ((first - start) / (end - start), (end - last) / (end - start))
    return found
