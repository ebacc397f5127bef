"""Where an incremental landing goes on: nothing that was landed comes twice, nothing is left out.

The next query asks for rows whose column is at or above the highest value landed (less an
overlap), not above it: a row that was committed later with that very value would else be lost.
Of the rows that come back, those that already lie in the landed files are left out, each as often
as it lies there. A row that changed without its column growing is not the same row: it is landed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from quickstack.data.landing.snapshot import Landing, stands
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


@dataclass(frozen=True)
class Watermark:
    """The highest value landed, as its column is typed."""

    kind: str
    value: Any

    def document(self) -> dict[str, str]:
        """Return it for a record."""
        text = self.value.isoformat() if isinstance(self.value, date) else str(self.value)
        return {"type": self.kind, "value": text}

    @classmethod
    def read(cls, document: dict[str, str]) -> Watermark:
        """Return the one that a record holds."""
        return cls(document["type"], typed(document["type"], document["value"]))

    def lower(self, overlap: str | None) -> Any:
        """Return the value from which the next landing asks.

        Parameters
        ----------
        overlap
            How far back rows may still have been committed: a number in the column's own unit, or
            with `s`, `m`, `h` or `d` for dates and times.

        Raises
        ------
        SourceError
            Where the overlap does not fit the column.
        """
        if overlap is None:
            return self.value
        match = _SPAN.fullmatch(overlap)
        timed = isinstance(self.value, date)
        if not match or timed != bool(match[2]) or isinstance(self.value, str):
            raise SourceError(
                "the overlap does not fit the column",
                where="--overlap",
                fix="give 90s, 15m, 1h or 2d for a time, a number for a number, none for text",
            )
        if timed:
            span = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
            # Whole days of a date: half a day back is still the day before.
            return self.value - (span if isinstance(self.value, datetime) else _days(span))
        return self.value - type(self.value)(Decimal(match[1]))


def _days(span: timedelta) -> timedelta:
    return timedelta(days=-(-span // timedelta(days=1)))


def typed(kind: str, value: Any) -> Any:
    """Return a value, or its text in a record, as its column is ordered."""
    if not isinstance(value, str):
        return value
    match kind:
        case "int64":
            return int(value)
        case "numeric":
            return Decimal(value)
        case "date":
            return date.fromisoformat(value)
        case "timestamp" | "timestamptz":
            return datetime.fromisoformat(value)
    return value


def digests(table: pa.Table) -> Iterable[bytes]:
    """Return 16 bytes for each row, equal for equal rows."""
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield hashlib.blake2b(repr(row).encode(), digest_size=16).digest()


def landed_rows(
    landing: Landing, files: list[dict[str, Any]], since: str, lower: Any
) -> Counter[bytes]:
    """Count the landed rows at or above `lower`, by digest; memory grows with those alone.

    Raises
    ------
    SourceError
        Where a file that may hold such rows is not there.
    """
    import pyarrow.parquet as pq

    found: Counter[bytes] = Counter()
    for file in files:
        mark = Watermark.read(file["watermark"])
        if not _at_or_above(mark.value, lower):
            continue
        if not stands(landing, file):
            raise SourceError(
                "this file of an earlier landing is not there as it was landed",
                where=landing.shown(landing.folder / file["file"]).as_posix(),
                fix="get it back with `dvc checkout` or `dvc pull`",
            )
        parquet = pq.ParquetFile(landing.folder / file["file"])
        for group in range(parquet.num_row_groups):
            column = parquet.read_row_group(group, columns=[since])[since].to_pylist()
            kept = [i for i, v in enumerate(column) if _at_or_above(typed(mark.kind, v), lower)]
            if kept:
                found.update(digests(parquet.read_row_group(group).take(kept)))
    return found


def _at_or_above(value: Any, lower: Any) -> bool:
    """Compare; text by equality alone, because databases order it by their own collations."""
    return bool(value == lower if isinstance(value, str) else value >= lower)


def without(table: pa.Table, landed: Counter[bytes]) -> pa.Table:
    """Return the rows that were not landed; `landed` is counted down by those that were."""
    import pyarrow as pa

    if not landed.total():
        return table
    kept = []
    for digest in digests(table):
        known = landed[digest] > 0
        landed[digest] -= known
        kept.append(not known)
    return table.filter(pa.array(kept, pa.bool_()))
