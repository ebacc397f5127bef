"""Axes in round steps for the values of a regression and its residuals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract

#: Share of the known values left out at each end of the axis; the end bins hold them.
_TAIL = 0.005
VALUE_BINS, RESIDUAL_BINS = 36, 60


@dataclass(frozen=True)
class Axis:
    """Bins of equal width from `start`; the first and the last are open towards outside."""

    start: float
    step: float
    size: int

    def bins(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the bin of each value, 0 to size - 1."""
        inner = self.start + self.step * np.arange(1, self.size)
        return np.searchsorted(inner, values, side="right").astype("int64")


@dataclass(frozen=True)
class Scale:
    """The axes of a regression, in the target's unit."""

    value: Axis
    residual: Axis


def nice_axis(low: float, high: float, bins: int) -> Axis:
    """Return the finest axis of about `bins` steps of 1, 2, 2.5 or 5 times a power of 10."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / bins
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9)), raw)
    start = math.floor(low / step + 1e-9) * step
    return Axis(start, step, max(math.ceil((high - start) / step - 1e-9), 2))


def scale_of(
    contract: Contract, parts: Iterable[pd.DataFrame], metrics: Mapping[str, Any]
) -> Scale | None:
    """Choose the axes from all known values of the target and the typical error.

    Parameters
    ----------
    contract
        Task and target; another task than a regression has no scale.
    parts
        The partitions, with the target; missing values are passed over.
    metrics
        `reports/metrics.json`; its `rmse` may be missing.
    """
    if contract.task != "regression":
        return None
    rmse = metrics.get("rmse")
    found = [part[contract.target].to_numpy(dtype="float64", na_value=np.nan) for part in parts]
    values = np.concatenate([part[np.isfinite(part)] for part in found] or [np.zeros(0)])
    if not len(values):
        values = np.zeros(1)
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL]).tolist()
    spread = float(rmse) if rmse and math.isfinite(rmse) else (high - low) / 6
    reach = 3 * spread or 1.0
    return Scale(nice_axis(low, high, VALUE_BINS), nice_axis(-reach, reach, RESIDUAL_BINS))
