"""What a landing tells while it runs, and what it found when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class LandingProgress:
    """Takes the steps and the progress of a landing; this one keeps silent."""

    def say(self, sentence: str) -> None:
        """Take a step that is worth a line."""

    def advance(self, amount: int, total: int | None = None) -> None:
        """Take how far it is: rows of a query, else bytes; `total` where it is known."""


@dataclass(frozen=True)
class Landed:
    """What a landing left.

    Attributes
    ----------
    files
        The files that are new or other than before, relative to the repository.
    summary
        One sentence: rows, bytes, or that nothing changed.
    """

    files: tuple[Path, ...]
    summary: str

    @property
    def changed(self) -> bool:
        """Whether there is something to version."""
        return bool(self.files)


def readable(size: int) -> str:
    """Return a number of bytes in the largest decimal unit that leaves a digit before the point."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{size:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
