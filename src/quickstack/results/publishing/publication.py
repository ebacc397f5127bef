"""What is published: an export with its hashes checked, and what joins it as one run.

The runs table, the page's publication and the manifest join it. All of it is small. The tables of
the export are sent as they are.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quickstack.facts.errors import DataError
from quickstack.facts.files import whole_folder, write_json, write_text
from quickstack.facts.paths import EXPORTS
from quickstack.results.exporting import athena
from quickstack.results.exporting.export_tables import RUNS
from quickstack.results.exporting.manifest import file_facts
from quickstack.results.exporting.write_tables import write_table
from quickstack.results.publishing.changes import changed_sentence
from quickstack.results.publishing.data_age import Freshness, freshness, hours
from quickstack.results.publishing.published_runs import MANIFEST, State, pointer_bytes, run_path
from quickstack.results.publishing.readers_place import FileFacts, FolderPlace
from quickstack.results.publishing.run_metadata import Facts


@dataclass(frozen=True)
class Exports:
    """A folder of exports.

    Attributes
    ----------
    manifest
        As the export stage wrote it.
    manifest_facts
        Its hash names the export: equal hashes are equal exports.
    files
        All other files, by path.
    """

    folder: Path
    manifest: dict[str, Any]
    manifest_facts: FileFacts
    files: dict[str, FileFacts]


def read_exports(folder: Path) -> Exports:
    """Read the export of a folder and hash its files.

    Raises
    ------
    DataError
        Where there is none, or a file is not the one that its manifest names.
    """
    where = EXPORTS.as_posix()
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("there is nothing to publish", where=where, fix="run `dvc repro`") from None
    files = {
        facts["path"]: facts
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".gitignore"
        for facts in [file_facts(path, folder)]
    }
    listed = [
        *manifest["pages"],
        *(file for table in manifest["tables"] for file in table["files"]),
    ]
    wrong = [f["path"] for f in listed if files.get(f["path"], {}).get("sha256") != f["sha256"]]
    if wrong:
        raise DataError(
            f"the manifest tells of other files than {', '.join(wrong[:5])}",
            where=where,
            fix="run `dvc repro`, or `dvc checkout`",
        )
    return Exports(folder, manifest, files.pop(MANIFEST), files)


#: Runs that the page shows; the table holds all.
_ON_THE_PAGE = 50
_HISTORY = (
    "run", "revision", "published", "model_version", "data_version", "metric", "value", "low",
    "high", "verdict", "drifted", "clean", "quarantined",
)  # fmt: skip
_SLOT = re.compile(r'(<script type="application/json" id="publication">)[^<]*(</script>)')


@dataclass(frozen=True)
class Built:
    """One run as it will be sent.

    Attributes
    ----------
    sources
        Where each file lies on this machine, by its path in the run, without the manifest.
    files
        What the manifest says of them.
    remarks
        Sentences for whoever publishes.
    """

    run: str
    sources: dict[str, Path]
    files: list[FileFacts]
    manifest: Path
    manifest_facts: FileFacts
    freshness: Freshness
    changed: str
    remarks: list[str]


def run_id(moment: datetime, revision: str) -> str:
    """Return the name of a run: its time, to the second, and the beginning of its revision."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{revision[:8]}"


def utc_now() -> datetime:
    """Return the time in UTC without zone, to the second."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def build_run(
    folder: Path,
    exports: Exports,
    facts: Facts,
    state: State,
    *,
    run: str,
    published: datetime,
    reason: str | None,
    compared: Mapping[str, Any] | None = None,
    address: str = "",
) -> Built:
    """Write into `folder` what joins the export, and return the whole run.

    Parameters
    ----------
    folder
        An empty folder of its own.
    state
        The place as it is now; its runs come before this one.
    published
        UTC without zone.
    reason
        Why a run is published that is worse, or no gain; None otherwise.
    compared
        As `published_model.compare_published` gives it.
    address
        Where the run's folder will lie. Only on S3, Athena can read it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fresh = freshness(
        published, facts.newest_row, facts.arrived.moment, facts.promise, facts.publish_promise
    )
    row = _row(facts, fresh, run, published, reason)
    rows = [*state.runs, row]
    changed = changed_sentence(facts, state.row, compared)
    publication = {
        "run": run,
        "revision": facts.revision,
        "published": row["published"],
        "data_arrived": row["arrived"],
        "newest_row": row["newest_row"],
        "freshness": fresh.document(),
        "changed": changed,
        "reason": reason,
        "history": [{name: one[name] for name in _HISTORY} for one in rows[-_ON_THE_PAGE:]],
    }
    table = write_table(folder, RUNS, [_frame(rows, run)])
    remarks = _clock_remarks(facts, published, state)
    pages = [page["path"] for page in exports.manifest["pages"]]
    for path in pages:
        if not _fill(exports.folder / path, folder / path, publication):
            remarks.append(f"{path} has no place for its publication, and is published as it is.")
    tables = [*(t for t in exports.manifest["tables"] if t["name"] != RUNS.name), table]
    lists = _athena_lists(folder, tables, address) if address.startswith("s3://") else []
    own = {
        path: folder / path for path in (*pages, *(file["path"] for file in table["files"]), *lists)
    }
    sources = {path: exports.folder / path for path in exports.files} | own
    described = {p: file_facts(source, folder) for p, source in own.items()}
    files = sorted((exports.files | described).values(), key=lambda file: str(file["path"]))
    manifest = {
        **exports.manifest,
        "tables": tables,
        "pages": [described[path] for path in pages],
        "publication": {
            **{name: value for name, value in publication.items() if name != "history"},
            "arrival_known_from": facts.arrived.source,
            "previous": state.run,
            "export_sha256": exports.manifest_facts["sha256"],
            "remarks": remarks,
        },
        "files": files,
        "runs": rows,
    }
    write_json(folder / MANIFEST, manifest)
    facts_of_it = file_facts(folder / MANIFEST, folder)
    return Built(run, sources, files, folder / MANIFEST, facts_of_it, fresh, changed, remarks)


