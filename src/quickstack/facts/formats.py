"""The file formats of raw data, and what files may be packed in: one entry each.

To add a format, add an entry here and the module that it names to `quickstack.data.readers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

#: How a file ends that lists pinned objects on S3.
LISTING = ".objects.jsonl"
#: How the record beside landed data ends.
LANDING_RECORD = ".landing.json"
#: What programs leave beside tables: owner files of Office, indexes of folders, and the marks of
#: Spark and Databricks.
_LEFT_OVER = re.compile(
    r"(?:.*/)?(?:~\$.*|\.~lock\..*#|\._[^/]*|\.ds_store|thumbs\.db|desktop\.ini|__macosx/.*|_success|"
    r"_metadata|_common_metadata|_(?:committed|started)_[^/]*|\.[^/]*\.crc|[^/]*\.landing\.json)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Signature:
    """How the content of a file begins.

    Attributes
    ----------
    pattern
        Matches the first bytes, without a byte order mark.
    what
        What such a file is, as in "this is not JSON Lines but ...", and what to do about it.
    letters
        Whether a text may begin so, too: then it counts only where what follows is no text.
    """

    pattern: re.Pattern[bytes]
    what: str
    letters: bool = False


@dataclass(frozen=True)
class FileFormat:
    """A format of source files.

    Attributes
    ----------
    name
        How contracts name it.
    title
        How messages name it.
    endings
        What its files' names end with, in lower case; they say nothing about what a table holds.
    reader
        The module of `quickstack.data.readers` whose `blocks` reads it, see `read_blocks`, and
        whose `without_rows` writes it again without some rows, see `write_without`.
    signatures
        How its files begin, where that tells them from text.
    settings
        The custom properties of a contract that only such formats know.
    container
        Whether a file holds more than the rows of its table, such as other sheets and comments.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    reader: str
    signatures: tuple[Signature, ...] = ()
    settings: tuple[str, ...] = ()
    container: bool = False


@dataclass(frozen=True)
class Packing:
    """What a file of any format may be packed in; it is recognised by its first bytes."""

    name: str
    endings: tuple[str, ...]
    magic: tuple[bytes, ...]


FORMATS = {
    entry.name: entry
    for entry in (
        FileFormat(
            "csv",
            "delimited text",
            (".csv", ".tsv", ".txt", ".dat"),
            "delimited",
            settings=(
                "delimiter", "quote", "escape", "lineEnd", "skipLines", "skipInitialSpace",
                "header", "comment", "columnWidths",
            ),
        ),
        FileFormat(
            "parquet",
            "Parquet",
            (".parquet", ".pq"),
            "parquet",
            (
                Signature(
                    re.compile(rb"PAR1"),
                    "a Parquet file (write `format: parquet` in the contract)",
                    letters=True,
                ),
                Signature(re.compile(rb"PARE"), "an encrypted Parquet file", letters=True),
            ),
        ),
        FileFormat(
            "jsonl",
            "JSON Lines",
            (".jsonl", ".ndjson", ".json"),
            "jsonl",
            (
                Signature(
                    re.compile(rb"\s*(\{\s*\"|\{\s*\}|\[\s*[\{\[\]])"),
                    "JSON (of one object per line: `format: jsonl` in the contract)",
                ),
            ),
        ),
        FileFormat(
            "excel",
            "workbook",
            (".xlsx", ".xlsm", ".xls", ".ods"),
            "excel",
            (
                Signature(
                    re.compile(rb"PK\x03\x04"),
                    "a zip archive or a workbook (of .xlsx: `format: excel` in the contract)",
                ),
                Signature(
                    re.compile(rb"\xd0\xcf\x11\xe0"),
                    "an old Excel workbook (write `format: excel` in the contract)",
                ),
            ),
            ("skipLines", "sheet", "header"),
            container=True,
        ),
    )
}  # fmt: skip

PACKINGS = {
    entry.name: entry
    for entry in (
        Packing("gzip", (".gz", ".gzip"), (b"\x1f\x8b\x08",)),
        Packing("bz2", (".bz2",), (b"BZh",)),
        Packing("xz", (".xz",), (b"\xfd7zXZ\x00",)),
        Packing("zstd", (".zst", ".zstd"), (b"\x28\xb5\x2f\xfd",)),
        Packing("lz4", (".lz4",), (b"\x04\x22\x4d\x18",)),
        Packing("zip", (".zip",), (b"PK\x03\x04", b"PK\x05\x06")),
    )
}


def formats_of(setting: str) -> tuple[str, ...]:
    """Return the formats that know a custom property of a source; all where none claims it."""
    found = tuple(entry.name for entry in FORMATS.values() if setting in entry.settings)
    return found or tuple(FORMATS)


def is_left_over(path: str) -> bool:
    """Return whether a file, or a member of an archive, is one that is never a table."""
    return _LEFT_OVER.fullmatch(path) is not None


def packing_of(head: bytes) -> str | None:
    """Return the name of the packing that the first bytes of a file show, or None."""
    return next((entry.name for entry in PACKINGS.values() if head.startswith(entry.magic)), None)


def bare_name(name: str) -> str:
    """Return a file's name without the endings of packing and format."""
    for table in (PACKINGS, FORMATS):
        ending = PurePosixPath(name).suffix
        if any(ending.lower() in entry.endings for entry in table.values()):
            name = name.removesuffix(ending)
    return name
