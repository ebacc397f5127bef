"""Compare tables of two revisions: partition hashes first, then the rows of what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from quickstack.results.comparing.distribution_shift import Shift
from quickstack.results.comparing.revision_objects import RevisionObjects
from quickstack.results.comparing.row_differences import Spill, compare_rows, parts_for
from quickstack.runtime.repository.revisions import Revision

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are read at a time.
BATCH = 65_536
#: Fewer rows have no distribution to speak of.
FEW = 100


@dataclass(frozen=True)
class TableFacts:
    """What is known of a table beside its files.

    Attributes
    ----------
    key
        The columns that identify a row; empty where none do.
    categories
        The values that the contract allows, by column.
    rows
        Rows before and after, where a report says so.
    reference
        The reference profile of the earlier revision.
    notes
        What the reader must know.
    """

    key: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: tuple[int | None, int | None] = (None, None)
    reference: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def group_tables(listing: Mapping[str, str], main: str | None) -> dict[str, dict[str, str]]:
    """Return the Parquet files of an output by table.

    Parameters
    ----------
    main
        The table that all files of the folder itself belong to; None where each of them is a table
        of its own. Those of a folder inside it are a table named for the folder.
    """
    tables: dict[str, dict[str, str]] = {}
    for path, md5 in sorted(listing.items()):
        place = PurePosixPath(path)
        if place.suffix == ".parquet":
            folder = place.parent.as_posix()
            own = place.stem if main is None else main
            name = own if folder == "." else folder
            tables.setdefault(name, {})[path] = md5
    return tables


def compare_table(
    objects: RevisionObjects,
    output: Path,
    sides: tuple[Revision, Revision],
    files: tuple[dict[str, str], dict[str, str]],
    facts: TableFacts,
) -> dict[str, Any]:
    """Compare one table.

    Parameters
    ----------
    output
        The output that holds its files.
    files
        Their MD5 by path, before and after.

    Returns
    -------
    dict
        `status` (`same`, `changed`, `added`, `removed` or `not available`), `partitions` (`same`,
        `changed`, `added`, `removed`), and where rows were compared `rows`, `columns`, `shift`.
    """
    before, after = files
    differing = ({n: m for n, m in before.items() if after.get(n) != m},
                 {n: m for n, m in after.items() if before.get(n) != m})  # fmt: skip
    partitions = {
        "same": len(before) - len(differing[0]),
        "changed": len(differing[0].keys() & differing[1].keys()),
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
    }
    result: dict[str, Any] = {"status": "same", "partitions": partitions}
    if before == after:
        return result
    result["status"] = "changed" if before and after else "added" if after else "removed"
    places: list[list[Path]] = []
    for revision, wanted in zip(sides, _without_moved(*differing), strict=True):
        found = objects.files(revision, output, wanted)
        if missing := sorted(name for name, place in found.items() if place is None):
            sentence = f"{len(missing)} files of {revision.title} are in no cache or shared remote"
            return {**result, "status": "not available", "notes": [sentence]}
        places.append([place for place in found.values() if place is not None])
    return {**result, **_compared(places[0], places[1], facts, whole=not partitions["same"])}


def _without_moved(before: dict[str, str], after: dict[str, str]) -> Iterator[dict[str, str]]:
    """Leave out, once on each side, files that have another name now and the same rows."""
    both = Counter(before.values()) & Counter(after.values())
    for side in (before, after):
        moved, kept = Counter(both), {}
        for name, md5 in side.items():
            if moved[md5]:
                moved[md5] -= 1
            else:
                kept[name] = md5
        yield kept


def _compared(
    before: list[Path], after: list[Path], facts: TableFacts, *, whole: bool
) -> dict[str, Any]:
    """Compare the rows of the files that differ; `whole` says that those are all there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = [_schema(side) for side in (before, after)]
    notes = list(facts.notes)
    known = [schema for schema in schemas if schema is not None] or [pa.schema([])]
    one, other = known[0], known[-1]
    columns = _columns(one, other)
    # A type that changed says so once, and not again for each row.
    shared = [f.name for f in one if f.name in other.names and other.field(f.name).type == f.type]
    key = facts.key if facts.key and set(facts.key) <= set(shared) else ()
    if not key:
        notes.append("rows have no key that both sides hold: a changed row is removed and added")
    compared = [name for name in shared if name not in key]
    counted = [sum(pq.read_metadata(path).num_rows for path in side) for side in (before, after)]
    parts = parts_for(max(counted), len(compared))
    shift = Shift(
        facts.reference, facts.categories, pa.schema([one.field(name) for name in compared])
    )
    with TemporaryDirectory(prefix="quickstack-") as folder:
        spills = []
        for name, side in (("before", before), ("after", after)):
            spill = Spill(Path(folder) / name, key, compared, parts)
            spills.append(spill)
            for batch in _batches(side, [*key, *compared]):
                spill.add(batch)
                shift.add(name, batch)
        changes = compare_rows(spills[0], spills[1], compared, parts)
        for spill in spills:
            spill.close()
    columns["changed"] = dict(sorted(changes.columns.items(), key=lambda item: (-item[1], item[0])))
    totals = counted if whole else facts.rows
    rows = {"before": totals[0], "after": totals[1]}
    for kind in ("added", "removed", "changed"):
        rows[kind] = getattr(changes, kind)
    moved = shift.table() if max(counted) >= FEW else []
    return {"rows": rows, "columns": columns, "shift": moved, "notes": notes}


def _schema(paths: list[Path]) -> pa.Schema | None:
    import pyarrow.parquet as pq

    return pq.read_schema(paths[0]) if paths else None


def _columns(one: pa.Schema, other: pa.Schema) -> dict[str, Any]:
    return {
        "added": [name for name in other.names if name not in one.names],
        "removed": [name for name in one.names if name not in other.names],
        "retyped": [
            {"column": f.name, "before": str(f.type), "after": str(other.field(f.name).type)}
            for f in one
            if f.name in other.names and other.field(f.name).type != f.type
        ],
    }


def _batches(paths: list[Path], columns: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from (
                batch.select(columns)
                for batch in file.iter_batches(BATCH, columns=columns, use_threads=False)
                if batch.num_rows
            )
