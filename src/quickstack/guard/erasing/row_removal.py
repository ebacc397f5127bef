"""The rows of raw files that are the subject's, and those files without them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from quickstack.data.privacy.normal_form import normal_form
from quickstack.data.readers.blocks import Block, RowLocation
from quickstack.data.readers.partitions import Partition, read_listing, write_listing
from quickstack.data.readers.rewrite import holds_more, stored_row, write_without
from quickstack.data.readers.row_parser import TOO_LONG
from quickstack.data.readers.s3_objects import (
    find_replacement,
    replace_object,
    require_current,
)
from quickstack.data.unpacking.buffers import from_file
from quickstack.facts.errors import DataError, SourceError
from quickstack.facts.files import whole_file
from quickstack.guard.erasing.content import Finder
from quickstack.guard.erasing.subject import Subject, Table
from quickstack.guard.scanning.raw_rows import column_texts, partitions_of, raw_blocks


class UncorrectableError(DataError):
    """A raw file holds the subject, and its rows cannot be taken out here."""


def holding(
    path: Path, name: str, table: Table, subject: Subject, spellings: set[str]
) -> tuple[list[Partition], int]:
    """Return the parts of a raw file that have rows of the subject: itself, or objects on S3.

    A row is theirs when a column that names the subject holds the value. A row that cannot be
    read, and each row of a file without such a column, is theirs when it holds the value as a
    word, so that nothing stays.

    Parameters
    ----------
    path
        Where the content of the file lies.
    name
        Its path in the repository.
    spellings
        Takes the cells that hold the subject, as they are written.

    Returns
    -------
    parts : list of Partition
    unread : int
        How many objects on S3 cannot be read, or no more as they were pinned.

    Raises
    ------
    SourceError
        Where the file cannot be read as the contract says.
    """
    match, found, unread = _Match(subject), [], 0
    for part in partitions_of(path, name):
        try:
            if _rows(part, table, match):
                found.append(part)
        except SourceError:
            if part.url is None:
                raise
            unread += 1
    spellings |= match.spellings
    return found, unread


def remove_rows(
    path: Path, table: Table, subject: Subject, replacing: Callable[[str, str], object] = max
) -> int:
    """Write a raw file again without the subject's rows, whole or not at all.

    Of a file that lists objects on S3, the objects are written again, and pinned anew.

    Parameters
    ----------
    replacing
        Called with the url of an object and the SHA-256 of its new content, before it is replaced.

    Returns
    -------
    int
        How many rows went.

    Raises
    ------
    UncorrectableError
        Where its rows cannot be taken out.
    """
    try:
        parts = partitions_of(path, path.name)
        if parts[0].url is not None:
            return _remove_from_objects(path, parts, table, subject, replacing)
        with whole_file(path) as temporary:
            count = _write(parts[0], table, subject, temporary)
            # Nothing but the rows changes, not even who may read the file.
            temporary.chmod(path.stat().st_mode & 0o777 | 0o200)
        return count
    except SourceError as error:
        raise UncorrectableError(
            f"rows cannot be taken out of it: {error.what}", where=str(path), fix=error.fix
        ) from None


def require_removable(path: Path, table: Table, subject: Subject) -> None:
    """Refuse a raw file whose rows cannot be taken out, without changing it.

    Raises
    ------
    SourceError, UncorrectableError
        Where they cannot.
    """
    for part in partitions_of(path, path.name):
        with TemporaryDirectory() as folder:
            count = _write(part, table, subject, Path(folder) / "without")
        if count and part.url is not None:
            require_current(part)


def pin_replaced(path: Path, replaced: Mapping[str, str]) -> None:
    """Pin objects whose replacement was interrupted before the listing could name it.

    Parameters
    ----------
    path
        Of the listing.
    replaced
        As `remove_rows` told it.
    """
    parts = read_listing(path)
    digests = [replaced.get(part.url or "") for part in parts]
    pinned = [
        find_replacement(part, digest) if digest else part
        for part, digest in zip(parts, digests, strict=True)
    ]
    if pinned != parts:
        write_listing(path, pinned)


def _remove_from_objects(
    path: Path,
    parts: list[Partition],
    table: Table,
    subject: Subject,
    replacing: Callable[[str, str], object],
) -> int:
    total = 0
    for number, part in enumerate(parts):
        if not _rows(part, table, _Match(subject)):
            continue
        with TemporaryDirectory() as folder:
            target = Path(folder) / "object"
            total += _write(part, table, subject, target)
            with target.open("rb") as stream:
                replacing(part.url or "", hashlib.file_digest(stream, "sha256").hexdigest())
            parts[number] = replace_object(part, target)
        # At once: what is pinned must be what is there, whenever this ends.
        write_listing(path, parts)
    return total


def _write(part: Partition, table: Table, subject: Subject, target: Path) -> int:
    """Write a partition without the subject's rows, and make sure that none is left."""
    match = _Match(subject)
    rows = _rows(part, table, match)
    write_without(part, table.contract, rows, target)
    written = Partition(target, "", size=target.stat().st_size)
    if _rows(written, table, match) or _beside(target, table, subject):
        raise UncorrectableError(
            "it holds the subject in other ways than in their rows",
            where=part.shown,
            fix="correct the file by hand, and `quickstack add` it",
        )
    return len(rows)


