"""From what values show to what a contract says of a column: its type, its values, its privacy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quickstack.data.onboarding.evidence import STYLES, ColumnEvidence, patterns
from quickstack.data.privacy.column_names import normal, promised
from quickstack.facts.contract.time_patterns import MONTHS, WEEKDAYS

#: Words that may mean "no value" in a column of text.
_UNKNOWN = {
    "unknown", "missing", "not available", "not known", "undefined", "unspecified", "<missing>",
    "k.a.", "n.a.", "unbekannt", "inconnu", "desconocido",
}  # fmt: skip
_TRUTHS = {"true", "false"}
#: A text column is a category up to here; each value stands in several rows, and all but so many
#: rows hold one.
_MOST_VALUES, _REST = 250, 0.02
_CALENDARS = tuple(
    tuple(case(name[:letters]) for name in names)
    for names in (MONTHS, WEEKDAYS)
    for letters in (3, None)
    for case in (str.lower, str.title, str.upper)
)
#: Headers of columns that tell things and persons apart.
_ID = re.compile(
    r"\b(id|ids|no|nr|num|number|key|code|uid|uuid|guid|index|instant|ref|reference|"
    r"nummer|kennung|record|row|ticket|order|invoice|sku|serial)\b"
)
_PERSON = re.compile(
    r"\b(customer|client|user|member|patient|person|employee|subscriber|student|"
    r"passenger|driver|contact|account|policyholder|kunde|kunden|kundennummer|"
    r"patienten|mitarbeiter|cliente|usuario)\b"
)
_DATE = re.compile(r"\b(date|day|dt|datum|time|timestamp|created|month|ymd|tag|fecha|jour|dte)")


@dataclass
class Question:
    """Something that a person should decide.

    Attributes
    ----------
    rank
        What matters more has a smaller one.
    answer
        The `--set` that answers it otherwise, after the option's name; empty: edit the contract.
    """

    rank: int
    about: str
    text: str
    answer: str


@dataclass
class ColumnDraft:
    """What the contract will say of a column.

    Attributes
    ----------
    entry
        Fields of the standard, in their order.
    custom
        Custom properties.
    notes
        Why something is a guess: the comment behind the line.
    personal
        The kind of personal data, where there is one.
    """

    name: str
    type: str
    format: str | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    personal: str | None = None
    evidence: ColumnEvidence | None = None

    @property
    def header(self) -> str:
        """Its name as folded words."""
        return normal(self.name)

    @property
    def names_things(self) -> bool:
        """Whether its name tells things apart."""
        return bool(_ID.search(self.header)) or self.header.endswith("id")

    @property
    def is_time(self) -> bool:
        """Whether it holds dates or times."""
        return self.type in ("date", "timestamp")


def number_style(evidence: Iterable[ColumnEvidence]) -> tuple[str, str]:
    """Return the (decimal, thousands) in which most columns are numbers; of equals the plainest."""
    votes = Counter(style for column in evidence if column.digits for style in column.styles)
    return max(STYLES, key=lambda style: (votes[style], -STYLES.index(style)))


def missing_marks(
    evidence: Sequence[ColumnEvidence], style: tuple[str, str]
) -> dict[str, list[str]]:
    """Return the cells that mean "no value", each with the columns that it is unsure for."""
    found: dict[str, list[str]] = {"": []}
    for column in evidence:
        texts = column.counts is not None and not _is_typed(column, style)
        for mark in column.marks:
            found.setdefault(mark, [])
            if texts and mark.strip() in ("NA", "-", ".", "?") and not column.digits:
                found[mark].append(column.name)
        if _is_typed(column, style) and column.digits:
            for word in column.words or ():
                if word.casefold() not in MONTHS:
                    found.setdefault(word, []).append(column.name)
        elif column.counts is not None:
            for word in column.counts:
                if word.strip().casefold() in _UNKNOWN and len(column.counts) > 1:
                    found.setdefault(word, []).append(column.name)
    return dict(sorted(found.items()))


def _is_typed(column: ColumnEvidence, style: tuple[str, str]) -> bool:
    """Whether the values with a digit make numbers or times, and few others are left."""
    if not column.digits or column.words is None:
        return False
    others = sum(column.words.values())
    few = len(column.words) <= 3 and others * 2 <= column.digits
    return few and bool(style in column.styles or column.times)


def describe(
    column: ColumnEvidence,
    style: tuple[str, str],
    marks: Mapping[str, Any],
    given: Mapping[str, Any],
) -> tuple[ColumnDraft, list[Question]]:
    """Return what a contract says of a column, and what is unsure.

    Parameters
    ----------
    given
        What the user has said of the column, by property.
    """
    kind, form, asked = _type(column, style, marks)
    draft = ColumnDraft(column.name, given.get("logicalType", kind), evidence=column)
    draft.format = given.get("format", form if draft.type == kind else None)
    if draft.format is None and asked and draft.type == kind:
        draft.notes += [q.text for q in asked]
    questions = asked if not {"logicalType", "format"} & set(given) else []
    if draft.format and asked:
        draft.notes += [q.text for q in questions]
    return draft, questions


def _type(
    column: ColumnEvidence, style: tuple[str, str], marks: Mapping[str, Any]
) -> tuple[str, str | None, list[Question]]:
    values = {v for v in column.counts or () if v not in marks}
    if values and {v.casefold() for v in values} <= _TRUTHS:
        return "boolean", None, []
    if not _is_typed(column, style):
        return "string", None, []
    packed = {"yyyyMMdd", "yyyyMMddHHmmss"} & column.times
    if style in column.styles and not (packed and _DATE.search(normal(column.name))):
        if column.zeros and style in column.whole and not column.fractions:
            return "string", None, []
        whole = style in column.whole and not (column.fractions and column.present == column.rows)
        return ("integer" if whole else "number"), None, []
    if column.times:
        return _time(column)
    return "string", None, []


def _time(column: ColumnEvidence) -> tuple[str, str | None, list[Question]]:
    alive = [name for name in patterns() if name in column.times]
    best, asked = alive[0], []
    other = next((n for n in alive if n != best and _swapped(best) == n), None)
    if other:
        if _first_of_month(column, best):
            best, other = other, best
        asked.append(
            Question(
                3,
                column.name,
                f"no day above 12: is it {best} or {other}?",
                f"{column.name}.format={other}",
            )
        )
    if best in ("date", "timestamp"):
        return best, None, asked
    return ("timestamp" if re.search("[Hh]", best.replace("'T'", "")) else "date"), best, asked


def _swapped(pattern: str) -> str:
    return re.sub(r"^([dM])(.)([dM])", r"\3\2\1", pattern)


def _first_of_month(column: ColumnEvidence, pattern: str) -> bool:
    """Whether what would be the month is always 1: then it is the day of months."""
    part = 1 if pattern.startswith("d") else 0
    numbers = {re.split(r"\D", value)[part].lstrip("0") for value, _ in column.values()}
    return numbers == {"1"}


def find_personal(draft: ColumnDraft, shown: set[str]) -> None:
    """Say what happens to a column of personal data.

    Parameters
    ----------
    shown
        Kinds that the column shows as a whole.
    """
    column = draft.evidence
    assert column is not None
    kind, weak = promised(draft.name)
    found = set(
        column.as_numbers
        if draft.type == "integer"
        else column.as_text
        if draft.type == "string"
        else ()
    )
    found |= shown
    person = _PERSON.search(draft.header)
    if not found and person and draft.names_things and draft.type in ("string", "integer"):
        found = {"account"} if column.counts is None else set()
    if found:
        draft.personal = sorted(found)[0]
        if kind in found and not weak:
            draft.personal = kind


def list_values(draft: ColumnDraft, marks: Mapping[str, Any], *, classes: bool = False) -> None:
    """Write `enum` for a column of few values, never of personal ones.

    Parameters
    ----------
    classes
        Whether these are the classes of the target, which may be numbers.
    """
    column = draft.evidence
    assert column is not None
    if column.counts is None or draft.personal or (draft.type != "string" and not classes):
        return
    counts = {v: n for v, n in column.values() if v not in marks}
    several = [v for v, n in counts.items() if n > 1]
    left = sum(n for v, n in counts.items() if n == 1)
    known = sum(counts.values())
    if not several or len(several) > _MOST_VALUES or (left > max(1, _REST * known) and not classes):
        return
    if draft.type == "integer":
        written: list[Any] = sorted({int(float(v.replace(",", "."))) for v in several})
    else:
        written = next((list(c) for c in _CALENDARS if set(several) <= set(c)), sorted(several))
    draft.entry["enum"] = [{"value": v} for v in written]
    if left and not classes:
        draft.custom["severity"] = {"allowed": "warning"}
        draft.notes.append("values of a single row are not listed")
