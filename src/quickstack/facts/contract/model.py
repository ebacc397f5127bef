"""The typed contract: what the rest of the library knows about a data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from quickstack.facts.contract.time_patterns import (
    ISO_CELL,
    ISO_TIME,
    TimePattern,
    compile_pattern,
)

LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Task = Literal["binary", "multiclass", "regression"]
Period = Literal["hour", "day", "week", "month", "quarter", "year"]
Severity = Literal["error", "warning", "stop"]
Monotone = Literal["increasing", "decreasing"]
#: What a row can break: one name each, in messages, reports and `severity`.
RULES = (
    "type", "required", "allowed", "minimum", "maximum", "multiple", "length", "pattern", "format",
    "clock", "unique",
)  # fmt: skip
#: Kinds of personal data that a column may let be: those that detection finds, and a value of
#: a personal column that stands elsewhere.
FINDINGS = (
    "email", "phone", "iban", "card", "ip", "mac", "national_id", "leaked_value", "name",
    "birth_date", "street", "city", "postcode", "licence_plate", "account", "username",
)  # fmt: skip
#: Names that contracts of an earlier Quickstack hold.
FORMER_FINDINGS = {"echo": "leaked_value"}


@dataclass(frozen=True)
class QualityRule:
    """A rule over a column or the table: `metric` compared with `value`.

    Attributes
    ----------
    columns
        For `duplicateValues` of a table: the columns that together must not repeat.
    valid, pattern
        For `invalidValues`: the values that are valid, or what they must match (RE2).
    missing
        For `missingValues`: the values that count as missing besides null.
    """

    metric: Literal["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"]
    operator: str
    value: float | tuple[float, float]
    percent: bool
    stops: bool
    columns: tuple[str, ...] = ()
    valid: tuple[str | int | float | bool, ...] = ()
    pattern: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """Rows whose `columns` have values must find them together in columns `to` of `table`."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]
    severity: Severity = "error"


@dataclass(frozen=True)
class Generalisation:
    """How a value becomes coarser.

    Attributes
    ----------
    kind
        `band`: a number becomes the text of its band of width `size`, 37 by 10 is "30-39".
        `prefix`: a text keeps its first `size` characters.
        `month`, `quarter`, `year`, `decade`: a date or timestamp becomes the first date of its own.
    """

    kind: Literal["band", "prefix", "month", "quarter", "year", "decade"]
    size: int = 1


@dataclass(frozen=True)
class Anonymity:
    """k-anonymity: each combination of `columns`, as ingest leaves them, belongs to k or more.

    Attributes
    ----------
    subject
        The column that tells persons apart; rows are counted where it is None.
    """

    k: int
    columns: tuple[str, ...]
    subject: str | None = None


@dataclass(frozen=True)
class Decision:
    """From which probability on somebody acts, and what each outcome is worth.

    Attributes
    ----------
    threshold
        Act on rows whose probability is at least this, 0 to 1.
    true_positive, false_positive, false_negative, true_negative
        What one row of that outcome is worth, in `unit`: gains above 0, losses below. All 0 where
        the contract says nothing.
    unit
        Of the values, such as EUR; None where the contract gives no values.
    """

    threshold: float = 0.5
    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    unit: str | None = None


#: The metrics of each task, in the order of the reports, and whether higher is better. The first
#: is the main metric where the contract names none. `models.modeling.metrics` says all else.
HIGHER_IS_BETTER: dict[Task, dict[str, bool]] = {
    "binary": {
        "roc_auc": True,
        "average_precision": True,
        "brier": False,
        "log_loss": False,
        "accuracy": True,
    },
    "multiclass": {"accuracy": True, "macro_f1": True, "log_loss": False, "roc_auc_ovr": True},
    "regression": {"mae": False, "rmse": False, "r2": True},
}


