"""What publishing would put in place, made here to look at."""

from __future__ import annotations

from pathlib import Path

from quickstack.facts.files import whole_folder
from quickstack.results.publishing.exports import Exports
from quickstack.results.publishing.publication import Built, build_run, run_id, utc_now
from quickstack.results.publishing.published_state import MANIFEST, State, pointer_bytes, run_path
from quickstack.results.publishing.readers_place import FolderPlace
from quickstack.results.publishing.run_metadata import Facts


def make_preview(folder: Path, exports: Exports, facts: Facts, state: State, work: Path) -> Built:
    """Make in `folder` what publishing would put into a place, as its only run.

    Parameters
    ----------
    folder
        It is replaced as a whole.
    state
        The place that the history is taken from; nothing is written there.
    """
    moment = utc_now()
    run = run_id(moment, facts.revision)
    built = build_run(work / "run", exports, facts, state, run=run, published=moment, reason=None)
    with whole_folder(folder) as made:
        place = FolderPlace(made)
        with place.alone():
            sources = {**built.sources, MANIFEST: built.manifest}
            for described in (*built.files, built.manifest_facts):
                path = described["path"]
                place.put(run_path(run) + path, sources[path], described, lambda _: None)
            place.switch(pointer_bytes(run, built.manifest_facts["sha256"], run), place.seen())
            place.lead_to(run_path(run))
    return built
