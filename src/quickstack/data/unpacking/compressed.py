"""Compressed streams: whole files, and those that lie inside other files."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from quickstack.data.unpacking.buffers import Budget, Buffer, TooLargeError, collect, opened
from quickstack.facts.formats import PACKINGS, packing_of

#: How compressed streams begin: those of zlib, and packings but for archives of several files.
_START = re.compile(
    b"|".join(
        (
            rb"\x78[\x01\x5e\x9c\xda]",
            *(re.escape(m) for p in PACKINGS.values() if p.name != "zip" for m in p.magic),
        )
    )
)
#: What follows the first bytes of bzip2: of a block, or of an empty stream.
_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
#: What a stream that begins by chance hardly ever yields.
_SMALLEST = 24
#: Shorter base64 holds no file of any size, and shorter still, nothing that was not found as it is.
_BASE64_RUN, _SHORT_RUN = 100, 16
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: Bytes that are looked at in one go.
_STEP = 1 << 22


def codec(content: Buffer, begin: int = 0) -> str | None:
    """Return the compression that the bytes from `begin` show, or None."""
    name = packing_of(content[begin : begin + 6])
    if name == "bz2" and content[begin + 4 : begin + 10] not in _BZ2_BLOCKS:
        return None
    return None if name == "zip" else name


def stream(content: Buffer, name: str, begin: int = 0) -> Callable[[int], bytes]:
    """Return the function that reads the decompressed bytes."""
    if name in ("zstd", "lz4"):
        import pyarrow as pa

        source = pa.BufferReader(pa.py_buffer(memoryview(content)[begin:]))
        return cast(Callable[[int], bytes], pa.CompressedInputStream(source, name).read)
    reader: Any = opened(content, begin)
    if name == "zlib":
        return _ZlibStream(reader).read
    openers: dict[str, Callable[..., Any]] = {
        "gzip": gzip.GzipFile, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile,
    }  # fmt: skip
    file = openers[name](fileobj=reader) if name == "gzip" else openers[name](reader)
    return cast(Callable[[int], bytes], file.read)


class _ZlibStream:
    """Read one zlib stream, however much follows it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._codec = source, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        while not self._codec.eof:
            given = self._codec.unconsumed_tail or self._source.read(1 << 14)
            if not given:
                raise EOFError
            if made := self._codec.decompress(given, size):
                return made
        return b""


def carved(content: Buffer, budget: Budget) -> Iterator[tuple[str, Buffer]]:
    """Yield the compressed streams that begin somewhere inside, as in pickles and PDF files.

    Raises
    ------
    TooLargeError
        Where they expand to more than the budget.
    """
    done = 0
    for match in _START.finditer(content):
        begin = match.start()
        if begin < done:
            continue
        name = codec(content, begin) or "zlib"
        if not _begins(content, name, begin):
            continue
        found, error = collect(stream(content, name, begin), budget)
        if isinstance(error, TooLargeError):
            raise error
        if len(found) >= _SMALLEST:
            yield f"{name} stream at byte {begin}", found


def _begins(content: Buffer, name: str, begin: int) -> bool:
    """Whether a stream of some size begins there: most that look so do not."""
    try:
        if name == "zlib":
            codec_ = zlib.decompressobj()
            made = codec_.decompress(memoryview(content)[begin : begin + 4096], _SMALLEST)
            return codec_.eof or len(made) >= _SMALLEST
        return bool(stream(content, name, begin)(1))
    except Exception:  # no stream, whatever the codec calls it
        return False


def short_base64(content: Buffer, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Yield what short runs of base64 hold, where that is text or a compressed stream."""
    import numpy as np

    table = np.zeros(256, dtype=bool)
    table[list(_BASE64)] = True
    # The first of four characters holds the upper bits of a byte: those of ASCII, and of the first
    # bytes of compressed streams, are below 128.
    low = np.zeros(256, dtype=bool)
    low[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef")] = True
    for begin in range(0, len(content), _STEP):
        part = content[begin : begin + _STEP + 2 * _BASE64_RUN]
        data = np.frombuffer(part, np.uint8)
        edges = np.concatenate([[-1], np.flatnonzero(~table[data]), [len(part)]])
        sizes = np.diff(edges) - 1
        wanted = (sizes >= _SHORT_RUN) & (sizes <= 2 * _BASE64_RUN) & (edges[:-1] < _STEP)
        some = np.flatnonzero(wanted)
        starts = edges[some] + 1
        some, starts = some[low[data[starts]]], starts[low[data[starts]]]
        for number, start in zip(some.tolist(), starts.tolist(), strict=True):
            bare = part[start : start + int(sizes[number])].translate(_URL_SAFE)
            made = base64.b64decode(
                bare[: len(bare) // 4 * 4] + _padded(bare[len(bare) // 4 * 4 :])
            )
            if made.isascii() or _is_whole(made):
                budget.spend(len(made))
                yield f"base64 at byte {begin + start}", made


def _is_whole(content: bytes) -> bool:
    """Whether it is one compressed stream, and not the first line of a longer one."""
    name = codec(content) or ("zlib" if _START.match(content) else None)
    return name is not None and collect(stream(content, name), Budget(_STEP))[1] is None


def _padded(rest: bytes) -> bytes:
    """Return the last characters of base64 with what makes them four; one alone holds no byte."""
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def base64_runs(content: Buffer, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Yield what long runs of base64 hold, such as pictures in notebooks and arrays in pages."""
    import numpy as np

    table = np.zeros(256, dtype=bool)
    table[list(_BASE64 + b"\r\n")] = True
    begin, size = 0, len(content)
    while begin < size:
        end = min(begin + _STEP, size)
        # Notebooks write each line's end as an escape.
        part = content[begin:end].replace(b"\\n", b"\n\n")
        others = np.flatnonzero(~table[np.frombuffer(part, np.uint8)])
        edges = np.concatenate([[-1], others, [len(part)]])
        for number in np.flatnonzero(np.diff(edges) > _BASE64_RUN):
            a, b = int(edges[number]) + 1, int(edges[number + 1])
            if b == len(part) and end < size and a > 0:
                end = begin + a  # the run goes on: look at it from its beginning in the next step
                break
            bare = part[a:b].translate(_URL_SAFE, b"\r\n")
            whole = bare[: len(bare) - (len(bare) % 4 == 1)]  # no byte ends there
            made = base64.b64decode(whole + b"=" * (-len(whole) % 4))
            budget.spend(len(made))
            yield f"base64 at byte {begin + a}", made
        begin = end
