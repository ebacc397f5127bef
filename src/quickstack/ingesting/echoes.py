"""Values of personal columns that turn up in other columns, in any file, free text above all."""

from __future__ import annotations

from quickstack.ingesting.checks import Checks
from quickstack.ingesting.outcome import Outcome, pieces
from quickstack.privacy import echo
from quickstack.privacy.hashes import union
from quickstack.privacy.personal_values import PersonalValues
from quickstack.quality.tally import Tally

_PARTS = ("single", "several", "ends", "longest")


def find_echoes(outcomes: list[Outcome], checks: Checks, found: Tally) -> None:
    """Count the clean rows in which a text column holds a value of a personal column.

    A text is read again only where its words make it possible, which they seldom do.

    Parameters
    ----------
    found
        Its `findings` are added to, as kind `echo`.
    """
    import pyarrow.parquet as pq

    parts = {name: [part for _, part in pieces(outcomes, f"personal:{name}")] for name in _PARTS}
    if not parts["longest"]:
        return
    personal = PersonalValues(
        union(parts["single"]),
        union(parts["several"]),
        union(parts["ends"]),
        int(max(part.max() for part in parts["longest"])),
    )
    for column in checks.searched:
        for file, words in pieces(outcomes, f"words:{column.name}"):
            if not echo.may_hold(words, personal):
                continue
            rows = 0
            with pq.ParquetFile(outcomes[file].clean, read_dictionary=[column.name]) as table:
                for batch in table.iter_batches(columns=[column.name]):
                    rows += echo.count(batch.column(0), personal, checks.secret)
            if rows:
                found.findings[(column.name, "echo")] += rows
