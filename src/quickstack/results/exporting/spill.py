"""Sort the rows of many partitions into one file per value of a column, whatever their order.

Source files and periods need not agree: a file may hold many periods, and a period many files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


#: Bytes of rows that wait in memory; those beyond wait on disk.
HELD_BYTES = 1 << 28


class PartitionSpill:
    """Rows laid down by partition, to be taken up by value; memory holds `HELD_BYTES` of them.

    Parameters
    ----------
    folder
        Where the other partitions wait as Arrow files, uncompressed, to be mapped. It is made here,
        and the caller removes it.
    column
        A text column of the tables that are added; without one, all rows are of the value None.
    """

    def __init__(self, folder: Path, column: str | None) -> None:
        folder.mkdir()
        self._folder, self._column = folder, column
        self._slices: dict[str | None, list[tuple[pa.Table | Path, int, int]]] = {}
        self._added = self._held = 0

    def add(self, table: pa.Table) -> None:
        """Lay down the rows of one partition."""
        import pyarrow as pa

        if not table.num_rows:
            return
        values: list[str | None] = [None]
        ends = [table.num_rows]
        if self._column is not None:
            encoded = _encoded(table[self._column])
            values = [*encoded.dictionary.to_pylist(), None]
            codes = encoded.indices.fill_null(len(values) - 1).to_numpy()
            if (np.diff(codes) < 0).any():
                order = np.argsort(codes, kind="stable")
                table, codes = table.take(pa.array(order)), codes[order]
            ends = np.searchsorted(codes, np.arange(len(values)), side="right").tolist()
        place = self._laid(table.combine_chunks())
        for value, start, end in zip(values, [0, *ends[:-1]], ends, strict=True):
            if end > start:
                self._slices.setdefault(value, []).append((place, start, end - start))

    def _laid(self, table: pa.Table) -> pa.Table | Path:
        """Lay down a table: keep it, or write a file where no more can be kept."""
        import pyarrow as pa

        if self._held + table.nbytes <= HELD_BYTES:
            self._held += table.nbytes
            return table
        path = self._folder / f"{self._added}.arrow"
        self._added += 1
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        return path

    def values(self) -> list[str | None]:
        """Return the values that were seen, in the order of text, null last."""
        return sorted(self._slices, key=lambda value: (value is None, value or ""))

    def count(self, value: str | None) -> int:
        """Return how many rows a value has."""
        return sum(count for _, _, count in self._slices.get(value, ()))

    def rows(self, value: str | None) -> Iterator[pa.Table]:
        """Give the rows of one value, in the order in which they were added."""
        import pyarrow as pa

        for place, start, count in self._slices.get(value, ()):
            if isinstance(place, pa.Table):
                yield place.slice(start, count)
            else:
                with pa.memory_map(str(place)) as source:
                    yield pa.ipc.open_file(source).read_all().slice(start, count)


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as a dictionary, which has one code for a value in all chunks."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return column.unify_dictionaries().combine_chunks()
