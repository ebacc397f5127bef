"""Why a row has its score, in the table of predictions: the three features that moved it most."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.results.exporting.export_tables import Field

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.facts.contract.model import Contract
    from quickstack.models.modeling.explain import Reasons

#: How many features are named per row.
SHOWN = 3
#: Digits of parts that are log odds or probabilities.
DIGITS = 4
_SCORES = {
    "log odds": "the log odds",
    "probability": "the probability",
    "value": "the prediction",
    "log": "the logarithm of the prediction",
}


def reason_fields(contract: Contract, unit: str | None) -> list[Field]:
    """Describe the columns: `reason_<n>` and its part of the score, and what is left.

    Parameters
    ----------
    contract
        Task and unit.
    unit
        What the parts are of, see `modeling.explain.Explainer`; None where there are none.
    """
    if unit is None:
        return []
    score = _SCORES[unit] + (" of the predicted class" if contract.task == "multiclass" else "")
    shown = contract.column(contract.target).unit if unit == "value" else None
    place = ("most", "second most", "third most")
    fields = []
    for number in range(1, SHOWN + 1):
        moved = f"moved the score {place[number - 1]}"
        fields += [
            Field(f"reason_{number}", "string", f"The feature that {moved}; empty without one."),
            Field(f"part_{number}", "number", f"How far it {moved}: its part of {score}.", shown),
        ]
    rest = f"The rest of {score}: that of an average training row, and all other parts. "
    return [*fields, Field("part_rest", "number", rest + "With the three parts it is all.", shown)]


def reason_columns(reasons: Reasons, names: list[str], unit: str, decimals: int) -> dict[str, Any]:
    """Fill the columns of `reason_fields`.

    Parameters
    ----------
    reasons
        The parts of the rows.
    names
        The features, in the order of the parts.
    unit
        As for `reason_fields`.
    decimals
        Parts are rounded to it, log odds and probabilities to 4 decimals at most.
    """
    import pandas as pd

    digits = decimals if unit == "value" else min(decimals, DIGITS)
    parts = reasons.parts
    # Rounded before sorting, so that noise of the last bits cannot swap two features.
    order = np.argsort(-np.abs(parts.round(12)), axis=1, kind="stable")[:, :SHOWN]
    largest = np.take_along_axis(parts, order, axis=1).round(digits)
    rest = reasons.score - largest.sum(axis=1)
    columns: dict[str, Any] = {}
    for place in range(SHOWN):
        if place >= order.shape[1]:
            part, codes = np.full(len(parts), np.nan), np.full(len(parts), -1)
        else:
            silent = largest[:, place] == 0
            part = np.where(silent, np.nan, largest[:, place])
            codes = np.where(silent, -1, order[:, place])
        columns[f"reason_{place + 1}"] = pd.Categorical.from_codes(codes, names)
        columns[f"part_{place + 1}"] = part
    columns["part_rest"] = rest.round(digits)
    return columns


class ReasonCounts:
    """How often each feature is a reason of the rows to act on, or of all rows without such.

    Only rows that the model was not trained on count.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.raised: Counter[str] = Counter()
        self.lowered: Counter[str] = Counter()

    def add(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Count one partition of the predictions, and return it as it is."""
        if "reason_1" not in rows:
            return rows
        counted = (rows["split"] != "train").to_numpy()
        if "acted" in rows:
            counted = counted & rows["acted"].to_numpy(dtype=bool)
        self.rows += int(counted.sum())
        for place in range(1, SHOWN + 1):
            reasons, part = rows[f"reason_{place}"], rows[f"part_{place}"].to_numpy()
            codes, names = reasons.cat.codes.to_numpy(), reasons.cat.categories
            for counts, moved in ((self.raised, part > 0), (self.lowered, part < 0)):
                found = np.bincount(codes[counted & moved], minlength=len(names))
                counts.update(dict(zip(names, found.tolist(), strict=True)))
        return rows
