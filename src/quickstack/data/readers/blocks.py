"""What every reader gives: blocks of rows, each of which can say where it stood in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    """

    line: int
    offset: int | None
    raw: bytes


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read, and why; the sentence quotes no value."""

    location: RowLocation
    reason: str


@dataclass
class Block:
    """Rows of one file that were read together.

    Attributes
    ----------
    table : pyarrow.Table
        One column per name of the contract. A text column holds the cells as delivered; a column
        of another type holds values that the format itself has typed.
    locations
        Gives the locations of some rows, by their positions in `table`, ascending. It costs
        something: ask for the rows that need it.
    rejected
        The rows that could not be split into cells, in file order.
    blank
        How many lines were empty.
    ascii
        Whether all text is known to be ASCII, and so needs no normalisation.
    """

    table: pa.Table
    locations: Callable[[Sequence[int]], list[RowLocation]]
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0
    ascii: bool = False
