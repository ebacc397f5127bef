"""The rows of raw files that are the subject's, and those files without them."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from quickstack.facts.errors import DataError
from quickstack.facts.files import whole_file
from quickstack.guard.erasing.subject import Subject, Table

#: Formats whose rows can be taken out; anything else is for the people who made the file.
_FORMATS = ("csv", "parquet", "jsonl")
_PACKED = (
    b"\x1f\x8b",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"PK\x03\x04",
    b"\x04\x22\x4d\x18",
)


class UncorrectableError(DataError):
    """A raw file holds the subject, and its rows cannot be taken out here."""


def readable(stream: IO[bytes], table: Table) -> bool:
    """Return whether rows of this file can be told apart here: no packing, a known format."""
    head = stream.read(8)
    stream.seek(0)
    return table.contract.source.format in _FORMATS and not head.startswith(_PACKED)


def rows_of(stream: IO[bytes], table: Table, subject: Subject) -> int:
    """Return how many pieces (lines, or rows of Parquet) of a raw file are the subject's.

    A well-formed row is theirs when a column that names the subject holds the value. Of a row that
    cannot be read, each line that holds the value as a word is theirs, so that nothing stays.

    Raises
    ------
    UncorrectableError
        Where the file's format or encoding is another than the contract says.
    """
    if table.contract.source.format == "parquet":
        return int(_parquet_mask(_read_parquet(stream), table, subject).sum())
    return sum(not kept for _, kept in _lines(stream, table, subject))


def remove_rows(path: Path, table: Table, subject: Subject) -> int:
    """Rewrite a raw file without the subject's rows, whole or not at all; return the pieces."""
    removed = 0
    with path.open("rb") as stream, whole_file(path) as temporary:
        if table.contract.source.format == "parquet":
            import pyarrow.parquet as pq

            rows = _read_parquet(stream)
            mask = _parquet_mask(rows, table, subject)
            removed = int(mask.sum())
            pq.write_table(_without_leftovers(rows.filter(~mask)), temporary, compression="zstd")
        else:
            encoding = _encoding(table)
            with temporary.open("wb") as target:
                for line, kept in _lines(stream, table, subject):
                    removed += not kept
                    if kept:
                        target.write(line.encode(encoding, _errors(encoding)))
        # Nothing but the rows changes, not even who may read the file.
        temporary.chmod(path.stat().st_mode & 0o777 | 0o200)
    return removed


def _encoding(table: Table) -> str:
    # The mark at the beginning is kept as a character, and written as it was.
    return (
        "utf-8" if table.contract.source.encoding == "utf-8-sig" else table.contract.source.encoding
    )


def _errors(encoding: str) -> str:
    return "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _lines(stream: IO[bytes], table: Table, subject: Subject) -> Iterator[tuple[str, bool]]:
    """Give every physical line, and whether it is kept."""
    encoding = _encoding(table)
    if encoding in ("utf-16", "utf-32"):
        raise UncorrectableError(
            f"rows of {encoding} text cannot be taken out here",
            where=table.contract.source.path,
            fix="correct the file by hand, and `quickstack add` it",
        )
    text = io.TextIOWrapper(stream, encoding, errors=_errors(encoding), newline="")
    try:
        kind = _json_lines if table.contract.source.format == "jsonl" else _csv_lines
        yield from kind(text, table, _Match(subject))
    except UnicodeError:
        raise UncorrectableError(
            f"this is no {encoding} text",
            where=table.contract.source.path,
            fix="correct the file by hand, and `quickstack add` it",
        ) from None
    finally:
        text.detach()


