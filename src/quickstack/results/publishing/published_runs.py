"""What a place shows: the pointer, the run it names, every run that was ever shown there.

An earlier run is shown again after every byte of it was read; a link opens its page without keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.readers_place import (
    POINTER,
    RUNS,
    BucketPlace,
    FileFacts,
    ReadersPlace,
    Seen,
)

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class State:
    """A place as it was read.

    Attributes
    ----------
    run
        The run that readers see; None where nothing is published yet.
    latest
        The run that was published last; another one than `run` after a rollback.
    manifest
        Of `run`; None where nothing is published, or it is damaged.
    runs
        The rows of the runs table, in the order of publication, whatever the clocks said. Those
        that another run followed hold the hash of their manifest, `manifest_sha256`.
    """

    seen: Seen
    run: str | None = None
    latest: str | None = None
    manifest_sha256: str | None = None
    manifest: dict[str, Any] | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def row(self) -> dict[str, Any] | None:
        """The row of the run that readers see."""
        return next((row for row in self.runs if row["run"] == self.run), None)


def run_path(run: str) -> str:
    """Return the folder of a run in its place."""
    return f"{RUNS}/{run}/"


def pointer_bytes(run: str, manifest_sha256: str, latest: str) -> bytes:
    """Return what `current.json` holds."""
    document = {
        "run": run,
        "path": run_path(run),
        "manifest_sha256": manifest_sha256,
        "latest": latest,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def read_state(place: ReadersPlace) -> State:
    """Read the pointer and the manifests that it leads to.

    Raises
    ------
    StorageError
        Where the pointer is none; a damaged run is no error, its manifest is None then.
    """
    seen = place.seen()
    if seen.body is None:
        return State(seen)
    try:
        pointer = json.loads(seen.body)
        run, digest = str(pointer["run"]), str(pointer["manifest_sha256"])
        latest = str(pointer.get("latest", run))
    except (ValueError, KeyError, TypeError):
        raise StorageError(
            "this is not a pointer to a run",
            where=place.address(POINTER),
            fix="remove it if it is not yours; `quickstack publish` writes it",
        ) from None
    manifest = read_manifest(place, run, digest)
    last = manifest if latest == run else read_manifest(place, latest)
    runs = (last or manifest or {"runs": []})["runs"]
    known = [{**row, "manifest_sha256": digest} if row["run"] == run else row for row in runs]
    return State(seen, run, latest if last else run, digest, manifest, known)


def read_manifest(
    place: ReadersPlace, run: str, digest: str | None = None
) -> dict[str, Any] | None:
    """Return the manifest of a published run; None where it is missing or not the one meant."""
    body = place.read(run_path(run) + MANIFEST)
    if body is None or (digest and hashlib.sha256(body).hexdigest() != digest):
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    whole = isinstance(document, dict) and {"files", "runs", "publication"} <= set(document)
    return document if whole else None


def damaged_files(
    place: ReadersPlace, run: str, files: list[FileFacts], *, deep: bool
) -> list[str]:
    """Return the files of a run that are missing or different.

    Parameters
    ----------
    deep
        Whether all bytes are read and hashed; otherwise only sizes are compared.
    """
    folder = run_path(run)
    if not deep:
        there = place.sizes(folder)
        return [f["path"] for f in files if there.get(f["path"]) != f["bytes"]]
    return [f["path"] for f in files if place.digest(folder + f["path"]) != f["sha256"]]


def rollback(
    place: ReadersPlace, run: str | None = None, tell: Callable[[str], None] = print
) -> str:
    """Switch the pointer to an earlier run.

    Parameters
    ----------
    run
        Its name; None for the one before the current one.
    tell
        Called with a sentence before the files are read.

    Returns
    -------
    str
        The run that readers see now.

    Raises
    ------
    StorageError
        Where there is no such run, it is damaged, or somebody else published in the meantime.
    """
    with place.alone():
        state = read_state(place)
        target = _target(place, state, run)
        path = run_path(target) + MANIFEST
        manifest, digest = read_manifest(place, target, _known_digest(state, target)), None
        if manifest is not None:
            digest = place.digest(path)
        if manifest is None or digest is None:
            raise StorageError(
                f"the manifest of run {target} is missing or not the one that was published",
                where=place.address(path),
                fix="choose another run: quickstack runs",
            )
        size = sum(file["bytes"] for file in manifest["files"])
        tell(f"Reading the {len(manifest['files'])} files of run {target}, {size / 1e6:,.1f} MB")
        wrong = damaged_files(place, target, manifest["files"], deep=True)
        if wrong:
            raise StorageError(
                f"{len(wrong)} files of run {target} are missing or different, the first of them "
                f"{wrong[0]}; nothing was switched",
                where=place.shown,
                fix="choose another run: quickstack runs",
            )
        body = pointer_bytes(target, digest, state.latest or target)
        if not place.switch(body, state.seen):
            raise StorageError(
                "somebody else published meanwhile; nothing was switched",
                where=place.shown,
                fix="look at `quickstack runs`, then roll back again",
            )
        place.lead_to(run_path(target))
        return target


def _target(place: ReadersPlace, state: State, run: str | None) -> str:
    if state.run is None:
        raise StorageError(
            "nothing is published here yet", where=place.shown, fix="`quickstack publish`"
        )
    known = [row["run"] for row in state.runs]
    if run is None:
        position = known.index(state.run) if state.run in known else len(known)
        if position == 0:
            raise StorageError(
                f"there is no run before {state.run}",
                where=place.shown,
                fix="name one of `quickstack runs`",
            )
        return str(known[position - 1])
    if run == state.run:
        raise StorageError(
            f"readers see run {run} already", where=place.shown, fix="name another one"
        )
    # Where the newest manifest is damaged, a run may stand there that no list names any more.
    if run not in known and (state.manifest is not None or "/" in run):
        raise StorageError(
            f"there is no run {run}", where=place.shown, fix="name one of `quickstack runs`"
        )
    return run


def _known_digest(state: State, run: str) -> str | None:
    if run == state.run:
        return state.manifest_sha256
    found = next((row for row in state.runs if row["run"] == run), {})
    return found.get("manifest_sha256")


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
