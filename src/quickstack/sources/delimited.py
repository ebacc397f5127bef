"""Read delimited text block by block; every physical row comes back as read, rejected or blank."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TextIO

from quickstack.contract import Contract, Source
from quickstack.errors import SourceError

#: A quoted cell may span this many lines; a longer one is an unclosed quote.
MAX_LINES_OF_A_ROW = 50


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read: its line (from 1), why, and its text."""

    line: int
    reason: str
    raw: str


@dataclass
class Block:
    """Rows of one file that were read together.

    Attributes
    ----------
    lines
        The physical line (from 1) at which each row begins.
    rows
        The cells of each row, as text, in the order of the header.
    raw
        The text of each row.
    rejected
        The rows that could not be split into cells.
    blank
        How many lines were empty.
    """

    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    blank: int = 0


class DelimitedFile:
    """One delimited file whose first line names its columns.

    Parameters
    ----------
    path
        The file.
    source
        Delimiter and encoding.

    Raises
    ------
    SourceError
        On `blocks`, where the file is missing, empty, or its header is not the contract's.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source = path, source
        self.header: list[str] = []

    def blocks(self, contract: Contract, rows: int) -> Iterator[Block]:
        """Yield the file in blocks of at most `rows` rows, after checking its header."""
        encoding = "utf-8-sig" if self.source.encoding.lower() in ("utf-8", "utf8") else None
        try:
            with self.path.open(
                encoding=encoding or self.source.encoding, errors="surrogateescape", newline=""
            ) as stream:
                yield from self._read(stream, contract, rows)
        except FileNotFoundError:
            raise SourceError(
                "the file is missing", where=self.path.as_posix(), fix="put it there, or `dvc pull`"
            ) from None
        except UnicodeError:
            raise SourceError(
                f"the file is not {self.source.encoding} text",
                where=self.path.as_posix(),
                fix="correct `encoding` of the server 'raw' in the contract",
            ) from None

    def _read(self, stream: TextIO, contract: Contract, rows: int) -> Iterator[Block]:
        lines = _Lines(stream)
        first = lines.take()
        if first is None or not first.strip():
            raise SourceError(
                "the file is empty" if first is None else "the first line is empty",
                where=self.path.as_posix(),
                fix="deliver the file again; its first line names the columns",
            )
        self.header = self._cells(first) or []
        check_header(self.header, contract, self.path, self.source.delimiter)
        block = Block()
        while (line := lines.take()) is not None:
            if not line.strip("\r\n"):
                block.blank += 1
                continue
            self._take_row(line, lines, block)
            if len(block.rows) >= rows:
                yield block
                block = Block()
        yield block

    def _take_row(self, line: str, lines: _Lines, block: Block) -> None:
        """Put the row that begins with `line` into the block, as read or as rejected."""
        number, wanted = lines.number, len(self.header)
        if '"' not in line:
            cells: list[str] | None = line.rstrip("\r\n").split(self.source.delimiter)
            text = line
        else:
            text = line
            while text.count('"') % 2 and lines.taken_since(number) < MAX_LINES_OF_A_ROW:
                following = lines.take()
                if following is None:
                    break
                text += following
            cells = self._cells(text)
            if text != line and (cells is None or len(cells) != wanted):
                # The quote was never closed: only its own line is broken, the rest is read anew.
                lines.give_back_to(number)
                text, cells = line, None
        if cells is None:
            block.rejected.append(Rejected(number, "a quote is not closed, or misplaced", text))
        elif len(cells) != wanted:
            reason = f"{len(cells)} cells where the header has {wanted}"
            block.rejected.append(Rejected(number, reason, text))
        elif (fault := _fault(text)) is not None:
            block.rejected.append(Rejected(number, fault, text))
        else:
            block.lines.append(number)
            block.rows.append(cells)
            block.raw.append(text)

    def _cells(self, text: str) -> list[str] | None:
        """Split one row into cells; None where its quotes are wrong."""
        if '"' not in text:
            return text.rstrip("\r\n").split(self.source.delimiter)
        try:
            found = list(
                csv.reader(
                    text.splitlines(keepends=True), delimiter=self.source.delimiter, strict=True
                )
            )
        except csv.Error:
            return None
        return found[0] if len(found) == 1 else None


class _Lines:
    """The physical lines of a stream, numbered from 1, some of which can be given back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0

    def take(self) -> str | None:
        line = self._again.popleft() if self._again else self._stream.readline()
        if not line:
            return None
        self.number += 1
        self._taken = [line] if len(self._taken) >= MAX_LINES_OF_A_ROW else [*self._taken, line]
        return line

    def taken_since(self, number: int) -> int:
        return self.number - number + 1

    def give_back_to(self, number: int) -> None:
        count = self.number - number
        self._again = deque(chain(self._taken[len(self._taken) - count :], self._again))
        self.number = number


def _fault(text: str) -> str | None:
    """Return why a row's text cannot be used, or None."""
    if text.isascii():
        return "it holds a NUL byte" if "\0" in text else None
    if any("\udc80" <= character <= "\udcff" for character in text):
        return "it holds bytes that are no text in the declared encoding"
    return "it holds a NUL byte" if "\0" in text else None


def check_header(header: list[str], contract: Contract, path: Path, delimiter: str) -> None:
    """Compare the names in a file's first line with the contract's columns.

    Raises
    ------
    SourceError
        Where they differ, apart from their order. Names are quoted only where most of them are
        the contract's: otherwise the first line may be data.
    """
    wanted = {column.name for column in contract.columns}
    found = set(header)
    where = f"{path.as_posix()}:1"
    missing, unknown = sorted(wanted - found), sorted(found - wanted)
    twice = sorted({name for name in header if header.count(name) > 1})
    if 2 * len(found & wanted) < len(wanted):
        raise SourceError(
            f"the first line holds {len(found & wanted)} of the contract's {len(wanted)} column "
            f"names ({len(header)} cells, split at {delimiter!r})",
            where=where,
            fix="correct the delimiter in the contract, or deliver the file with a header",
        )
    if missing:
        raise SourceError(
            f"the file lacks {_names(missing)}, which the contract names",
            where=where,
            fix="deliver the column, or take it out of the contract",
        )
    if unknown:
        raise SourceError(
            f"the file holds {_names(unknown)}, which the contract does not name",
            where=where,
            fix="describe the column in the contract (it may be personal), or leave it out",
        )
    if twice:
        raise SourceError(
            f"the header names {_names(twice)} more than once", where=where, fix="rename one"
        )


def _names(names: list[str]) -> str:
    kind = "column" if len(names) == 1 else "columns"
    return f"{kind} {', '.join(names)}"