def _athena_lists(folder: Path, tables: Sequence[Mapping[str, Any]], address: str) -> list[str]:
    """Write, for each table, the list of its Parquet files that Athena reads."""
    paths = []
    for table in tables:
        path = f"{athena.LINKS}/{table['name']}/files.txt"
        write_text(folder / path, athena.links(table, address.rstrip("/")))
        paths.append(path)
    return paths


def _row(
    facts: Facts, fresh: Freshness, run: str, published: datetime, reason: str | None
) -> dict[str, Any]:
    return {
        "run": run,
        "published": _iso(published),
        "revision": facts.revision,
        "model_version": facts.model_version,
        "data_version": facts.data_version,
        "metric": facts.metric,
        "value": facts.value,
        "low": facts.low,
        "high": facts.high,
        "verdict": facts.verdict,
        "drifted": facts.drifted,
        "clean": facts.clean,
        "quarantined": facts.quarantined,
        "newest_row": _iso(facts.newest_row),
        "arrived": _iso(facts.arrived.moment),
        "age": hours(fresh.age),
        "lead_time": hours(fresh.lead),
        "promise": hours(fresh.promise),
        "fresh": fresh.kept,
        "reason": reason,
    }


def _frame(rows: Sequence[Mapping[str, Any]], current: str) -> Any:
    import pandas as pd

    moments = {field.name for field in RUNS.fields if field.type == "timestamp"}
    table = [
        [
            _moment(row.get(field.name)) if field.name in moments
            else row["run"] == current if field.name == "current"
            else row.get(field.name)
            for field in RUNS.fields
        ]
        for row in rows
    ]  # fmt: skip
    return pd.DataFrame(table, columns=[field.name for field in RUNS.fields], dtype=object)


def _fill(source: Path, target: Path, publication: Mapping[str, Any]) -> bool:
    """Copy a page with its publication filled in; False where it has no place for it."""
    text = source.read_text(encoding="utf-8")
    # No `<` may end the element early, whatever a text holds.
    filled = json.dumps(publication, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    written, times = _SLOT.subn(lambda found: f"{found[1]}{filled}{found[2]}", text, count=1)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(written, encoding="utf-8", newline="\n")
    return times == 1


def _clock_remarks(facts: Facts, published: datetime, state: State) -> list[str]:
    remarks = []
    last = state.runs[-1] if state.runs else None
    if last is not None and (before := _moment(last["published"])) and published < before:
        remarks.append(
            f"The clock went back: run {last['run']} is dated {last['published']}, after this one. "
            "The runs stay in the order in which they were published."
        )
    arrived = facts.arrived.moment
    if arrived is not None and arrived > published + timedelta(seconds=1):
        remarks.append(
            f"The data are dated {_iso(arrived)}, after this publication: one of the clocks is "
            "wrong, and the time to publish is not known."
        )
    return remarks


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.replace(tzinfo=None).isoformat()}Z"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.removesuffix("Z"))


def make_preview(
    folder: Path,
    exports: Exports,
    facts: Facts,
    state: State,
    work: Path,
    compared: Mapping[str, Any] | None = None,
) -> Built:
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
    built = build_run(
        work / "run",
        exports,
        facts,
        state,
        run=run,
        published=moment,
        reason=None,
        compared=compared,
    )
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
