"""The typed rules of a contract: quality, references, generalisation, anonymity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "stop"]
#: What a row can break: one name each, in messages, reports and `severity`.
RULES = ("type", "required", "allowed", "minimum", "maximum", "length", "pattern", "unique")
#: Kinds of personal data that a column may let be: those that detection finds, and a value of
#: a personal column that stands elsewhere.
FINDINGS = ("email", "phone", "iban", "card", "ip", "mac", "national_id", "leaked_value")


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
