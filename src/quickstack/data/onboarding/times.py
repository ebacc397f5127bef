"""Which column says when a row happened, in what periods, and which rows come last."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from quickstack.data.onboarding.describing import ColumnDraft
from quickstack.data.privacy.column_names import promised
from quickstack.facts.contract.time_patterns import MONTHS

_EPOCH = date(1970, 1, 1)
#: Days that a time needs, and periods that a report can show.
_DAYS, _LEAST, _MOST = 4, 6, 400
#: The share of the latest rows that test.
_TEST = 0.25
_GOOD = re.compile(
    r"\b(date|time|timestamp|datetime|dt|dteday|day|datum|created|order|purchase|invoice|"
    r"pickup|start|started|observed|measured|fecha|month|period|snapshot)\b"
)
_LATE = re.compile(
    r"\b(end|ended|updated|modified|due|deliver|delivered|closed|close|last|next|expir\w*|"
    r"until|birth|return|returned|paid|resolved|dropoff|review|signup|joined)\b"
)
_PARTS = {
    "day": (re.compile(r"\b(day|dom|tag|jour|dia)\b(?!.*\bweek)"), "d", 1, 31),
    "year": (re.compile(r"\b(year|yr|jahr|annee|ano|anno)\b"), "yyyy", 1900, 2100),
    "month": (re.compile(r"\b(month|mnth|monat|mois|mes)\b"), "M", 1, 12),
    "hour": (re.compile(r"\b(hour|hr|stunde|heure|hora)\b"), "H", 0, 23),
}


def find_parts(columns: Sequence[ColumnDraft]) -> dict[str, str]:
    """Return the columns that together are a time, each with its pattern; empty for none."""
    found: dict[str, tuple[str, str]] = {}
    for column in columns:
        for part, (words, pattern, low, high) in _PARTS.items():
            if part in found or not words.search(column.header):
                continue
            if written := _pattern(column, part, pattern, low, high):
                found[part] = (column.name, written)
                break
    if "year" not in found:
        return {}
    order = ["year", "month", "day", "hour"]
    usable = order[: next((i for i, part in enumerate(order) if part not in found), 4)]
    return {found[part][0]: found[part][1] for part in usable}


def _pattern(column: ColumnDraft, part: str, pattern: str, low: int, high: int) -> str | None:
    evidence = column.evidence
    if evidence is None or evidence.counts is None or evidence.present < evidence.rows:
        return None
    if column.type == "integer":
        numbers = [int(float(value)) for value in evidence.counts]
        return pattern if low <= min(numbers) and max(numbers) <= high else None
    words = {value.strip().casefold() for value in evidence.counts}
    if part == "month" and words and words <= set(MONTHS):
        return "MMMM"
    return "MMM" if part == "month" and words and words <= {m[:3] for m in MONTHS} else None


def time_candidates(columns: Sequence[ColumnDraft], target: str) -> list[ColumnDraft]:
    """Return the columns that may say when a row happened, the likeliest first."""
    likely = []
    for place, column in enumerate(columns):
        evidence = column.evidence
        if not column.is_time or column.name == target or column.personal:
            continue
        if promised(column.name)[0] == "birth_date" or (
            evidence is not None and evidence.present < 0.98 * evidence.rows
        ):
            continue
        score = bool(_GOOD.search(column.header)) - 2 * bool(_LATE.search(column.header))
        likely.append((-score, place, column))
    return [column for _, _, column in sorted(likely, key=lambda item: item[:2])]


def choose_period(days: Counter[int], *, clock: bool) -> str | None:
    """Return the length of a period, None where the rows span too little time."""
    if len(days) < _DAYS:
        return None
    dates = [_EPOCH + timedelta(day) for day in days]
    months = len({(d.year, d.month) for d in dates})
    if len({(d.month, d.day) for d in dates}) == 1 or months > _MOST:
        return "year"
    if months >= _LEAST:
        return "month"
    if len({d.isocalendar()[:2] for d in dates}) >= _LEAST:
        return "week"
    return "day" if len(days) >= _LEAST or not clock else "hour"


def test_from(days: Counter[int], period: str) -> str:
    """Return the first day of the period from which on about a quarter of the rows lie."""
    starts: Counter[date] = Counter()
    for day, rows in days.items():
        starts[_start(_EPOCH + timedelta(day), period)] += rows
    total, later, best = sum(starts.values()), 0, (1.0, max(starts))
    for start in sorted(starts, reverse=True)[:-1]:
        later += starts[start]
        best = min(best, (abs(later / total - _TEST), start))
    return best[1].isoformat()


def _start(day: date, period: str) -> date:
    if period == "year":
        return date(day.year, 1, 1)
    if period == "month":
        return date(day.year, day.month, 1)
    return day - timedelta(day.weekday()) if period == "week" else day
