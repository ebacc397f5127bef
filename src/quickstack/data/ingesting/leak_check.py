"""Personal data that only all files together show: leaked values, and whole columns."""

from __future__ import annotations

from collections import Counter

from quickstack.data.ingesting.check import Checks
from quickstack.data.ingesting.outcome import Outcome, pieces
from quickstack.data.privacy import leaked_values
from quickstack.data.privacy.column_evidence import kinds
from quickstack.data.privacy.hashing import union
from quickstack.data.privacy.leaked_values import PersonalValues
from quickstack.data.quality.counts import RowCounts
from quickstack.facts.contract import Contract

_PARTS = ("single", "several", "ends", "longest")


def find_leaked_values(outcomes: list[Outcome], checks: Checks, found: RowCounts) -> None:
    """Count the clean rows in which a text column holds a value of a personal column.

    A text is read again only where its words make it possible, which they seldom do.

    Parameters
    ----------
    found
        Its `findings` are added to, as kind `leaked_value`.
    """
    import pyarrow.parquet as pq

    words_of = {
        column.name: list(pieces(outcomes, f"words:{column.name}")) for column in checks.searched
    }
    words = union([words for of_files in words_of.values() for _, words in of_files])
    parts = _personal(outcomes)
    # What no file's values can be in, all of them together cannot.
    if not any(leaked_values.may_hold(words, part) for part in parts):
        return
    personal = leaked_values.merge(parts)
    for column in checks.searched:
        for file, words in words_of[column.name]:
            if not leaked_values.may_hold(words, personal):
                continue
            rows = 0
            with pq.ParquetFile(outcomes[file].clean, read_dictionary=[column.name]) as table:
                for batch in table.iter_batches(columns=[column.name]):
                    rows += leaked_values.count(batch.column(0), personal, checks.secret)
            if rows:
                found.findings[(column.name, "leaked_value")] += rows


def find_personal_columns(outcomes: list[Outcome], contract: Contract, found: RowCounts) -> None:
    """Count all rows of a column that shows as a whole that it is personal.

    Parameters
    ----------
    found
        Its `findings` are added to: what single values did not show already.
    """
    evidence: dict[str, Counter[str]] = {}
    single: Counter[tuple[str, ...]] = Counter()
    for outcome in outcomes:
        single.update(outcome.counts.findings)
        for (name, what), count in outcome.counts.evidence.items():
            evidence.setdefault(name, Counter())[what] += count
    for name, counts in evidence.items():
        for kind in kinds(name, counts) - set(contract.column(name).allowed_findings):
            found.findings[(name, kind)] += max(counts["rows"] - single[(name, kind)], 0)


def _personal(outcomes: list[Outcome]) -> list[PersonalValues]:
    """Return the personal values of each file that has some."""
    columns = [[part for _, part in pieces(outcomes, f"personal:{name}")] for name in _PARTS]
    return [
        PersonalValues(single, several, ends, int(longest.max()))
        for single, several, ends, longest in zip(*columns, strict=True)
    ]
