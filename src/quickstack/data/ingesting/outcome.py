"""What is to be done with one file, and what became of it: its counts, digests and refusals."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from quickstack.data.ingesting.check import Refusals
from quickstack.data.privacy.hashing import union
from quickstack.data.quality.counts import RowCounts
from quickstack.data.readers.partitions import Partition
from quickstack.facts.contract import Contract

CLEAN = "clean.parquet"
QUARANTINE = "quarantine.jsonl"
_DOCUMENT = "outcome.json"
#: Sets of digests are union when their parts hold this many.
_MERGED_AT = 1 << 21
#: Larger arrays stay on disk, in bytes.
_SMALL = 1 << 16


@dataclass(frozen=True)
class IngestJob:
    """What to do with one source file.

    Attributes
    ----------
    folder
        Where its results go; it exists.
    targets
        The columns of this table that references of others point at.
    threads
        How many blocks are checked side by side.
    refusals, starts
        Rows to refuse because of others, by their position among the clean rows of an earlier
        pass, and that pass's `Outcome.starts`.
    """

    partition: Partition
    contract: Contract
    key: bytes | None
    block_bytes: int
    folder: Path
    targets: tuple[tuple[str, ...], ...] = ()
    threads: int = 1
    refusals: Refusals = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)


@dataclass
class Outcome:
    """The result of one file, in a folder of its own.

    Attributes
    ----------
    file
        How reports name the file.
    folder
        Where the clean rows, the quarantine (where there is one) and the digests lie.
    starts
        The number of each block, from 0, to the position of its first clean row.
    arrays
        Name of a kind of digests to (file, type, columns).
    spans
        The first and last of those digests that rise from row to row, such as running numbers.
    """

    file: str
    folder: Path
    counts: RowCounts = field(default_factory=RowCounts)
    starts: dict[int, int] = field(default_factory=dict)
    arrays: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def clean(self) -> Path:
        """The Parquet file of the clean rows."""
        return self.folder / CLEAN

    @property
    def quarantine(self) -> Path:
        """The JSON Lines of the refused rows; absent where there are none."""
        return self.folder / QUARANTINE

    def array(self, name: str) -> Any:
        """Return digests as a numpy array that stays on disk; shape (n,) or (n, columns)."""
        import numpy as np

        file, kind, columns = self.arrays[name]
        path = self.folder / file
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > _SMALL:
                # Ten times as fast as numpy's own, which counts where there are many files.
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                flat: Any = np.frombuffer(mapped, kind)
            else:
                flat = np.frombuffer(stream.read(), kind)
        return flat.reshape(-1, columns) if columns > 1 else flat

    def save(self) -> None:
        """Write what `load` reads."""
        document = {
            "file": self.file,
            "counts": self.counts.document(),
            "starts": sorted(self.starts.items()),
            "arrays": self.arrays,
            "spans": self.spans,
        }
        (self.folder / _DOCUMENT).write_text(json.dumps(document), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Outcome:
        """Read an outcome that was saved in a folder.

        Raises
        ------
        OSError, ValueError, KeyError
            Where it is missing or damaged.
        """
        document = json.loads((folder / _DOCUMENT).read_text(encoding="utf-8"))
        return cls(
            document["file"],
            folder,
            RowCounts.from_document(document["counts"]),
            {int(key): start for key, start in document["starts"]},
            {name: tuple(entry) for name, entry in document["arrays"].items()},
            {name: (first, last) for name, (first, last) in document["spans"].items()},
        )


class Arrays:
    """Writes the digests of a file's blocks to disk, one file a kind.

    Digests of rows are appended. Sets (`words:…`, `personal:…`, whose order means nothing) are
    union in memory, so that a value that occurs in every block is kept once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._streams: dict[str, BinaryIO] = {}
        self._sets: dict[str, list[Any]] = {}
        self._rows = 0
        self._spans: dict[str, Any] = {}
        self.entries: dict[str, tuple[str, str, int]] = {}

    def add(self, arrays: dict[str, list[Any]], first: int) -> None:
        """Take those of the next block, whose first clean row has position `first`."""
        for name, parts in arrays.items():
            for part in parts:
                if name.startswith(("words:", "personal:")):
                    self._collect(name, part)
                elif name.startswith("absent:"):
                    self._append(name, part + first)
                else:
                    self._append(name, part)
                    if name.startswith("unique:"):
                        self._spans[name] = _longer(self._spans.get(name, ()), part[:, 0])

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """What `Outcome.spans` says."""
        return {name: span for name, span in self._spans.items() if span}

    def close(self) -> None:
        """Write the sets, and close all files."""
        for name, parts in self._sets.items():
            self._append(name, union(parts))
        for stream in self._streams.values():
            stream.close()

    def _append(self, name: str, part: Any) -> None:
        import numpy as np

        if name not in self._streams:
            file = f"digests-{len(self._streams):03d}.bin"
            self._streams[name] = (self._folder / file).open("wb")
            columns = part.shape[1] if part.ndim == 2 else 1
            self.entries[name] = (file, str(part.dtype), columns)
        self._streams[name].write(np.ascontiguousarray(part).data)

    def _collect(self, name: str, part: Any) -> None:
        parts = self._sets.setdefault(name, [])
        parts.append(part)
        if sum(len(p) for p in parts[1:]) > max(_MERGED_AT, len(parts[0])):
            self._sets[name] = [union(parts)]


def _longer(span: tuple[int, int] | tuple[()] | None, part: Any) -> Any:
    """Return the span with the next values, None where they do not rise."""
    if not len(part):
        return span
    first, last = int(part[0]), int(part[-1])
    if span is None or (span and first <= span[1]) or not bool((part[1:] > part[:-1]).all()):
        return None
    return (span[0] if span else first, last)


def pieces(outcomes: list[Outcome], name: str) -> Iterator[tuple[int, Any]]:
    """Yield the digests of every file that has them, with the file's position."""
    for position, outcome in enumerate(outcomes):
        if name in outcome.arrays:
            yield position, outcome.array(name)
