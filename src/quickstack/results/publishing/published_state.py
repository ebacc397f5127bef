"""What a place shows: the pointer, the run it names, and every run that was ever shown there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.readers_place import POINTER, RUNS, FileFacts, ReadersPlace, Seen

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
            "this is no pointer to a run",
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
