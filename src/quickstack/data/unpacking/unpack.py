"""Open what a file holds, and what that holds in turn."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from quickstack.data.unpacking import columnar
from quickstack.data.unpacking.buffers import Budget, Buffer, TooLargeError, collect
from quickstack.data.unpacking.buffers import opened as as_file
from quickstack.data.unpacking.compressed import base64_runs, carved, codec, stream

#: Files inside files inside files: deeper ones are reported as not read.
DEPTH = 8
#: Bytes that the content of one file may expand to.
EXPANDED = 8 << 30

Child = tuple[str, Buffer]


@dataclass
class Opened:
    """What could not be read while a file was opened, as (where inside, why)."""

    unread: list[tuple[tuple[str, ...], str]] = field(default_factory=list)


def pieces(
    content: Buffer, opened: Opened, limit: int = EXPANDED
) -> Iterator[tuple[tuple[str, ...], Buffer]]:
    """Yield the bytes of a file, and of everything that it holds, with where inside they lie.

    Parameters
    ----------
    content
        The file as it is.
    opened
        Collects what could not be read.
    limit
        Bytes that may come out of it in all.
    """
    yield from _pieces(content, (), Budget(limit), opened)


def _pieces(
    content: Buffer, inside: tuple[str, ...], budget: Budget, opened: Opened
) -> Iterator[tuple[tuple[str, ...], Buffer]]:
    yield inside, content

    def note(why: str, *deeper: str) -> None:
        opened.unread.append(((*inside, *deeper), why))

    found = _children(content, note, budget)
    while True:
        try:
            label, child = next(found)
        except StopIteration:
            return
        except TooLargeError:
            note("it expands to more than the limit")
            return
        except Exception as error:  # libraries raise anything at damaged files
            # Its message may quote what the file holds.
            note(f"it is damaged ({type(error).__name__})")
            return
        if len(inside) >= DEPTH:
            note(f"it lies more than {DEPTH} files deep", label)
            return
        yield from _pieces(child, (*inside, label), budget, opened)


def _children(
    content: Buffer, note: Callable[..., None], budget: Budget
) -> Iterator[tuple[str, Buffer]]:
    start = content[:16]
    name = codec(content)
    if name == "bz2" and content[4:10] not in (b"1AY&SY", b"\x17rE8P\x90"):
        name = None
    if name:
        found, error = collect(stream(content, name), budget)
        if isinstance(error, TooLargeError):
            raise error
        if error:
            note(f"its {name} stream is damaged")
        yield name, found
    elif start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zipped(content, note, budget)
    elif content[257:262] == b"ustar":
        yield from _tarred(content, note, budget)
    elif start.startswith(b"PAR1"):
        yield from columnar.parquet(content, budget)
    elif start.startswith(b"PARE"):
        note("its Parquet footer is encrypted")
    elif start.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        yield from columnar.arrow(content, budget)
    elif start.startswith(b"SQLite format 3\0"):
        yield from columnar.sqlite(content, budget)
    elif start[8:12] == b"DUCK":
        note("a DuckDB file compresses its columns; export it, or delete it")
    elif start.startswith((b"Rar!", b"7z\xbc\xaf\x27\x1c")):
        note("archives of this kind are not opened")
    else:
        yield from carved(content, budget)
        yield from base64_runs(content, budget)


def _zipped(content: Buffer, note: Callable[..., None], budget: Budget) -> Iterator[Child]:
    with zipfile.ZipFile(as_file(content)) as archive:
        for number, member in enumerate(archive.infolist()):
            name = member.filename
            # The bytes of the list are scanned with the archive; here names count as content too.
            if member.is_dir():
                continue
            if member.flag_bits & 1:
                note("it is encrypted", name)
                continue
            try:
                with archive.open(member) as file:
                    found, error = collect(file.read, budget)
            except (zipfile.BadZipFile, NotImplementedError, OSError):
                note("this member of the archive is damaged", f"member {number + 1}")
                continue
            if isinstance(error, TooLargeError):
                raise error
            if error:
                note("this member of the archive is damaged", name)
            yield name, found


def _tarred(content: Buffer, note: Callable[..., None], budget: Budget) -> Iterator[Child]:
    with tarfile.open(fileobj=as_file(content), mode="r:") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            found, error = collect(file.read, budget)
            if isinstance(error, TooLargeError):
                raise error
            if error:
                note("this member of the archive is damaged", member.name)
            yield member.name, found
