"""Land objects of S3 as files, or the list of them for those that are read where they are."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

from quickstack.data.landing.landing_progress import Landed, LandingProgress, readable
from quickstack.data.landing.object_patterns import ObjectPattern, file_name, list_objects
from quickstack.data.landing.snapshot import (
    PART_SUFFIX,
    Landing,
    check_room,
    described,
    put_in_place,
    read_record,
    stands,
)
from quickstack.facts.errors import SourceError
from quickstack.facts.files import write_text
from quickstack.facts.formats import LISTING
from quickstack.runtime.stores.diagnosis import CHANGED, MISSING, Diagnosis
from quickstack.runtime.stores.pinned_object import Pin, PinnedObject

KIND = "s3"
_THREADS, _CHUNK = 4, 1 << 20


def land_objects(
    landing: Landing,
    source: ObjectPattern,
    *,
    in_place: bool,
    delete: bool,
    limit: int,
    progress: LandingProgress,
) -> Landed:
    """Land the objects that a source names.

    Parameters
    ----------
    in_place
        Only list them, in `<name>.objects.jsonl`.
    delete
        Remove the files of objects that are gone; they stay, and stay in the record, otherwise.
    limit
        The most bytes that are transferred at once.

    Raises
    ------
    SourceError
        Where S3 refuses, an object changes meanwhile, or the limit is reached.
    """
    record = read_record(landing, KIND)
    if record and (record["source"] != source.url or record["in_place"] != in_place):
        raise SourceError(
            "the landing before took other objects, or took them in the other way",
            where=landing.shown(landing.record).as_posix(),
            fix="ask as before, or land under another --name",
        )
    objects = list_objects(source)
    known = {entry["key"]: entry for entry in (record["objects"] if record else ())}
    here = {key: entry["etag"] for key, entry in known.items() if not entry.get("gone")}
    new = [o for o in objects if o.key not in here]
    other = [o for o in objects if here.get(o.key, o.etag) != o.etag]
    gone = sorted(here.keys() - {o.key for o in objects})
    counts = f"{len(new)} new, {len(other)} changed, {len(gone)} deleted"
    progress.say(f"{counts}, {len(objects) - len(new) - len(other)} unchanged")
    if in_place:
        return _list(landing, source, objects, record, counts)
    files = {file["file"]: file for file in (record["files"] if record else ())}
    wanted = [o for o in objects if not _is_here(landing, source, o, known, files)]
    total = sum(o.size for o in wanted)
    if total > limit:
        raise SourceError(
            f"the objects hold {readable(total)}, more than {readable(limit)}",
            where=source.url,
            fix="set --max-bytes, or read them where they are with --in-place",
        )
    check_room(landing, total)
    absent = sorted(known.keys() - {o.key for o in objects})
    removed = {key: key.removeprefix(source.folder) for key in absent} if delete else {}
    if not (wanted or new or gone or removed):
        return Landed((), f"unchanged: {len(objects)} objects as before")
    moves = _transfer(landing, source, wanted, total, progress)
    for staged, name in moves.items():
        files[name] = described(landing.staging / staged, name)
    for name in removed.values():
        files.pop(name, None)
    entries = [_entry(o) for o in objects]
    entries += [{**known[key], "gone": True} for key in absent if key not in removed]
    new_record = {
        "kind": KIND,
        "source": source.url,
        "in_place": False,
        "objects": sorted(entries, key=lambda e: str(e["key"])),
        "files": [files[name] for name in sorted(files)],
    }
    put_in_place(landing, new_record, moves, removed.values())
    stay = "" if delete or not gone else "; files of deleted objects stay without --delete"
    changed = sorted([*moves.values(), *removed.values()]) or [landing.record.name]
    shown = tuple(landing.shown(landing.folder / name) for name in changed)
    return Landed(shown, f"{counts}; {readable(total)} transferred{stay}")


def _is_here(
    landing: Landing,
    source: ObjectPattern,
    thing: Pin,
    known: dict[str, dict[str, Any]],
    files: dict[str, dict[str, Any]],
) -> bool:
    entry, file = known.get(thing.key), files.get(file_name(source, thing))
    same = entry is not None and entry["etag"] == thing.etag
    return same and file is not None and stands(landing, file)


def _list(
    landing: Landing,
    source: ObjectPattern,
    objects: list[Pin],
    record: dict[str, Any] | None,
    counts: str,
) -> Landed:
    name = f"{landing.name}{LISTING}"
    lines = []
    for thing in objects:
        line = {"url": f"{source.bucket}/{thing.key}", **_entry(thing)}
        del line["key"]
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    write_text(landing.staging / name, "".join(lines))
    file = described(landing.staging / name, name, objects=len(objects))
    before = record["files"][0] if record else None
    if before and before["sha256"] == file["sha256"] and stands(landing, before):
        return Landed((), f"unchanged: {len(objects)} objects as before")
    new_record = {
        "kind": KIND,
        "source": source.url,
        "in_place": True,
        "objects": [_entry(o) for o in objects],
        "files": [file],
    }
    put_in_place(landing, new_record, {name: name})
    size = readable(sum(o.size for o in objects))
    return Landed((landing.shown(landing.folder / name),), f"{counts}; {size} stay where they are")


def _entry(thing: Pin) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": thing.key, "etag": thing.etag, "size": thing.size}
    return entry | ({"version_id": thing.version} if thing.version else {})


def _transfer(
    landing: Landing,
    source: ObjectPattern,
    objects: list[Pin],
    total: int,
    progress: LandingProgress,
) -> dict[str, str]:
    """Transfer objects into the staging folder; those that arrived stay there for a next call."""
    tasks = {f"{_identity(o)}{PART_SUFFIX}": o for o in objects}
    for path in landing.staging.glob(f"*{PART_SUFFIX}"):
        if path.name not in tasks:  # of a version that is no longer there
            path.unlink()
    stop = Event()
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting = [
            pool.submit(_fetch, source, thing, landing.staging / name, total, progress, stop)
            for name, thing in tasks.items()
        ]
        try:
            for future in waiting:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {name: file_name(source, thing) for name, thing in tasks.items()}


def _identity(thing: Pin) -> str:
    """Name one version of an object, so that a part is never continued with another one."""
    text = json.dumps([thing.key, thing.etag, thing.size, thing.version])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _fetch(
    source: ObjectPattern,
    thing: Pin,
    part: Path,
    total: int,
    progress: LandingProgress,
    stop: Event,
) -> None:
    """Transfer one object, from where an earlier transfer of the same version ended."""

    def failure(found: Diagnosis) -> SourceError:
        if found.check in (MISSING, CHANGED):
            return ChangedError(
                "an object changed while the objects were transferred; nothing was taken",
                where=source.url,
                fix="land again, when nobody writes there",
            )
        return SourceError(found.what, where=source.bucket, fix=found.fix)

    stream = PinnedObject(source.store, thing, failure, attempts=2)
    try:
        with part.open("ab") as file, stream:
            progress.advance(file.tell(), total)
            stream.seek(file.tell())
            while not stop.is_set() and (chunk := stream.read(_CHUNK)):
                file.write(chunk)
                progress.advance(len(chunk), total)
    except ChangedError:
        part.unlink()
        raise


class ChangedError(SourceError):
    """An object is another one than was listed."""