@dataclass(frozen=True)
class Column:
    """One column, as the source delivers it.

    Attributes
    ----------
    allowed
        The values it may hold, in the order of the contract; empty where the contract is silent.
    minimum, maximum, exclusive_minimum, exclusive_maximum
        Limits, in the column's own unit; ISO 8601 text for dates and timestamps.
    multiple_of
        What each number must be a multiple of.
    format
        How a date or timestamp is written, a pattern of JDK's DateTimeFormatter (None: ISO 8601);
        the kind of a text, one of STRING_FORMATS; the size of a number, one of NUMBER_FORMATS.
    zone
        The zone of times without an offset, which ingest turns into UTC as it does those with
        one; None: they stay as they are written.
    clock_zone
        The zone of the clock that the clean times show: UTC, but where `timezone: false` keeps
        times as they are written.
    offsets
        Whether a time may tell its own offset; `timezone: false` forbids it.
    parts
        (column, pattern) of the columns whose texts together are this date or timestamp; it does
        not stand in the source itself.
    personal
        What happens to personal values: `drop`, `pseudonym`, `generalise`, `keep` (they are let
        through as they are, on purpose), or None where there are none.
    generalisation
        How, where `personal` is `generalise`.
    allowed_findings
        Kinds of personal data that detection finds here, and that somebody looked at and let be;
        each one of FINDINGS.
    severities
        (rule, severity) where a rule of this column does not quarantine its rows (`error`) but
        counts them (`warning`) or ends the run (`stop`).
    domain
        Equal values get equal pseudonyms within one domain.
    feature
        Whether the model may learn from it; None where the contract leaves that to the rules.
    monotone
        How the prediction may move with the value; None where it may move anyhow.
    known_before
        Why the value is known before the target, in the contract's words; empty where the
        contract does not say that it is.
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
    multiple_of: float | None = None
    format: str | None = None
    zone: str | None = None
    clock_zone: str = "UTC"
    offsets: bool = True
    parts: tuple[tuple[str, str], ...] = ()
    unit: str | None = None
    description: str = ""
    classification: str | None = None
    personal: Literal["drop", "pseudonym", "generalise", "keep"] | None = None
    generalisation: Generalisation | None = None
    allowed_findings: tuple[str, ...] = ()
    severities: tuple[tuple[str, Severity], ...] = ()
    domain: str = ""
    feature: bool | None = None
    leaks_target: bool = False
    monotone: Monotone | None = None
    known_before: str = ""
    quality: tuple[QualityRule, ...] = ()

    @property
    def time_pattern(self) -> TimePattern:
        """How its dates or times are written."""
        if self.parts:
            return compile_pattern(" ".join(pattern for _, pattern in self.parts))
        if self.format is None:
            return ISO_CELL if self.type == "date" else ISO_TIME
        return compile_pattern(self.format)

    @property
    def dropped(self) -> bool:
        """Whether the column never leaves ingest."""
        return self.personal == "drop"

    @property
    def interim_type(self) -> LogicalType:
        """The type that ingest leaves: a pseudonym, a band and a prefix are text."""
        if self.generalisation is not None:
            return "string" if self.generalisation.kind in ("band", "prefix") else "date"
        return "string" if self.personal == "pseudonym" else self.type

    def severity(self, rule: str) -> Severity:
        """Return what happens to rows that break one of RULES."""
        return dict(self.severities).get(rule, "error")


@dataclass(frozen=True)
class Source:
    """Where the data come from and how they are written.

    Attributes
    ----------
    path
        File or pattern in `data/raw/<dataset>/`, relative to the repository. For data that stay
        on S3, the file there that lists the pinned objects (`*.objects.jsonl`, which
        `quickstack land --in-place` writes).
    format
        One of `FORMATS`; `csv` is any delimited text. Compression is recognised by the first
        bytes of the file.
    quote, escape
        The character around cells, empty for none; and the one that makes the next literal
        (None: a doubled quote is a quote).
    line_end
        `auto` takes LF and CRLF, `cr` the lone CR of old Macs.
    skip_lines
        Lines before the header.
    skip_initial_space
        Whether blanks after a delimiter belong to no cell.
    decimal, thousands
        The decimal separator, and what may separate thousands (empty: nothing).
    true_values, false_values
        How a boolean is written.
    sheet
        The sheet of a workbook; the visible one with the contract's columns where None, each of
        them where `*`, several by name.
    missing
        The cell texts that mean "no value".
    header
        Whether the first line names the columns; where not, they have the contract's order.
    comment
        What a line begins with that is no row; None for no such lines.
    widths
        How many letters each column takes, of text without delimiters; empty for delimited text.
    max_unpacked
        How many bytes a packed file may unpack to; None: by its size.
    max_quarantined_share
        Above this share of rows, ingest stops and keeps the previous result.
    origin
        The public address the files were taken from, where there is one.
    """

    path: str
    format: str = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str | None = None
    line_end: Literal["auto", "cr"] = "auto"
    skip_lines: int = 0
    skip_initial_space: bool = False
    decimal: str = "."
    thousands: str = ""
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    sheet: str | tuple[str, ...] | None = None
    header: bool = True
    comment: str | None = None
    widths: tuple[int, ...] = ()
    max_unpacked: int | None = None
    missing: tuple[str, ...] = ("",)
    max_quarantined_share: float = 0.05
    origin: str | None = None


@dataclass(frozen=True)
class Split:
    """Which rows test the model, stable when rows are added.

    Exactly one is set. `from_time`: rows at or after a time. `from_row`: rows from a position of
    the whole table, counted from 0. `share`: a share chosen by the hash of the group, of the key
    or of the whole row. `where`: rows with one of the values of a column.
    """

    from_time: str | None = None
    from_row: int | None = None
    share: float | None = None
    where: tuple[str, tuple[str | int | float | bool, ...]] | None = None


@dataclass(frozen=True)
class Span:
    """A length of time, such as 24 hours, or of rows in the order of time.

    Attributes
    ----------
    unit
        `row` (of the same group, where rows have one), `minute`, `hour`, `day` or `month`.
    """

    number: int
    unit: Literal["row", "minute", "hour", "day", "month"]

    def __str__(self) -> str:
        """Write it for people, such as `24 hours`."""
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"


@dataclass(frozen=True)
class Contract:
    """Everything the pipeline knows about one data set.

    The first table of the file is the one that is learned from; the others are in `tables`.
    """

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
    period: Period | None = None
    rows_per_period: int | None = None
    #: The column whose rows belong together, where the contract names one; see `entity`.
    group: str | None = None
    #: How long before a row's time its inputs are known, and after how long things repeat.
    horizon: Span | None = None
    season: Span | None = None
    #: The column that says how much a row counts in fitting.
    weight: str | None = None
    #: What it costs to miss a class; 1 for classes that it lacks.
    class_cost: dict[str | int | float | bool, float] = field(default_factory=dict)
    key_fingerprint: str | None = None
    #: 1: pseudonyms are made from values as they are written; 2: from their normal form.
    pseudonym_version: int = 2
    quality: tuple[QualityRule, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)
    service_levels: dict[str, str] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    anonymity: Anonymity | None = None
    #: The metric of the task by which models are compared; None leaves it to `main_metric`.
    chosen_metric: str | None = None
    #: Of a binary task: from which probability on to act, and what that is worth.
    decision: Decision = field(default_factory=Decision)
    #: The columns by whose values results are shown.
    segments: tuple[str, ...] = ()
    #: The further tables of the contract, each as a contract of its own (without a task): their
    #: `id` is the table's name. References point to them.
    tables: tuple[Contract, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def source_columns(self) -> tuple[Column, ...]:
        """The columns that the source delivers; the others are put together from them."""
        return tuple(c for c in self.columns if not c.parts)

    @property
    def main_metric(self) -> str:
        """The metric by which models are compared, swept, published and shown first."""
        return self.chosen_metric or next(iter(HIGHER_IS_BETTER[self.task]))

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the primary key's columns, in key order; empty where there is no key."""
        parts = [c for c in self.columns if c.key_position is not None]
        return tuple(c.name for c in sorted(parts, key=lambda c: c.key_position or 0))

    @property
    def entity(self) -> str | None:
        """The column whose rows belong together: `group`, or the first one of several in the key.

        None where there is none, where it is the time column, or where ingest drops it.
        """
        name = self.group or (self.key[0] if len(self.key) > 1 else None)
        if name is None or name == self.time_column or self.column(name).dropped:
            return None
        return name

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
        tables = (self, *self.tables)
        return any(c.personal == "pseudonym" for table in tables for c in table.columns)
