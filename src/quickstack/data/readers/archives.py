"""Take bytes out of what they are packed in, a zip archive of one file included; pack again."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, cast

from quickstack.facts.errors import SourceError
from quickstack.facts.formats import is_left_over, packing_of

#: What grows by more than this is a bomb. Tables pack 1 to 30 at most; bombs 1 to 1,032.
MAX_RATIO = 300
#: Below so many bytes no ratio is looked at.
SMALL = 64 << 20
#: 1 TB: more is no table that somebody packed on purpose.
MAX_UNPACKED = 1 << 40
_XZ_MEMORY = 256 << 20  # its strongest setting takes 65 MB
_CHUNK = 1 << 17
#: Given a stream, how messages name it and its limit in bytes, returns what reads it unpacked.
_Opener = Callable[[BinaryIO, str, int], Any]
_SKIPPABLE = b"\x2a\x4d\x18"
_DAMAGED = (
    OSError, EOFError, ValueError, NotImplementedError, RuntimeError, MemoryError,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip


def unpacked(stream: BinaryIO, where: str, size: int, most: int | None = None) -> BinaryIO:
    """Return a stream of the bytes that are packed in `stream`, or `stream` where nothing is.

    The packing is recognised by the first bytes. A workbook, which is a zip archive too, is left
    as it is.

    Parameters
    ----------
    stream
        Seekable, at its beginning.
    where
        How messages name it.
    size
        Its bytes.
    most
        At most how many bytes come out; None: what `unpacked_limit` says.

    Raises
    ------
    SourceError
        Here, or on reading from what is returned: damaged, cut off, a bomb, encrypted, no single
        file, or names that lead out of the archive.
    """
    packing = _packing(stream)
    if packing is None:
        return stream
    try:
        most = unpacked_limit(size, most)
        opened = _CODECS[packing][0](stream, where, most)
    except _DAMAGED as error:
        raise _translated(error, where) from None
    if opened is None:
        stream.seek(0)
        return stream
    return io.BufferedReader(_Guarded(opened, where, most), _CHUNK)


def packed_like(stored: BinaryIO, target: BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Return a stream that packs into `target` as `stored` is packed; `target` where it is not.

    Parameters
    ----------
    stored
        Seekable, at its beginning, where it is left.
    """
    packing = _packing(stored)
    if packing is None:
        return nullcontext(target)
    try:
        return cast(AbstractContextManager[BinaryIO], _CODECS[packing][1](stored, target))
    finally:
        stored.seek(0)


def _packing(stream: BinaryIO) -> str | None:
    """Return how a stream is packed, and leave it at its beginning.

    Zstandard and LZ4 may begin with frames that hold no data (RFC 8878, 3.1.2).
    """
    head, position = stream.read(8), 0
    while len(head) == 8 and head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F:
        position += 8 + int.from_bytes(head[4:], "little")
        stream.seek(position)
        head = stream.read(8)
    stream.seek(0)
    return packing_of(head)


class _Guarded(io.RawIOBase):
    """An unpacked stream that says in a sentence what is wrong with it."""

    def __init__(self, stream: Any, where: str, most: int) -> None:
        self._stream, self._where = stream, where
        self._given, self._most = 0, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._stream.read(len(buffer))
        except _DAMAGED as error:
            raise _translated(error, self._where) from None
        self._given += len(part)
        if self._given > self._most:
            raise too_large(self._where, self._most)
        buffer[: len(part)] = part
        return len(part)


def _translated(error: BaseException, where: str) -> SourceError:
    if isinstance(error, SourceError):
        return error
    if isinstance(error, MemoryError) or "emory" in str(error):
        return SourceError(
            "it takes too much memory to unpack",
            where=where,
            fix="pack it again with the usual settings",
        )
    if isinstance(error, NotImplementedError):
        return SourceError(
            "the zip archive is packed in an unusual way", where=where, fix="pack it with deflate"
        )
    return SourceError(
        "the compressed file is damaged or cut off", where=where, fix="deliver it again"
    )


def unpacked_limit(size: int, declared: int | None) -> int:
    """Return how many bytes a file of `size` bytes may unpack to, as declared or by its size."""
    return declared or min(MAX_UNPACKED, max(SMALL, MAX_RATIO * size))


def too_large(where: str, most: int) -> SourceError:
    """Return the sentence for a file that unpacks to more than its limit."""
    return SourceError(
        f"it unpacks to more than {most >> 20:,} MB, the limit for a file of its size",
        where=where,
        fix="do not trust this file; if it is right, raise the limit by the custom property "
        "maxUnpackedMegabytes of the server 'raw' in the contract",
    )


