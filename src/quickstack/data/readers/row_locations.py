"""Where the rows of a cut stand in their file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quickstack.data.readers import fast_parser
from quickstack.data.readers.blocks import Place
from quickstack.data.readers.chunks import Cut
from quickstack.data.readers.dialect import Layout
from quickstack.data.readers.utf8 import Utf8


@dataclass(frozen=True)
class Places:
    """Finds the rows of a well-formed cut when they are asked for."""

    layout: Layout
    text: Utf8
    cut: Cut

    def of(self, rows: Sequence[int]) -> list[Place]:
        """Return the places of some rows, by ascending position."""
        starts, lines = fast_parser.row_starts(self.cut.data, self.layout)
        ends = [*starts[1:].tolist(), len(self.cut.data)]
        return KnownPlaces(self.text, self.cut, starts.tolist(), ends, lines.tolist()).of(rows)


@dataclass(frozen=True)
class KnownPlaces:
    """The places of rows whose beginnings and ends, in bytes of the cut, are known."""

    text: Utf8
    cut: Cut
    starts: list[int]
    ends: list[int]
    lines: list[int]

    def of(self, rows: Sequence[int]) -> list[Place]:
        """Return the places of some rows, by ascending position."""
        data = self.cut.data
        places, before, offset = [], 0, self.cut.offset
        for row in rows:
            start = self.starts[row]
            offset += self.text.length(data, before, start)
            before = start
            raw = data[start : self.ends[row]].rstrip(b"\r\n")
            places.append(Place(self.cut.line + self.lines[row], offset, raw))
        return places
