"""Sort the rows of many partitions into one file per value of a column, on disk, in any order.

Source files and periods need not agree: a file may hold many periods, and a period many files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


class Spool:
    """Rows laid down by partition, to be taken up by value; memory holds one partition.

    Parameters
    ----------
    folder
        Where partitions wait as Arrow files, uncompressed, to be mapped; the caller removes it.
    column
        A text column of the tables that are added.
    """

    def __init__(self, folder: Path, column: str) -> None:
        self._folder, self._column = folder, column
        self._slices: dict[str | None, list[tuple[Path, int, int]]] = {}
        self._added = 0

    def add(self, table: pa.Table) -> None:
        """Lay down the rows of one partition."""
        import pyarrow as pa

        if not table.num_rows:
            return
        # Unified, so that a value has one code in all chunks; codes count by first appearance.
        encoded = table[self._column].combine_chunks().dictionary_encode(null_encoding="encode")
        codes = encoded.indices.to_numpy()
        if (np.diff(codes) < 0).any():
            order = np.argsort(codes, kind="stable")
            table, codes = table.take(pa.array(order)), codes[order]
        path = self._folder / f"{self._added}.arrow"
        self._added += 1
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        ends = np.searchsorted(codes, np.arange(len(encoded.dictionary)), side="right").tolist()
        for value, start, end in zip(
            encoded.dictionary.to_pylist(), [0, *ends[:-1]], ends, strict=True
        ):
            self._slices.setdefault(value, []).append((path, start, end - start))

    def values(self) -> list[str | None]:
        """Return the values that were seen, in the order of text, null last."""
        return sorted(self._slices, key=lambda value: (value is None, value or ""))

    def rows(self, value: str | None) -> Iterator[pa.Table]:
        """Give the rows of one value, in the order in which they were added."""
        import pyarrow as pa

        for path, start, count in self._slices[value]:
            with pa.memory_map(str(path)) as source:
                yield pa.ipc.open_file(source).read_all().slice(start, count)
