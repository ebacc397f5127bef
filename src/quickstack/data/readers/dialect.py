"""The dialect of one delimited file: what its bytes mean, once its header is read."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
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
        return single_bytes and source.escape is None and not source.skip_initial_space

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
        unquoted = not source.quote or source.quote not in text
        if unquoted and source.escape is None and not source.skip_initial_space:
            return text.rstrip("\r\n").split(source.delimiter), "right"
        options: dict[str, Any] = {"quotechar": source.quote} if source.quote else {}
        if source.escape is not None:
            options |= {"escapechar": source.escape, "doublequote": False}
        csv.field_size_limit(MAX_ROW_BYTES)
        try:
            found = list(
                csv.reader(
                    [text],
                    delimiter=source.delimiter,
                    skipinitialspace=source.skip_initial_space,
                    quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
                    strict=True,
                    **options,
                )
            )
        except csv.Error as error:
            return [], "open" if "unexpected end of data" in str(error) else "misplaced"
        return (found[0], "right") if len(found) == 1 else ([], "misplaced")
