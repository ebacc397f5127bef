"""Parse a chunk whose rows are provably well-formed at pyarrow's speed; refuse any other."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from quickstack.data.readers.chunks import IN_CACHE
from quickstack.data.readers.dialect import MAX_LINES_OF_A_ROW, MAX_ROW_BYTES, Dialect

_LF, _CR = 10, 13


@dataclass(frozen=True)
class LineCounts:
    """The physical lines of a well-formed piece of text.

    Attributes
    ----------
    count
        How many lines there are, those inside quoted cells included.
    inner
        How many line ends stand inside quoted cells.
    """

    count: int
    inner: int


def well_formed(data: bytes, dialect: Dialect, line_ends: int) -> LineCounts | None:
    """Prove that pyarrow splits `data` as the row parser would; None where it may not.

    Every quote must open a cell, close one, or be doubled inside one; no line is a repeated
    header or a comment; there is no NUL, no lone CR and no byte order mark; and no quoted cell
    spans three lines or more, since one of them might be a row that an unclosed quote swallowed.
    `line_ends` is how many there are.
    """
    if not dialect.plain or data.find(b"\0") >= 0 or _repeats_header(data, dialect):
        return None
    if _begins(data, codecs.BOM_UTF8) or (dialect.comment and _begins(data, dialect.comment)):
        return None
    bytes_ = np.frombuffer(data, np.uint8)
    if data.find(b"\r") >= 0 and not _before_feeds(bytes_):
        return None
    count = line_ends + (not data.endswith(b"\n"))
    if len(data) > MAX_ROW_BYTES and _longest_line(bytes_) > MAX_ROW_BYTES:
        return None
    if not dialect.quote or data.find(dialect.quote) < 0:
        return LineCounts(count, 0)
    quotes = np.flatnonzero(bytes_ == dialect.quote[0])
    if not _placed(bytes_, quotes, dialect):
        return None
    opening, closing = quotes[::2], quotes[1::2]
    if not bool((closing - opening > 1).any()):
        return LineCounts(count, 0)
    ends = np.flatnonzero(bytes_ == _LF)
    inside = np.searchsorted(ends, closing) - np.searchsorted(ends, opening)
    if inside.size and int(inside.max()) > 1:
        return None
    inner = int(inside.sum())
    # Doubled quotes split a cell into runs, so that it may hold more line ends than each of them.
    if inner and (dialect.width >= MAX_LINES_OF_A_ROW or _doubled(quotes)):
        return None
    return LineCounts(count, inner)


def parse(
    data: bytes,
    dialect: Dialect,
    types: dict[str, pa.DataType],
    lines: LineCounts,
    *,
    ascii_only: bool = False,
) -> Any:
    """Parse well-formed text.

    Parameters
    ----------
    types
        The Arrow type of each column of the header.
    ascii_only
        Whether the text is known to be ASCII, and so UTF-8.

    Returns
    -------
    pyarrow.Table and the number of empty lines, or None where the text is not as regular as it
    looked: another number of cells, a value that is not of its type, bytes that are no UTF-8.
    """
    names = list(dialect.header) + [""] * dialect.trailing
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                column_names=names, use_threads=False, block_size=len(data) + 1
            ),
            parse_options=csv.ParseOptions(
                delimiter=dialect.source.delimiter,
                quote_char=dialect.source.quote or False,
                newlines_in_values=lines.inner > 0,
            ),
            convert_options=csv.ConvertOptions(
                column_types={**types, "": pa.string()},
                null_values=list(dialect.source.missing),
                strings_can_be_null=True,
                decimal_point=dialect.source.decimal,
                check_utf8=not ascii_only,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if dialect.trailing:
        last = table.column(len(dialect.header))
        if not pc.all(pc.equal(pc.fill_null(last, ""), "")).as_py():
            return None
        table = table.select(list(dialect.header))
    blank = lines.count - lines.inner - table.num_rows
    if blank and blank != _blank_lines(data):
        return None
    return table, blank


def row_starts(data: bytes, dialect: Dialect) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return where the rows of well-formed text begin: bytes, and lines counted from 0."""
    bytes_ = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(bytes_ == _LF)
    starts = np.concatenate(([0], ends + 1))
    starts = starts[starts < len(data)]
    numbers = np.arange(len(starts))
    first = bytes_[starts]
    after = bytes_[np.minimum(starts + 1, len(data) - 1)]
    keep = ~((first == _LF) | ((first == _CR) & (after == _LF)))
    if dialect.quote and data.find(dialect.quote) >= 0:
        quotes = np.flatnonzero(bytes_ == dialect.quote[0])
        keep &= np.searchsorted(quotes, starts) % 2 == 0
    return starts[keep], numbers[keep]


def holds_hexadecimal(data: bytes) -> bool:
    """Return whether `0x` occurs: pyarrow reads such a cell as a whole number."""
    if data.find(b"x") < 0 and data.find(b"X") < 0:
        return False
    wanted = np.uint16(ord("0") | ord("x") << 8)
    lower = np.uint16(32 << 8)
    for first in (0, 1):
        pairs = np.frombuffer(data, "<u2", (len(data) - first) // 2, first)
        for start in range(0, len(pairs), IN_CACHE):
            if bool((pairs[start : start + IN_CACHE] | lower == wanted).any()):
                return True
    return False


def _placed(bytes_: Any, quotes: Any, dialect: Dialect) -> bool:
    """Return whether quotes alternate between opening and closing a cell."""
    if len(quotes) % 2:
        return False
    edges = np.zeros(256, bool)
    edges[[_LF, dialect.delimiter[0], dialect.quote[0]]] = True
    before = edges[bytes_[quotes[::2] - 1]]
    before[0] |= quotes[0] == 0
    if not before.all():
        return False
    edges[_CR] = True
    closing = quotes[1::2] + 1
    after = edges[bytes_[np.minimum(closing, len(bytes_) - 1)]]
    after[-1] |= closing[-1] == len(bytes_)
    return bool(after.all())


def _before_feeds(bytes_: Any) -> bool:
    """Return whether every CR stands before an LF."""
    returns = np.flatnonzero(bytes_ == _CR)
    return bool(returns[-1] + 1 < len(bytes_) and (bytes_[returns + 1] == _LF).all())


def _doubled(quotes: Any) -> bool:
    return bool((np.diff(quotes)[1::2] == 1).any())


def _begins(data: bytes, start: bytes) -> bool:
    """Return whether a line begins so; to look for a single byte is ten times as fast."""
    found = data.find(start[:1]) >= 0
    return found and (data.startswith(start) or data.find(b"\n" + start) >= 0)


def _longest_line(bytes_: Any) -> int:
    ends = np.concatenate(([-1], np.flatnonzero(bytes_ == _LF), [len(bytes_)]))
    return int(np.diff(ends).max())


def _blank_lines(data: bytes) -> int:
    bytes_ = np.frombuffer(data.replace(b"\r\n", b"\n"), np.uint8)
    ends = np.flatnonzero(bytes_ == _LF)
    return int(np.count_nonzero(np.diff(np.concatenate(([-1], ends))) == 1))


def _repeats_header(data: bytes, dialect: Dialect) -> bool:
    line = dialect.header_line
    # Looking for a byte is ten times as fast, and often one of the header's occurs nowhere.
    if not line or any(data.find(byte) < 0 for byte in set(line)):
        return False
    return data.startswith(line) or data.find(b"\n" + line) >= 0
