"""The ledger of erasures: what and when, but not whom. Git keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from quickstack.facts.files import whole_file

LEDGER = Path("reports/erasures.jsonl")
_PENDING = Path(".quickstack/erasing.json")


@dataclass(frozen=True)
class Pending:
    """An erasure that has begun: what it will have taken when it is done.

    Attributes
    ----------
    subject
        `Subject.mark`: who it was, to the holder of the key.
    objects, commits, locations
        What is erased, where, and which commits named it; an md5 is not personal.
    add
        Raw data that are to be versioned again.
    replaced
        Objects on S3, by url, and the SHA-256 of what is put in their place.
    """

    subject: str
    objects: tuple[str, ...]
    commits: tuple[str, ...]
    locations: tuple[str, ...]
    add: tuple[str, ...]
    replaced: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: Pending) -> Pending:
        """Join what an interrupted erasure of the same subject had found."""

        def both(a: Iterable[str], b: Iterable[str]) -> tuple[str, ...]:
            return tuple(sorted({*a, *b}))

        return Pending(
            self.subject,
            both(self.objects, other.objects),
            both(self.commits, other.commits),
            both(self.locations, other.locations),
            both(self.add, other.add),
            {**other.replaced, **self.replaced},
        )


def begin(root: Path, pending: Pending) -> Pending:
    """Note what is about to be erased, joined with what was begun and not finished."""
    if before := interrupted(root, pending.subject):
        pending = pending | before
    (root / _PENDING).parent.mkdir(exist_ok=True)
    with whole_file(root / _PENDING) as temporary:
        temporary.write_text(json.dumps(asdict(pending)), encoding="utf-8")
    return pending


def interrupted(root: Path, subject: str) -> Pending | None:
    """Return what an earlier erasure of the subject had begun and not finished."""
    try:
        before = json.loads((root / _PENDING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if before["subject"] != subject:
        return None
    names = ("objects", "commits", "locations", "add")
    parts = {name: tuple(before.get(name, ())) for name in names}
    return Pending(subject, **parts, replaced=before.get("replaced", {}))


def finish(root: Path, pending: Pending, key_fingerprint: str, remains: Mapping[str, int]) -> None:
    """Add the finished erasure to the ledger.

    Parameters
    ----------
    remains
        How many places still hold the subject, by where they are.
    """
    line = {
        "time": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "key_fingerprint": key_fingerprint,
        "subject": pending.subject,
        "objects": len(pending.objects),
        "places": list(pending.locations),
        "commits": len(pending.commits),
        "remains": dict(remains),
    }
    path = root / LEDGER
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(json.dumps(line) + "\n")
    (root / _PENDING).unlink(missing_ok=True)
