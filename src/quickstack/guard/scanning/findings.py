"""What a scan found, without a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Values of one kind in one location.

    Attributes
    ----------
    kind
        The kind of location: `workspace`, `experiments`, `cache`, `run-cache`, `git` or
        `remote NAME`.
    path
        File, object or commit, where the name itself holds a value without that part.
    inside
        Where in it: members of archives, columns, metadata.
    value
        Which value: its column, or its line in the file of values.
    encoding
        How it is written there.
    count
        How many different values of that kind stand there.
    key
        Whether it is a pseudonym key or an S3 secret, and no personal value.
    """

    kind: str
    path: str
    inside: str
    value: str
    encoding: str
    count: int
    key: bool = False

    def sentence(self) -> str:
        """Return it as a line for people."""
        location = f"{self.path} > {self.inside}" if self.inside else self.path
        what = self.value
        if not self.key:
            what = f"{f'{self.count} values' if self.count > 1 else 'a value'} of {what}"
        return f"{self.kind}: {location}: {what} as {self.encoding}"


@dataclass(frozen=True)
class Unread:
    """Something that could not be looked at."""

    kind: str
    path: str
    inside: str
    why: str

    def sentence(self) -> str:
        """Return it as a line for people."""
        location = f"{self.path} > {self.inside}" if self.inside else self.path
        return f"{self.kind}: {location}: {self.why}"


@dataclass
class Report:
    """All of a scan.

    Attributes
    ----------
    read
        Files and objects by kind of location.
    size
        Bytes looked through, after decompression.
    skipped
        Restricted objects that were left out by kind of location.
    """

    values: int = 0
    patterns: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as a document for programs."""
        return {
            "values": {"searched": self.values, "not_searchable": self.left_out},
            "read": dict(sorted(self.read.items())),
            "restricted_left_out": dict(sorted(self.skipped.items())),
            "bytes": self.size,
            "findings": [asdict(finding) for finding in self.findings],
            "unread": [asdict(one) for one in self.unread],
        }
