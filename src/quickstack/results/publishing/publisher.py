"""Publish a run: send what is missing there, then switch the pointer, once and last.

Whatever ends this early, readers see the run before: nothing that they look at has changed. Run
again, it goes on where it stopped, under the name that it had claimed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from quickstack.facts.errors import DataError, StorageError
from quickstack.facts.files import write_json
from quickstack.results.publishing.changes import loss_sentence
from quickstack.results.publishing.publication import Built, Exports, build_run, run_id, utc_now
from quickstack.results.publishing.published_model import Judge, compare_published
from quickstack.results.publishing.published_runs import (
    MANIFEST,
    State,
    damaged_files,
    pointer_bytes,
    read_state,
    run_path,
)
from quickstack.results.publishing.readers_place import FileFacts, ReadersPlace, Sent
from quickstack.results.publishing.run_metadata import Facts
from quickstack.runtime.stores.locking import process_lock

#: Where runs are built and unfinished ones noted; git ignores it.
WORK = Path(".quickstack/publishing")
_AT_ONCE = 8


@dataclass(frozen=True)
class Published:
    """How publishing ended.

    Attributes
    ----------
    run
        The run that readers see now; the one that would be made, in a dry run.
    built
        None where this export is published already.
    sent, size
        Files and bytes that were sent, or would be.
    """

    run: str
    built: Built | None
    sent: int = 0
    size: int = 0


@dataclass(frozen=True)
class Job:
    """What to publish, where, and what to ask before and during it.

    Attributes
    ----------
    work
        A folder for what is built; it also notes what is unfinished.
    inspect
        Called with the whole run before the first byte is sent; it raises to refuse.
    begin
        Called with the bytes that will be sent; returns what is called with bytes as they go.
    judge
        By what the model is compared with the published one; None leaves that out.
    doubts
        Sentences for each of which a reason must be given.
    """

    place: ReadersPlace
    exports: Exports
    facts: Facts
    work: Path
    inspect: Callable[[Built], None] = lambda _: None
    begin: Callable[[int], Sent] = lambda _: lambda _: None
    clock: Callable[[], datetime] = utc_now
    judge: Judge | None = None
    doubts: tuple[str, ...] = ()


def publish(
    job: Job, *, reason: str | None = None, replace: bool = False, dry_run: bool = False
) -> Published:
    """Publish a run, or find it published.

    Raises
    ------
    DataError
        Where the model is worse than the published one, or there are other doubts, and no reason
        is given; or where readers see another data set and `replace` is false.
    StorageError
        Where the place cannot be used, or somebody else published in the meantime.
    """
    if dry_run:
        return _publish(job, reason, replace=replace, dry_run=True)
    busy = StorageError(
        "another `quickstack publish` of this clone is running",
        where=job.place.shown,
        fix="wait for it to end",
    )
    with process_lock(job.work / "lock", busy), job.place.alone():
        return _publish(job, reason, replace=replace, dry_run=False)


def _publish(job: Job, reason: str | None, *, replace: bool, dry_run: bool) -> Published:
    place, state = job.place, read_state(job.place)
    if state.run is not None and _is_published(job, state):
        if not dry_run:
            place.lead_to(run_path(state.run))
            _note(job).unlink(missing_ok=True)
        return Published(state.run, None)
    if not replace:
        _require_same_dataset(job, state)
    compared = None
    if job.judge is not None:
        compared = compare_published(place, state, job.exports, job.judge, job.work)
    loss = loss_sentence(job.facts, compared)
    doubts = [*job.doubts, *([loss] if loss else [])]
    if doubts and not reason:
        raise DataError(
            "; ".join(doubts),
            fix='say why it is published all the same: --reason "TEXT", which is recorded',
        )
    moment, unfinished = job.clock(), _unfinished(job, state)

    def build(run: str) -> Built:
        return build_run(
            job.work / "run",
            job.exports,
            job.facts,
            state,
            run=run,
            published=moment,
            reason=reason if doubts else None,
            compared=compared,
            address=job.place.address(run_path(run)),
        )

    built = build(unfinished or run_id(moment, job.facts.revision))
    job.inspect(built)
    if dry_run:
        return Published(
            built.run, built, len(built.files) + 1, sum(f["bytes"] for f in built.files)
        )
    second = 0
    while not unfinished and not _claim(job, built):
        second += 1  # somebody published the same revision in the same second
        built = build(run_id(moment + timedelta(seconds=second), job.facts.revision))
    sent, size = _send(job, built)
    _switch(job, state, built)
    _note(job).unlink(missing_ok=True)
    claimed = 0 if unfinished else 1
    return Published(
        built.run, built, sent + claimed, size + claimed * built.manifest_facts["bytes"]
    )


def _require_same_dataset(job: Job, state: State) -> None:
    shown, new = (state.manifest or {}).get("dataset"), job.exports.manifest.get("dataset")
    if shown is not None and shown != new:
        raise DataError(
            f"readers see the data set '{shown}' there, and this run is of '{new}'",
            where=job.place.shown,
            fix="name another place, or put this one in its stead with --replace",
        )


def _is_published(job: Job, state: State) -> bool:
    """Return whether readers see this very export, whole."""
    if state.run is None or state.manifest is None:
        return False
    said = state.manifest["publication"]
    same = (said["revision"], said["export_sha256"]) == (
        job.facts.revision,
        job.exports.manifest_facts["sha256"],
    )
    return same and not damaged_files(job.place, state.run, state.manifest["files"], deep=False)


def _claim(job: Job, built: Built) -> bool:
    """Take the name of the run, by creating its manifest; False where it is taken."""
    path = run_path(built.run) + MANIFEST
    if not job.place.claim(path, built.manifest, built.manifest_facts):
        return False
    note = {"run": built.run, **_identity(job)}
    write_json(_note(job), note)
    return True


def _unfinished(job: Job, state: State) -> str | None:
    """Return the run that this clone claimed for this export and did not finish."""
    try:
        note = json.loads(_note(job).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    run = str(note.pop("run", ""))
    known = {row["run"] for row in state.runs}
    return run if note == _identity(job) and run and run not in known else None


def _identity(job: Job) -> dict[str, str]:
    return {
        "place": job.place.shown,
        "revision": job.facts.revision,
        "export": job.exports.manifest_facts["sha256"],
    }


def _note(job: Job) -> Path:
    name = hashlib.sha256(job.place.shown.encode()).hexdigest()[:16]
    return job.work / f"unfinished-{name}.json"


def _send(job: Job, built: Built) -> tuple[int, int]:
    """Send what is missing or differs, several files at a time; return how many and their bytes."""
    place, folder = job.place, run_path(built.run)
    sources = {**built.sources, MANIFEST: built.manifest}
    wanted = [*built.files, built.manifest_facts]
    there = place.sizes(folder)

    def lacks(facts: FileFacts) -> bool:
        path = facts["path"]
        same_size = there.get(path) == facts["bytes"]
        return not (same_size and place.holds(folder + path, facts))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        missing = [f for f, absent in zip(wanted, pool.map(lacks, wanted), strict=True) if absent]
        sent = job.begin(sum(f["bytes"] for f in missing))
        tasks = [
            pool.submit(place.put, folder + f["path"], sources[f["path"]], f, sent) for f in missing
        ]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    absent = damaged_files(place, built.run, wanted, deep=False)
    if absent:
        raise StorageError(
            f"{len(absent)} files are not there, although the server took them; nothing was "
            "switched",
            where=place.shown,
            fix="publish again, and look at that server",
        )
    return len(missing), sum(f["bytes"] for f in missing)


def _switch(job: Job, state: State, built: Built) -> None:
    place = job.place
    body = pointer_bytes(built.run, built.manifest_facts["sha256"], built.run)
    if not place.switch(body, state.seen):
        raise StorageError(
            f"somebody else published {_now(place)}meanwhile, and readers see that; nothing of "
            "this run was switched",
            where=place.shown,
            fix="look at it, then publish again",
        )
    place.lead_to(run_path(built.run))


def _now(place: ReadersPlace) -> str:
    run = read_state(place).run
    return f"run {run} " if run else ""
