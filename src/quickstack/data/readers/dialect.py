"""The dialect of one delimited file: what its bytes mean, once its header is read."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Literal

from quickstack.facts.contract import Source

#: A quoted cell may span this many lines; a longer one is an unclosed quote.
MAX_LINES_OF_A_ROW = 50
#: A longer row is no row: 16 MB, a thousand times what a wide table needs.
MAX_ROW_BYTES = 16 << 20
#: How the quotes of a row stand: closed where they must be, still open at its end, or followed by
#: text that belongs to no cell.
Quotes = Literal["right", "open", "misplaced"]


@dataclass(frozen=True)
class Dialect:
    """Dialect and header of one file.

    Attributes
    ----------
    header
        The names in the first line, without the nameless one after a trailing delimiter.
    header_line
        That line as it stands, without its end; a row equal to it is a header that was
        concatenated along.
    trailing
        Whether each line ends with a delimiter that separates nothing.
    is_record
        Tells whether cells could be a row of the contract; it recognises the rows that an
        unclosed quote would swallow.
    """

    source: Source
    header: tuple[str, ...] = ()
    header_line: bytes = b""
    trailing: bool = False
    is_record: Callable[[list[str]], bool] = field(default=lambda cells: len(cells) > 2)

    @property
    def width(self) -> int:
        """How many cells a row has, the empty one after a trailing delimiter included."""
        return len(self.header) + self.trailing

    @property
    def quote(self) -> bytes:
        """The quote character; empty for none."""
        return self.source.quote.encode()

    @property
    def delimiter(self) -> bytes:
        """The delimiter."""
        return self.source.delimiter.encode()

    @property
    def plain(self) -> bool:
        """Whether the fast parser knows this dialect."""
        source = self.source
        single_bytes = len(self.delimiter) == 1 and len(self.quote) <= 1
        regular = source.escape is None and not source.skip_initial_space and not source.widths
        return single_bytes and regular

    @property
    def comment(self) -> bytes:
        """What a line begins with that is no row; empty for no such lines."""
        return (self.source.comment or "").encode()

    def cells(self, raw: bytes) -> dict[str, str]:
        """Return the cells of a row by name, as far as its quotes, or its delimiters alone, say."""
        text = raw.decode("utf-8", "replace")
        found, quotes = self.split(text)
        if quotes != "right":
            bare = text.rstrip("\r\n").split(self.source.delimiter)
            found = [cell.strip(self.source.quote or None) for cell in bare]
        return dict(zip(self.header, found, strict=False))

    def split(self, text: str) -> tuple[list[str], Quotes]:
        """Split one row into cells, and tell how its quotes stand."""
        source = self.source
        if source.widths:
            return _cut(text.rstrip("\r\n"), source.widths), "right"
        unquoted = not source.quote or source.quote not in text
        if unquoted and source.escape is None and not source.skip_initial_space:
            return text.rstrip("\r\n").split(source.delimiter), "right"
        options: dict[str, Any] = {"quotechar": source.quote} if source.quote else {}
        if source.escape is not None:
            options |= {"escapechar": source.escape, "doublequote": False}
        csv.field_size_limit(MAX_ROW_BYTES)
        # The parser knows delimiters of one letter only; no text holds this one.
        mark = source.delimiter if len(source.delimiter) == 1 else next(_unused(text))
        try:
            found = list(
                csv.reader(
                    [text.replace(source.delimiter, mark)],
                    delimiter=mark,
                    skipinitialspace=source.skip_initial_space,
                    quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
                    strict=True,
                    **options,
                )
            )
        except csv.Error as error:
            return [], "open" if "unexpected end of data" in str(error) else "misplaced"
        if len(found) != 1:
            return [], "misplaced"
        cells = [cell.replace(mark, source.delimiter) for cell in found[0]]
        return self._with_missing(text, cells), "right"

    def _with_missing(self, text: str, cells: list[str]) -> list[str]:
        """Keep the marks of missing values as they are written, whose escapes are none."""
        source = self.source
        marks = {mark for mark in source.missing if source.escape and source.escape in mark}
        if not any(mark in text for mark in marks):
            return cells
        pattern = _raw_cell(source.delimiter, source.quote, source.escape or "")
        written = [raw.strip(" ") if source.skip_initial_space else raw
                   for raw in pattern.findall(text.rstrip("\r\n"))]  # fmt: skip
        return [raw if raw in marks else cell for raw, cell in zip(written, cells, strict=False)]


def _cut(line: str, widths: tuple[int, ...]) -> list[str]:
    """Cut a line into cells of fixed widths; what stands behind the last one is one more.

    A line may end inside its last cell, as editors take blanks away; one that ends before has
    fewer cells.
    """
    starts = [*accumulate(widths, initial=0)]
    cells = [line[a:b].strip(" ") for a, b in pairwise(starts) if a <= len(line)]
    behind = line[starts[-1] :].strip(" ")
    return [*cells, behind] if behind else cells


def _unused(text: str) -> Iterator[str]:
    return (letter for letter in map(chr, range(0xF0000, 0xFFFFE)) if letter not in text)


@cache
def _raw_cell(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    """Return what finds the cells of a row as they are written, with quotes and escapes."""
    d, q, e = map(re.escape, (delimiter, quote, escape))
    quoted = f"{q}(?:{e}.|(?!{q}|{e}).)*{q}|" if quote else ""
    return re.compile(f"({quoted}(?:{e}.|(?!{d}|{e}).)*)(?:{d}|\\Z)", re.DOTALL)