def _beside(path: Path, table: Table, subject: Subject) -> bool:
    """Return whether a file names the subject elsewhere: in another sheet, in a comment."""
    container = holds_more(table.contract.source)
    return container and subject.distinctive and Finder(subject).finds(from_file(path), raw=True)


def _rows(part: Partition, table: Table, match: _Match) -> list[RowLocation]:
    """Return where the subject's rows stand in a partition."""
    return [
        row
        for block in raw_blocks(part, table.contract)
        for row in (*_read_rows(block, table, match), *_rejected_rows(block, part, table, match))
    ]


def _read_rows(block: Block, table: Table, match: _Match) -> list[RowLocation]:
    import numpy as np

    named = [name for name in table.columns if name in block.table.column_names]
    if not named:
        return _rows_with_word(block, match)
    mask = np.zeros(block.table.num_rows, bool)
    for name in named:
        texts = column_texts(block.table, name)
        wanted = np.array([match.cell(v or "") for v in texts.dictionary.to_pylist()] + [False])
        mask |= wanted[texts.indices.fill_null(len(wanted) - 1).to_numpy(zero_copy_only=False)]
    found = np.flatnonzero(mask).tolist()
    return block.locations(found) if found else []


def _rows_with_word(block: Block, match: _Match) -> list[RowLocation]:
    if not block.table.num_columns:
        raise SourceError(
            "it has none of the columns that the contract names",
            fix="correct the names in the contract, or in the file",
        )
    rows = block.locations(range(block.table.num_rows))
    return [row for row in rows if match.word(row.raw)]


def _rejected_rows(block: Block, part: Partition, table: Table, match: _Match) -> list[RowLocation]:
    found = []
    for rejected in block.rejected:
        row = rejected.location
        # Of a line of many megabytes the reader keeps the beginning only.
        cut = row.size > 2 * len(row.raw) + 8 and rejected.reason == TOO_LONG
        source = table.contract.source
        text = row.raw
        if cut:
            text = stored_row(part, row, source).decode(source.encoding, "replace").encode()
        if match.word(text):
            found.append(row)
    return found


#: A whole number, as a table of numbers may write it.
_WHOLE = re.compile(r"\+?(\d{1,19})(?:\.0+)?")


class _Match:
    """Whether a cell is the subject's value, or a row holds it as a word.

    Attributes
    ----------
    spellings
        The cells that were, as they are written.
    """

    def __init__(self, subject: Subject) -> None:
        self._forms = subject.forms
        self._numbers = {int(v) for v in self._forms if v.isdecimal() and len(v) < 20}
        self._finder = Finder(subject)
        self.spellings: set[str] = set()

    def cell(self, text: str) -> bool:
        form = normal_form(text)
        number = _WHOLE.fullmatch(form) if self._numbers else None
        found = form in self._forms or bool(number and int(number[1]) in self._numbers)
        if found:
            self.spellings.add(text)
        return found

    def word(self, row: bytes) -> bool:
        return self._finder.in_text(row, raw=True)
