"""What is counted while blocks are checked; the counts add up, whatever the blocks were."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_COUNTERS = (
    "rules", "warned", "stopped", "missing", "metrics", "findings", "noticed", "evidence",
)  # fmt: skip


@dataclass
class RowCounts:
    """Counts over some rows of one table.

    Attributes
    ----------
    clean, quarantined, blank
        Rows let through, rows refused, empty lines.
    rules, warned, stopped
        (column, rule) to the number of rows that break it: by severity, the row went to
        quarantine, was let through, or ends the run. A row may break several.
    missing
        (column,) to the number of clean rows without a value.
    metrics
        (column, position of the quality rule) to the number of clean rows that it counts.
    findings
        (column, kind of personal data) to the number of clean rows it was found in.
    noticed
        (kind, detail) to how many, of what reading came upon; see `facts.notices`.
    evidence
        (column, what its values look like) to a number of values; see `column_evidence`.
    varied
        The columns that hold more than one value in clean rows.
    first
        (column,) to a digest of the first value, of columns not in `varied`.
    times
        First, last and newest time of the clean rows, ISO 8601; empty without a time column.
    in_order
        Whether times never decrease.
    """

    clean: int = 0
    quarantined: int = 0
    blank: int = 0
    rules: Counter[tuple[str, ...]] = field(default_factory=Counter)
    warned: Counter[tuple[str, ...]] = field(default_factory=Counter)
    stopped: Counter[tuple[str, ...]] = field(default_factory=Counter)
    missing: Counter[tuple[str, ...]] = field(default_factory=Counter)
    metrics: Counter[tuple[str, ...]] = field(default_factory=Counter)
    findings: Counter[tuple[str, ...]] = field(default_factory=Counter)
    noticed: Counter[tuple[str, ...]] = field(default_factory=Counter)
    evidence: Counter[tuple[str, ...]] = field(default_factory=Counter)
    varied: set[str] = field(default_factory=set)
    first: dict[str, str] = field(default_factory=dict)
    times: tuple[str, ...] = ()
    in_order: bool = True

    @property
    def read(self) -> int:
        """How many rows there are: each is clean or in quarantine."""
        return self.clean + self.quarantined

    def add(self, other: RowCounts) -> None:
        """Add what was counted over the rows that follow."""
        self.clean += other.clean
        self.quarantined += other.quarantined
        self.blank += other.blank
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for column, digest in other.first.items():
            if self.first.setdefault(column, digest) != digest:
                self.varied.add(column)
        self.varied |= other.varied
        if self.times and other.times:
            self.in_order &= self.times[1] <= other.times[0]
            self.times = (self.times[0], other.times[1], max(self.times[2], other.times[2]))
        else:
            self.times = self.times or other.times
        self.in_order &= other.in_order

    def document(self) -> dict[str, Any]:
        """Return plain values for JSON, from which `from_document` makes the counts again."""
        document: dict[str, Any] = {
            name: sorted([*key, rows] for key, rows in getattr(self, name).items())
            for name in _COUNTERS
        }
        return document | {
            "clean": self.clean,
            "quarantined": self.quarantined,
            "blank": self.blank,
            "varied": sorted(self.varied),
            "first": dict(sorted(self.first.items())),
            "times": list(self.times),
            "in_order": self.in_order,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> RowCounts:
        """Make the counts that `document` described."""
        values = dict(document)
        for name in _COUNTERS:
            values[name] = Counter({tuple(key): rows for *key, rows in values[name]})
        values["varied"] = set(values["varied"])
        values["times"] = tuple(values["times"])
        return cls(**values)
