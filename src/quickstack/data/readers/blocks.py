"""How a file is read, and what every reader gives: blocks of rows that know where they stood."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quickstack.facts.notices import Noticed

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RowLocation:
    """Where a row stands in its file.

    Attributes
    ----------
    line
        Physical line from 1 for text; row of the sheet from 1 for a workbook; row from 1 for
        Parquet.
    offset
        Bytes from the beginning of the (uncompressed) file; None where a format has no such thing.
    raw
        The row as it stands there; for formats that are no text, its values as JSON.
    size
        Bytes of the (uncompressed) file that it takes, its line end included; 0 where a format
        has no such thing.
    part
        The part of a file that counts its rows by itself: the sheet of a workbook.
    """

    line: int
    offset: int | None
    raw: bytes
    size: int = 0
    part: str = ""


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read, and why; the sentence quotes no value."""

    location: RowLocation
    reason: str


def json_cells(raw: bytes) -> dict[str, str]:
    """Return the values of a row that is written as JSON, by column; empty where it is not."""
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    return {name: str(value) for name, value in row.items() if value is not None}


@dataclass
class Block:
    """Rows of one file that were read together.

    Attributes
    ----------
    table : pyarrow.Table
        One column per name of the contract. A text column holds the cells as delivered, null
        where they are one of `Source.missing`; a column of another type holds values that the
        format itself or `ReadOptions.types` has typed.
    locations
        Gives the locations of some rows, by their positions in `table`, ascending. It costs
        something: ask for the rows that need it.
    rejected
        The rows that could not be split into cells, in file order.
    blank
        How many lines were empty.
    ascii
        Whether all text is known to be ASCII, and so needs no normalisation.
    size
        Bytes of the (uncompressed) file, where a format counts in bytes.
    iso
        By column: positions of dates and times that the file itself has typed, in ISO 8601.
    cells
        Gives what the raw bytes of a rejected row still tell, as text by column.
    noticed
        What the reader came upon beside the rows.
    """

    table: pa.Table
    locations: Callable[[Sequence[int]], list[RowLocation]]
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0
    ascii: bool = False
    size: int = 0
    iso: dict[str, list[int]] = field(default_factory=dict)
    cells: Callable[[bytes], dict[str, str]] = json_cells
    noticed: Noticed = field(default_factory=Counter)


class Inline(Executor):
    """Runs each call at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function, and return its result as a future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # raised where the result is asked for
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read. What a format cannot make use of, it ignores.

    Attributes
    ----------
    rows
        At most how many rows a block holds, where a format counts in rows.
    size
        About how many bytes a block holds, where a format counts in bytes.
    executor, ahead
        What parses blocks side by side, and how many are taken up before the first is wanted.
    types
        Called before the first block with the file's first rows as text and whether it is most
        likely no longer than a block; returns the Arrow type of each column. A block keeps these
        types where all its cells fit them. None: all text.
    fits
        Whether values that were so typed may stay; a block of others comes as text.
    record_test
        Given the header, returns what tells whether cells could be a row; see `Dialect`.
    any_names
        Whether columns may be missing, and others be there, which are left out where the format
        names types: whoever looks for a person reads earlier versions of a file, too.
    """

    rows: int = 1 << 16
    size: int = 8 << 20
    executor: Executor = field(default_factory=Inline)
    ahead: int = 1
    types: Callable[[pa.Table, bool], dict[str, pa.DataType]] | None = None
    fits: Callable[[pa.Array], bool] | None = None
    record_test: Callable[[list[str]], Callable[[list[str]], bool]] | None = None
    any_names: bool = False
