"""Read all rows of files that have no contract yet, for what their columns show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quickstack.data.ingesting.check import row_digests
from quickstack.data.onboarding.evidence import ColumnEvidence
from quickstack.data.onboarding.layout import TableLayout, text_contract
from quickstack.data.quality.parse import parse_column, parse_parts
from quickstack.data.readers.read import read_blocks
from quickstack.facts.contract import Contract
from quickstack.facts.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: Cells and rows of the sample, which is the rows of the smallest digests.
_CELLS, _SAMPLE = 4_000_000, 20_000
#: Above this share, rows that are not as wide as the header are another table.
_MOST_REJECTED = 0.05


@dataclass
class Reading:
    """What all rows show.

    Attributes
    ----------
    sample : pyarrow.Table
        Rows as text, in the order of their digests.
    """

    rows: int
    columns: dict[str, ColumnEvidence]
    sample: pa.Table
    rejected: int = 0


def read_all(layout: TableLayout) -> Reading:
    """Read every row once.

    Raises
    ------
    SourceError, DataError
        Where files cannot be read, hold no row, or seem to hold two tables.
    """
    import numpy as np
    import pyarrow as pa

    contract = text_contract(layout)
    columns = {name: ColumnEvidence(name) for name in layout.names}
    most = max(500, min(_SAMPLE, _CELLS // len(columns)))
    sample, digests, rows, rejected = None, np.empty((0, 2), np.uint64), 0, 0
    for partition in layout.partitions:
        for block in read_blocks(partition, contract):
            table = block.table.combine_chunks()
            rows += table.num_rows
            rejected += len(block.rejected)
            if not table.num_rows:
                continue
            arrays = [_array(table, name) for name in layout.names]
            for name, cells in zip(layout.names, arrays, strict=True):
                columns[name].add(cells)
            found = row_digests(arrays)[0]
            table = pa.table(arrays, names=list(layout.names))
            order = np.lexsort((found[:, 1], found[:, 0]))[:most]
            table, found = table.take(pa.array(order)), found[order]
            if sample is not None:
                table = pa.concat_tables([sample, table])
                found = np.concatenate([digests, found])
                order = np.lexsort((found[:, 1], found[:, 0]))[:most]
                table, found = table.take(pa.array(order)).combine_chunks(), found[order]
            sample, digests = table, found
    where = layout.partitions[0].shown
    if rejected > _MOST_REJECTED * (rows + rejected):
        raise DataError(
            f"{rejected:,} of {rows + rejected:,} rows do not have the {len(columns)} cells of the "
            "header: the file may hold two tables, or text that is not one",
            where=where,
            fix="deliver each table in a file of its own, with one line of names",
        )
    if sample is None:
        raise DataError("there is no row below the names", where=where, fix="deliver it again")
    return Reading(rows, columns, sample, rejected)


def _array(table: pa.Table, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = table.column(name)
    cells = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    if isinstance(cells, pa.ChunkedArray):
        cells = pa.concat_arrays(cells.chunks)
    if not pa.types.is_string(cells.type):
        cells = cells.cast(pa.string())
    return pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)


@dataclass
class Ranges:
    """What the typed values of all rows show.

    Attributes
    ----------
    low, high
        Of numbers and times, by column.
    wrong
        Rows by column whose value does not fit its type.
    days
        Rows by day since 1970 of each date or time.
    unique
        Candidates for a key whose values differ in all rows.
    """

    low: dict[str, Any] = field(default_factory=dict)
    high: dict[str, Any] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    days: dict[str, Counter[int]] = field(default_factory=dict)
    unique: list[tuple[str, ...]] = field(default_factory=list)


def read_typed(
    layout: TableLayout, contract: Contract, candidates: list[tuple[str, ...]]
) -> Ranges:
    """Read every row again, as the drafted contract types it."""
    found = Ranges()
    digests: dict[tuple[str, ...], list[np.ndarray]] = {key: [] for key in candidates}
    for partition in layout.partitions:
        for block in read_blocks(partition, contract):
            if not block.table.num_rows:
                continue
            columns, problems = typed(block.table, contract, block.iso)
            bad = {name: int((one > 0).sum()) for name, one in problems.items() if one is not None}
            found.wrong.update(bad)
            for name, values in columns.items():
                _widen(found, name, values)
            for key in list(digests):
                if (one := _block_digests(key, columns)) is None:
                    del digests[key]
                else:
                    digests[key].append(one)
    found.unique = [key for key, parts in digests.items() if _differ(parts)]
    return found


def typed(
    table: pa.Table, contract: Contract, iso: Mapping[str, Sequence[int]]
) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """Return the typed columns of a table of text, and what is wrong with their values.

    Parameters
    ----------
    iso
        As in `Block`.

    Returns
    -------
    columns, wrong
        By column, as `parse_column` gives them.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {}
    problems: dict[str, Any] = {}
    missing = pa.array(contract.source.missing, pa.string())
    for column in sorted(contract.columns, key=lambda c: bool(c.parts)):
        if column.parts:
            values, wrong = parse_parts(column, columns)
        else:
            cells = _without(_array(table, column.name), missing)
            values, wrong = parse_column(column, cells, contract.source, iso.get(column.name, ()))
        columns[column.name], problems[column.name] = values, wrong
    return columns, problems


def _without(cells: pa.Array, missing: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_in(cells, missing), pa.scalar(None, pa.string()), cells)


def _widen(found: Ranges, name: str, values: pa.Array) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or values.null_count == len(values):
        return
    ends = pc.min_max(values).as_py()
    found.low[name] = min(ends["min"], found.low.get(name, ends["min"]))
    found.high[name] = max(ends["max"], found.high.get(name, ends["max"]))
    if pa.types.is_temporal(kind):
        days = values.drop_null().cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        counted = days.cast(pa.int32()).value_counts()
        found.days.setdefault(name, Counter()).update(
            dict(
                zip(
                    counted.field("values").to_pylist(),
                    counted.field("counts").to_pylist(),
                    strict=True,
                )
            )
        )


def _block_digests(key: tuple[str, ...], columns: dict[str, pa.Array]) -> Any:
    import numpy as np

    digests, present = row_digests([columns[name] for name in key])
    if not present.all():
        return None
    one = digests[:, 0].copy()
    return one if len(np.unique(one)) == len(one) else None


def _differ(parts: list[Any]) -> bool:
    import numpy as np

    together = np.concatenate(parts) if parts else np.empty(0)
    return len(together) > 1 and len(np.unique(together)) == len(together)
