"""Land one file by HTTP(S), beside a record of where and when it came from."""

from __future__ import annotations

import os

from quickstack.data.landing.download import fetch
from quickstack.data.landing.landing_progress import Landed, Watch, readable
from quickstack.data.landing.snapshot import (
    PART_SUFFIX,
    Place,
    described,
    put_in_place,
    read_record,
    stands,
)
from quickstack.data.landing.web_source import Download, Version
from quickstack.facts.errors import SourceError

KIND = "http"


def land_http(place: Place, asked: Download, *, watch: Watch) -> Landed:
    """Land a file, which takes the place of its earlier version.

    Raises
    ------
    SourceError
        Where it cannot be had, or is not the one that `sha256` names.
    """
    record = read_record(place, KIND)
    before = record["files"][0] if record else None
    known = None
    if record and before and record["source"] == asked.shown and stands(place, before):
        known = Version(record["etag"], record["last_modified"])
    if before and asked.sha256 and asked.sha256.lower() != before["sha256"]:
        known = None
    found = fetch(place, asked, known, watch=watch)
    if found is None:
        return Landed((), "unchanged: the server has the same file as before")
    part, version = found
    file = described(part, place.name)
    if asked.sha256 and asked.sha256.lower() != file["sha256"]:
        part.unlink()
        raise SourceError(
            f"the file has another SHA-256 than was given: {file['sha256']}",
            where=asked.shown,
            fix="ask the file's owner which one is right",
        )
    if before and before["sha256"] == file["sha256"] and stands(place, before):
        part.unlink()
        return Landed((), "unchanged: the same bytes as before")
    os.replace(part, place.staging / "file")
    (place.staging / f"file{PART_SUFFIX}.json").unlink(missing_ok=True)
    new_record = {
        "kind": KIND,
        "source": asked.shown,
        "etag": version.etag,
        "last_modified": version.modified,
        "files": [file],
    }
    put_in_place(place, new_record, {"file": place.name})
    summary = f"{readable(file['bytes'])}, sha256 {file['sha256']}"
    return Landed((place.shown(place.folder / place.name),), summary)
