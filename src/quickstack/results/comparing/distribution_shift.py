"""How far the distribution of each column moved: monitoring's index, over rows that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstack.models.modeling.features import Feature, feature_frame
from quickstack.models.modeling.reference_profile import Profile, build_reference, profile
from quickstack.models.monitoring.drift import noise_free_psi, pool

if TYPE_CHECKING:
    import pyarrow as pa

#: An index below it is shown as none.
SMALLEST = 0.001


class Shift:
    """Counts rows of both sides in the same bins, batch by batch.

    Parameters
    ----------
    reference
        The reference profile of the earlier revision: its bins serve, and its counts where no row
        of the earlier revision differs. None where there is none.
    categories
        The values that the contract allows, by column; other text has no bins.
    columns
        Those that both sides have with the same type, keys left out.
    """

    def __init__(
        self,
        reference: Mapping[str, Any] | None,
        categories: Mapping[str, tuple[str, ...]],
        columns: pa.Schema,
    ) -> None:
        self._features = [f for f in map(_feature(categories), columns) if f is not None]
        named = {feature.name: feature for feature in self._features}
        known = (reference or {}).get("features") or []
        self._entries: dict[str, Any] = {
            entry["name"]: entry
            for entry in known
            if entry["name"] in named and entry["kind"] == named[entry["name"]].kind
        }
        self._counts: dict[str, Profile] = {"before": {}, "after": {}}

    def add(self, side: str, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch, `before` or `after`; the first one makes missing bins."""
        frame = feature_frame(_frame(batch, self._features), self._features)
        lacking = [f for f in self._features if f.name not in self._entries]
        if side == "before" and lacking:
            made = build_reference(frame, lacking, None)["features"]
            self._entries |= {entry["name"]: entry | {"counts": None} for entry in made}
        counts, total = profile(frame, {"features": self._entries.values()}), self._counts[side]
        for name, count in counts.items():
            total[name] = total[name] + count if name in total else count

    def table(self) -> list[dict[str, Any]]:
        """Return one entry for each column that moved, the furthest first.

        Returns
        -------
        list of dict
            `column`; `psi`, without its expected noise, in nats; `missing_before` and
            `missing_after`, shares 0 to 1; `against`, `rows` or `reference` (training rows).
        """
        found = []
        for name, entry in self._entries.items():
            after = self._counts["after"].get(name)
            before = self._counts["before"].get(name)
            base = np.asarray(entry["counts"]) if before is None and entry["counts"] else before
            if after is None or base is None:
                continue
            psi = max(noise_free_psi(*pool(base, after))[0], 0.0)
            missing = [float(side[-1] / max(side.sum(), 1)) for side in (base, after)]
            if psi < SMALLEST and abs(missing[0] - missing[1]) < SMALLEST:
                continue
            found.append(
                {
                    "column": name,
                    "psi": round(psi, 6),
                    "missing_before": round(missing[0], 6),
                    "missing_after": round(missing[1], 6),
                    "against": "reference" if before is None else "rows",
                }
            )
        return sorted(found, key=lambda e: (-e["psi"], e["column"]))


def _feature(categories: Mapping[str, tuple[str, ...]]) -> Any:
    import pyarrow as pa

    def made(field: pa.Field) -> Feature | None:
        kind = field.type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return Feature(field.name, "numeric")
        if field.name in categories:
            return Feature(field.name, "category", categories[field.name])
        return None

    return made


def _frame(batch: pa.RecordBatch, features: list[Feature]) -> Any:
    import pandas as pd
    import pyarrow as pa

    mapping = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    table = pa.Table.from_batches([batch]).select([feature.name for feature in features])
    return table.to_pandas(types_mapper=mapping.get, use_threads=False)
