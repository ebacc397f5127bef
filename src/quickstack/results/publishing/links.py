"""A link to the published page that works without keys, and when it really ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.published_state import read_state, run_path
from quickstack.results.publishing.readers_place import BucketPlace, ReadersPlace

#: What S3 allows at most.
LONGEST = timedelta(days=7)


@dataclass(frozen=True)
class Link:
    """A presigned link, its end in UTC, and what sets that end."""

    url: str
    end: datetime
    why: str


def page_link(place: ReadersPlace, hours: float, now: datetime | None = None) -> Link:
    """Return a link to the page of the run that readers see.

    It shows that run also after the next is published. S3 refuses it once the credentials that
    signed it end, whatever it says itself; so its end is the earliest of what was asked, seven
    days, and the credentials' own.

    Raises
    ------
    StorageError
        Where the place is no bucket, or nothing is published there.
    """
    if not isinstance(place, BucketPlace):
        raise StorageError(
            "a folder needs no link, and has none", where=place.shown, fix="give s3://BUCKET/PREFIX"
        )
    run = read_state(place).run
    if run is None:
        raise StorageError(
            "nothing is published here yet", where=place.shown, fix="`quickstack publish`"
        )
    now = now or datetime.now(UTC)
    credentials = place.store.credentials()
    end, why = true_end(now, timedelta(hours=hours), credentials)
    seconds = max(1, int((end - now).total_seconds()))
    return Link(place.store.presigned(f"{run_path(run)}index.html", seconds), end, why)


def true_end(now: datetime, asked: timedelta, credentials: Any) -> tuple[datetime, str]:
    """Return when a link ends, and a phrase that says what sets the end.

    Parameters
    ----------
    credentials
        As botocore found them: those of a role know their expiry, those of a copied session only
        that there is one.
    """
    expiry = getattr(credentials, "_expiry_time", None)
    ends = [(now + asked, "as asked"), (now + LONGEST, "no link lasts longer than 7 days")]
    if expiry is not None:
        ends.append((expiry, "the credentials that sign it end then"))
    end, why = min(ends, key=lambda one: one[0])
    if expiry is None and getattr(credentials, "token", None):
        why += "; or before, when the session of these credentials ends, which they do not tell"
    return end, why