class _Inflate:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        part = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail
        return part

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Members:
    """Compressed members one after the other.

    The readers of Python's library end without a word at bytes that begin no member; here they
    are damage.

    Parameters
    ----------
    new
        Makes the decompressor of a member.
    padded
        Whether zeros may follow a member.
    """

    def __init__(self, stream: BinaryIO, new: Callable[[], Any], *, padded: bool) -> None:
        self._stream, self._new, self._padded = stream, new, padded
        self._member = new()
        # What was read behind the end of a member.
        self._rest = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while True:
            if self._member.eof and not self._next():
                return b""
            fresh = b""
            if self._member.needs_input and not self._ended:
                fresh = self._rest or self._stream.read(_CHUNK)
                self._rest, self._ended = b"", not fresh
            part = self._member.decompress(fresh, size)
            if part:
                return bytes(part)
            if self._ended and self._member.needs_input and not self._member.eof:
                raise EOFError

    def _next(self) -> bool:
        """Begin the next member; False at the end."""
        rest = self._member.unused_data
        while True:
            rest = rest.lstrip(b"\0") if self._padded else rest
            if rest or self._ended:
                break
            rest = self._stream.read(_CHUNK)
            self._ended = not rest
        if not rest:
            return False
        self._member = self._new()
        self._rest = rest
        return True


def _open_zip(stream: BinaryIO, where: str, most: int) -> Any:
    archive = zipfile.ZipFile(stream)
    member = _only_member(archive, where)
    if member is None:
        return None
    if member.file_size > most:
        raise too_large(where, most)
    return archive.open(member)


def _only_member(archive: zipfile.ZipFile, where: str) -> zipfile.ZipInfo | None:
    """Return the one file of an archive; None for a workbook, which is an archive as well."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if {"[Content_Types].xml", "mimetype"} & {info.filename for info in infos}:
        return None
    for info in infos:
        # `orig_filename`, since `filename` ends at a NUL.
        name = PurePosixPath(info.orig_filename.replace("\\", "/"))
        drive = name.parts and name.parts[0].endswith(":")
        if name.is_absolute() or drive or ".." in name.parts or "\0" in info.orig_filename:
            raise SourceError(
                "a name in the zip archive leads out of it",
                where=where,
                fix="do not trust this file; ask who sent it",
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SourceError(
                "the zip archive holds a link instead of a file",
                where=where,
                fix="pack the file itself",
            )
        if info.flag_bits & 1:
            raise SourceError(
                "the zip archive is encrypted", where=where, fix="deliver it without a password"
            )
    infos = [info for info in infos if not is_left_over(info.filename)]
    if len(infos) != 1:
        raise SourceError(
            f"the zip archive holds {len(infos)} files, where one is expected",
            where=where,
            fix="deliver each table in a file of its own",
        )
    return infos[0]


def _open_frames(codec: str) -> _Opener:
    def opened(stream: BinaryIO, where: str, most: int) -> Any:  # noqa: ARG001 - as the other openers
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(stream, "r"), codec)

    return opened


def _open_gzip(stream: BinaryIO, where: str, most: int) -> Any:  # noqa: ARG001 - as the others
    return _Members(stream, _Inflate, padded=True)


def _open_bz2(stream: BinaryIO, where: str, most: int) -> Any:  # noqa: ARG001 - as the others
    return _Members(stream, bz2.BZ2Decompressor, padded=False)


def _open_xz(stream: BinaryIO, where: str, most: int) -> Any:  # noqa: ARG001 - as the others
    return _Members(stream, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), padded=True)


def _pack_zip(stored: BinaryIO, target: BinaryIO) -> Any:
    """Return a stream into an archive of one file, named and dated as the one in `stored`."""
    with zipfile.ZipFile(stored) as before:
        member = _only_member(before, "")
    if member is None:
        return nullcontext(target)
    return _zip_member(target, zipfile.ZipInfo(member.filename, member.date_time))


@contextmanager
def _zip_member(target: BinaryIO, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    member.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(target, "w") as archive,
        archive.open(member, "w", force_zip64=True) as stream,
    ):
        yield stream


def _pack_frames(codec: str) -> Callable[[BinaryIO, BinaryIO], Any]:
    def packed(stored: BinaryIO, target: BinaryIO) -> Any:  # noqa: ARG001 - as the others
        import pyarrow as pa

        return pa.CompressedOutputStream(target, codec)

    return packed


def _pack_gzip(stored: BinaryIO, target: BinaryIO) -> Any:  # noqa: ARG001 - as the others
    return gzip.GzipFile("", "wb", fileobj=target, mtime=0)


def _pack_bz2(stored: BinaryIO, target: BinaryIO) -> Any:  # noqa: ARG001 - as the others
    return bz2.BZ2File(target, "wb")


def _pack_xz(stored: BinaryIO, target: BinaryIO) -> Any:  # noqa: ARG001 - as the others
    return lzma.LZMAFile(target, "wb")


#: By the name of a packing: what opens such a stream, and what packs into another stream so.
_CODECS: dict[str, tuple[_Opener, Callable[[BinaryIO, BinaryIO], Any]]] = {
    "gzip": (_open_gzip, _pack_gzip),
    "bz2": (_open_bz2, _pack_bz2),
    "xz": (_open_xz, _pack_xz),
    "zstd": (_open_frames("zstd"), _pack_frames("zstd")),
    "lz4": (_open_frames("lz4"), _pack_frames("lz4")),
    "zip": (_open_zip, _pack_zip),
}
