"""Parse text row by row: what pyarrow would abort on, drop or misread ends read or rejected."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

from quickstack.data.readers.dialect import MAX_LINES_OF_A_ROW, MAX_ROW_BYTES, Dialect

NOT_CLOSED = "a quote is not closed, or misplaced"
NO_TEXT = "it holds bytes that are no text in the declared encoding"
NUL = "it holds a NUL byte"
RETURN = "it holds a carriage return that ends no line"
HEADER = "the header stands here again"
TOO_LONG = f"the line is longer than {MAX_ROW_BYTES >> 20} MB"
_MARK, _CR, _LF = codecs.BOM_UTF8, 13, 10
#: Verdicts that do not depend on where a row ends.
_OF_TEXT = (None, NUL, NO_TEXT, HEADER, TOO_LONG)
#: A line of these is empty; DOS ended files with the last.
_NOTHING = b"\r\n\x1a"
NOT_EMPTY = "the cell after the last delimiter is not empty"


@dataclass
class Rows:
    """The rows of a piece of text.

    Attributes
    ----------
    cells
        The cells of each row.
    starts, ends
        Where each row begins and ends, in bytes of the piece.
    lines
        The line each begins with, from 0 at the beginning of the piece.
    rejected
        (start, end, line, reason) of those that could not be read.
    used
        Where reading ended; short of `stop` only where a row goes on behind the text.
    """

    cells: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejected: list[tuple[int, int, int, str]] = field(default_factory=list)
    blank: int = 0
    used: int = 0


def read_rows(
    data: bytes, dialect: Dialect, *, start: int = 0, stop: int | None = None, final: bool
) -> Rows:
    """Read the rows that begin in one piece of a text.

    LF, CRLF and a lone CR outside quotes end a line; lines are counted by LF.

    A row is settled by itself and at most MAX_LINES_OF_A_ROW lines, never by what stands before
    it, so the verdict does not depend on where a file was chunk. Where a quote stays open, or lines
    that it would swallow are rows of their own, only the line that opened it is rejected, and
    reading goes on with the next one.

    Parameters
    ----------
    data
        UTF-8, as far as it is text.
    start, stop
        The piece: a row begins at `start`, and no row is read that begins at `stop` or later.
    final
        Whether nothing follows `data`.
    """
    rows, position, line = Rows(), start, 0
    stop = len(data) if stop is None else stop
    while position < stop:
        # A file that others were appended to keeps their byte order marks.
        position += len(_MARK) * data.startswith(_MARK, position)
        end = line_end(data, position)
        comment = dialect.comment and data.startswith(dialect.comment, position)
        if comment or data[position:end].strip(_NOTHING) == b"":
            rows.blank += 1
        else:
            taken = _take(data, position, end, dialect, final=final)
            if taken is None:
                break
            first = end
            end, cells, reason = taken
            if reason not in _OF_TEXT and end == first and data[end - 1] == _CR:
                end, reason = _whole_line(data, position, end, reason)
            if reason is None:
                rows.cells.append(cells)
                rows.starts.append(position)
                rows.ends.append(end)
                rows.lines.append(line)
            else:
                rows.rejected.append((position, end, line, reason))
        line += data.count(b"\n", position, end)
        position = end
    rows.used = position
    return rows


def line_end(data: bytes, position: int) -> int:
    """Return where the next line begins; LF, CRLF and a lone CR end one."""
    end = data.find(b"\n", position) + 1 or len(data)
    lone = data.find(b"\r", position, end) + 1
    return lone if lone and lone < end and data[lone] != _LF else end


def skip_lines(data: bytes, number: int, dialect: Dialect) -> int:
    """Return where the text begins behind so many lines, and the comments and marks after them."""
    position = 0
    for _ in range(number):
        position = line_end(data, position)
    while dialect.comment and data.startswith(dialect.comment, position):
        position = line_end(data, position)
    return position + len(_MARK) * data.startswith(_MARK, position)


def _whole_line(data: bytes, start: int, end: int, reason: str | None) -> tuple[int, str | None]:
    """Return the end of the line that goes on behind a lone CR, which ended no row."""
    line = data[start : data.find(b"\n", end) + 1 or len(data)].rstrip(b"\r\n")
    behind = start + len(line)
    return (line_end(data, behind), RETURN) if behind > end else (end, reason)


def _take(
    data: bytes, start: int, end: int, dialect: Dialect, *, final: bool
) -> tuple[int, list[str], str | None] | None:
    """Return the end of the row, its cells, and why it is rejected; None where more is needed."""
    first = end
    text = _text(data[start:end])
    cells, quotes = dialect.split(text)
    lines = 1
    while quotes == "open" and lines < MAX_LINES_OF_A_ROW and end - start <= MAX_ROW_BYTES:
        if end == len(data):
            if not final:
                return None
            break
        end = line_end(data, end)
        lines += 1
        if dialect.quote in data[first:end]:
            text = _text(data[start:end])
            cells, quotes = dialect.split(text)
    if end > first and (
        quotes != "right"
        or len(cells) != dialect.width
        or end - start > MAX_ROW_BYTES
        or _hides_a_row(data, first, end, dialect)
    ):
        return first, [], NOT_CLOSED
    reason = _fault(data, start, end, text, dialect)
    if reason is None and quotes != "right":
        reason = NOT_CLOSED
    if reason is None:
        reason = _shape(cells, dialect)
    return end, cells[: len(dialect.header)], reason


def _hides_a_row(data: bytes, first: int, end: int, dialect: Dialect) -> bool:
    """Return whether a whole line inside a quoted cell could be a row by itself."""
    position = first
    while (following := line_end(data, position)) < end:
        cells, quotes = dialect.split(_text(data[position:following]))
        if quotes == "right" and len(cells) == dialect.width and dialect.is_record(cells):
            return True
        position = following
    return False


def _fault(data: bytes, start: int, end: int, text: str, dialect: Dialect) -> str | None:
    """Return why the row's text cannot be used, or None."""
    if end - start > MAX_ROW_BYTES:
        return TOO_LONG
    if "\0" in text:
        return NUL
    if not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text):
        return NO_TEXT
    line = data[start:end].rstrip(b"\r\n")
    return HEADER if line == dialect.header_line and line else None


def _shape(cells: list[str], dialect: Dialect) -> str | None:
    if len(cells) != dialect.width:
        return f"{len(cells)} cells where the header has {dialect.width}"
    return NOT_EMPTY if dialect.trailing and cells[-1] else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def header_row(data: bytes, dialect: Dialect) -> tuple[int, list[str]] | None:
    """Return the length of the header and its names; None where it cannot be read."""
    end = line_end(data, 0)
    for _ in range(MAX_LINES_OF_A_ROW):
        text = _text(data[:end])
        cells, quotes = dialect.split(text)
        if quotes == "right":
            usable = text.strip() and _fault(data, 0, end, text, dialect) is None
            return (end, cells) if usable else None
        if quotes == "misplaced" or end == len(data):
            return None
        end = line_end(data, end)
    return None
