"""One base exception: every message says what is wrong, where, and how to fix it.

No message quotes a value of the data: it may be personal.
"""

from __future__ import annotations


class QuickstackError(Exception):
    """A mistake that the user can fix.

    Parameters
    ----------
    what
        What is wrong, as a sentence without its full stop.
    where
        File, line and column, or whatever names the place.
    fix
        What to do about it, as a sentence without its full stop.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """Return the message as it is shown: place, mistake, remedy."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.remedied}"

    @property
    def remedied(self) -> str:
        """The message without its place."""
        # A list of mistakes ends its last line itself.
        end = "" if self.what.endswith("\n") else ". " if self.fix else "."
        remedy = f"To fix it: {self.fix}." if self.fix else ""
        return f"{self.what}{end}{remedy}".rstrip("\n")

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild the error with its keywords, so that it can cross processes."""
        return (_rebuild, (type(self), self.what, self.where, self.fix))


class ContractError(QuickstackError, ValueError):
    """A data contract says something that cannot be."""

    exit_code = 2


class ParameterError(QuickstackError, ValueError):
    """`params.yaml` names something unknown or impossible."""

    exit_code = 2


class SourceError(QuickstackError, OSError):
    """A source is missing, empty, unreadable, or has another layout than the contract says."""


class DataError(QuickstackError, ValueError):
    """The data were read, and cannot be used as they are."""


class KeyMissingError(QuickstackError, LookupError):
    """The key for pseudonyms is missing, malformed, or not the one the contract names."""


class ModelError(QuickstackError, ValueError):
    """A model cannot be fitted, or a model file cannot be trusted."""


class StorageError(QuickstackError, OSError):
    """An S3 server or bucket cannot be used."""


def _rebuild(
    kind: type[QuickstackError], what: str, where: str | None, fix: str | None
) -> QuickstackError:
    return kind(what, where=where, fix=fix)
