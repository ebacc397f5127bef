"""Open what a file holds, and what that holds in turn."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from quickstack.data.unpacking import columnar
from quickstack.data.unpacking.buffers import Budget, Buffer, TooLargeError, collect
from quickstack.data.unpacking.buffers import opened as as_file
from quickstack.data.unpacking.compressed import base64_runs, carved, codec, short_base64, stream
from quickstack.facts.formats import PACKINGS

#: Files inside files inside files: deeper ones are reported as not read.
DEPTH = 8
#: Bytes that the content of one file may expand to.
EXPANDED = 8 << 30

Child = tuple[str, Buffer]
#: Called with why something could not be read, and where inside it lies.
Note = Callable[..., None]


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


def _children(content: Buffer, note: Note, budget: Budget) -> Iterator[Child]:
    start = content[:16]
    if name := codec(content):
        return _decompressed(content, note, budget, name)
    if content[257:262] == b"ustar":
        return _tarred(content, note, budget)
    if start[8:12] == b"DUCK":
        note("a DuckDB file compresses its columns; export it, or delete it")
        return iter(())
    for magic, children in _OPENERS:
        if start.startswith(magic):
            return children(content, note, budget)
    return chain(
        carved(content, budget), base64_runs(content, budget), short_base64(content, budget)
    )


def _decompressed(content: Buffer, note: Note, budget: Budget, name: str) -> Iterator[Child]:
    found, error = collect(stream(content, name), budget)
    if isinstance(error, TooLargeError):
        raise error
    if error:
        note(f"its {name} stream is damaged")
    yield name, found


def _zipped(content: Buffer, note: Note, budget: Budget) -> Iterator[Child]:
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


def _tarred(content: Buffer, note: Note, budget: Budget) -> Iterator[Child]:
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


def _columns(
    read: Callable[[Buffer, Budget], Iterator[Child]],
) -> Callable[[Buffer, Note, Budget], Iterator[Child]]:
    return lambda content, note, budget: read(content, budget)  # noqa: ARG005 - as the others


def _closed(why: str) -> Callable[[Buffer, Note, Budget], Iterator[Child]]:
    def children(content: Buffer, note: Note, budget: Budget) -> Iterator[Child]:  # noqa: ARG001 - as the others
        note(why)
        yield from ()

    return children


#: How a file begins, and what gives what it holds.
_OPENERS: tuple[
    tuple[tuple[bytes, ...], Callable[[Buffer, Note, Budget], Iterator[Child]]], ...
] = (
    (PACKINGS["zip"].magic, _zipped),
    ((b"PAR1",), _columns(columnar.parquet)),
    ((b"PARE",), _closed("its Parquet footer is encrypted")),
    ((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"), _columns(columnar.arrow)),
    ((b"SQLite format 3\0",), _columns(columnar.sqlite)),
    ((b"Rar!", b"7z\xbc\xaf\x27\x1c"), _closed("archives of this kind are not opened")),
)
