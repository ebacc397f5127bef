"""Show readers an earlier run again, after reading every byte of it."""

from __future__ import annotations

from collections.abc import Callable

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.published_state import (
    MANIFEST,
    State,
    damaged_files,
    pointer_bytes,
    read_manifest,
    read_state,
    run_path,
)
from quickstack.results.publishing.readers_place import ReadersPlace


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
