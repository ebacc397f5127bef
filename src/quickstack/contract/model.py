"""The typed contract that the rest of the library asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class QualityRule:
    """A rule over a column or the table: `metric` compared with `limits`."""

    metric: Literal["nullValues", "rowCount"]
    operator: str
    value: float | tuple[float, float]
    percent: bool
    stops: bool


@dataclass(frozen=True)
class Column:
    """One column, as the source delivers it.

    Attributes
    ----------
    allowed
        The values it may hold, in the order of the contract; empty where the contract is silent.
    minimum, maximum, exclusive_minimum, exclusive_maximum
        Limits, in the column's own unit; ISO 8601 text for dates and timestamps.
    format
        How a date or timestamp is written, as Python's `strftime` says it.
    personal
        What happens to personal values: `drop`, `pseudonym`, or None where there are none.
    domain
        Equal values get equal pseudonyms within one domain.
    """

    name: str
    type: LogicalType
    required: bool = False
    unique: bool = False
    key_position: int | None = None
    allowed: tuple[str | int | float | bool, ...] = ()
    minimum: float | str | None = None
    maximum: float | str | None = None
    exclusive_minimum: float | str | None = None
    exclusive_maximum: float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    unit: str | None = None
    description: str = ""
    classification: str | None = None
    personal: Literal["drop", "pseudonym"] | None = None
    domain: str = ""
    feature: bool = True
    leaks_target: bool = False
    quality: tuple[QualityRule, ...] = ()

    @property
    def dropped(self) -> bool:
        """Whether the column never leaves ingest."""
        return self.personal == "drop"

    @property
    def interim_type(self) -> LogicalType:
        """The type that ingest leaves: a pseudonym is always text."""
        return "string" if self.personal == "pseudonym" else self.type


@dataclass(frozen=True)
class Source:
    """Where the data come from and how they are written.

    Attributes
    ----------
    path
        File or pattern, relative to the repository.
    missing
        The cell texts that mean "no value".
    max_quarantined_share
        Above this share of rows, ingest stops and keeps the previous result.
    origin
        The public address the files were taken from, where there is one.
    """

    path: str
    format: Literal["csv"] = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ("",)
    max_quarantined_share: float = 0.05
    origin: str | None = None


@dataclass(frozen=True)
class Split:
    """Which rows test the model, stable when rows are added.

    Exactly one of `from_time`, `from_row` and `share` is set: rows at or after a time, rows from
    a position of the whole table (counted from 0), or a share chosen by the hash of the key.
    """

    from_time: str | None = None
    from_row: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class Contract:
    """Everything the pipeline knows about one data set."""

    id: str
    name: str
    version: str
    description: str
    grain: str
    source: Source
    columns: tuple[Column, ...]
    task: Task
    target: str
    split: Split
    positive: str | int | float | bool | None = None
    time_column: str | None = None
    period: Literal["hour", "day", "week", "month", "quarter", "year"] | None = None
    rows_per_period: int | None = None
    key_fingerprint: str | None = None
    quality: tuple[QualityRule, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
    service_levels: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the primary key's columns, in key order; empty where there is no key."""
        parts = [c for c in self.columns if c.key_position is not None]
        return tuple(c.name for c in sorted(parts, key=lambda c: c.key_position or 0))

    @property
    def interim_columns(self) -> tuple[Column, ...]:
        """The columns that ingest writes, in contract order."""
        return tuple(c for c in self.columns if not c.dropped)

    @property
    def ordered(self) -> bool:
        """Whether rows have an order in time."""
        return self.time_column is not None or self.rows_per_period is not None

    @property
    def needs_key(self) -> bool:
        """Whether a column leaves ingest as a keyed pseudonym."""
        return any(c.personal == "pseudonym" for c in self.columns)