class _Match:
    """Whether a cell is the subject's value, or a line holds it as a word."""

    def __init__(self, subject: Subject) -> None:
        self._values = set(subject.values)
        self._numbers = {int(v) for v in subject.values if v.isdecimal() and len(v) < 20}
        texts = {t for v in subject.values for t in (v, v.replace('"', '""'), json.dumps(v)[1:-1])}
        words = "|".join(re.escape(text) for text in sorted(texts)) or "(?!)"
        self._word = re.compile(rf"(?<![0-9A-Za-z_])(?:{words})(?![0-9A-Za-z_])")

    def cell(self, text: str) -> bool:
        text = text.strip()
        if text in self._values:
            return True
        return (
            bool(self._numbers)
            and text.isdecimal()
            and len(text) < 20
            and int(text) in self._numbers
        )

    def word(self, line: str) -> bool:
        return self._word.search(line) is not None


def _csv_lines(text: io.TextIOWrapper, table: Table, match: _Match) -> Iterator[tuple[str, bool]]:
    source = table.contract.source
    csv.field_size_limit(sys.maxsize)
    settings: dict[str, Any] = {
        "delimiter": source.delimiter if len(source.delimiter) == 1 else ",",
        "quotechar": source.quote or None,
        "quoting": csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        "escapechar": source.escape if source.escape != source.quote else None,
        "doublequote": source.escape is None or source.escape == source.quote,
        "skipinitialspace": source.skip_initial_space,
    }
    for _ in range(source.skip_lines):
        yield text.readline(), True
    taken: list[str] = []

    def feed() -> Iterator[str]:
        for line in text:
            taken.append(line)
            # A NUL is no character that Python's reader takes everywhere.
            yield line.replace("\0", " ")

    header: list[str] = []
    places: list[int] = []

    def mine(cells: list[str]) -> bool:
        return any(match.cell(cells[place]) for place in places)

    def alone(line: str) -> bool:
        """Judge one line of a row that is none, or that has swallowed others."""
        try:
            cells = next(csv.reader([line.replace("\0", " ")], strict=True, **settings), [])
        except csv.Error:
            cells = []
        if places and len(cells) == len(header):
            return mine(cells)
        return match.word(line)

    for cells in csv.reader(feed(), **settings):
        lines = list(taken)
        taken.clear()
        if not header:
            if any(cells):
                header = [cell.strip().removeprefix("\ufeff") for cell in cells]
                places = [i for i, name in enumerate(header) if name in table.columns]
            for line in lines:
                yield line, True
        elif places and len(cells) == len(header) and mine(cells):
            for line in lines:
                yield line, False
        elif len(lines) == 1 and places and len(cells) == len(header):
            yield lines[0], True
        else:
            for line in lines:
                yield line, not alone(line)


def _json_lines(text: io.TextIOWrapper, table: Table, match: _Match) -> Iterator[tuple[str, bool]]:
    for line in text:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and any(name in row for name in table.columns):
            yield line, not any(match.cell(str(row.get(name, ""))) for name in table.columns)
        else:
            yield line, not match.word(line)


def _read_parquet(stream: IO[bytes]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(stream)
    except (pa.ArrowException, OSError):
        raise UncorrectableError(
            "this is no Parquet file", fix="correct the file by hand, and `quickstack add` it"
        ) from None


def _without_leftovers(rows: Any) -> Any:
    """Make dictionaries again: those of filtered rows keep the values that no row has any more."""
    import pyarrow as pa

    for place, kind in enumerate(rows.schema):
        if pa.types.is_dictionary(kind.type):
            plain = rows.column(place).cast(kind.type.value_type)
            rows = rows.set_column(place, kind, plain.dictionary_encode().cast(kind.type))
    return rows


def _parquet_mask(rows: Any, table: Table, subject: Subject) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    match = _Match(subject)
    mask = np.zeros(rows.num_rows, bool)
    for name in (name for name in table.columns if name in rows.column_names):
        texts = pc.dictionary_encode(rows[name].cast(pa.string()).combine_chunks())
        wanted = np.array([match.cell(v or "") for v in texts.dictionary.to_pylist()] + [False])
        mask |= wanted[texts.indices.fill_null(len(wanted) - 1).to_numpy(zero_copy_only=False)]
    return mask
