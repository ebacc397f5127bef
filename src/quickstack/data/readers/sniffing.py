"""Tell from its first bytes what a file is that should be text and is not."""

from __future__ import annotations

import re

_PACKED = "a compressed file inside a compressed file (unpack it once)"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file (write `format: parquet` in the contract)"),
    (b"PARE", "an encrypted Parquet file"),
    (b"PK\x03\x04", "a zip archive or a workbook (of .xlsx: `format: excel` in the contract)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (write `format: excel` in the contract)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x8b", _PACKED),
    (b"BZh9", _PACKED),
    (b"\xfd7zXZ\x00", _PACKED),
    (b"\x28\xb5\x2f\xfd", _PACKED),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"\x00\x05\x16\x07", "what macOS leaves beside a copied file (leave `._` files out)"),
    (b"version https://git-lfs.github.com/spec", "a git LFS pointer (run `git lfs pull`)"),
)
#: ORC and GIF8 are also letters that a header may begin with: what follows must be no text.
_BINARY_ONLY = (b"ORC", b"FEA1", b"GIF8", b"PAR1", b"PARE", b"ARROW1", b"BZh9")
_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|error|!--)", re.IGNORECASE)
_POINTER = re.compile(
    rb"(?:[a-z0-9_]+: [^\r\n]*\r?\n|deps:\r?\n(?:[- ][^\r\n]*\r?\n)+)*outs:\r?\n- "
)
_JSON = re.compile(rb"\s*(\{\s*\"|\{\s*\}|\[\s*[\{\[\]])")
#: Control characters that no text of any encoding begins with.
_CONTROLS = bytes({*range(1, 9), *range(14, 27), 28, 29, 30, 31, 127})
_SAMPLE = 4096


def sniffed_type(head: bytes) -> str | None:
    """Return what `head` is the beginning of, None where it may be text.

    Parameters
    ----------
    head
        The first bytes, 64 kB or fewer; UTF-16 and UTF-32 are text.

    Returns
    -------
    str or None
        As in "this is no delimited text but ...", with what to do about it where that is known.
    """
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning) and not (
            beginning in _BINARY_ONLY and _is_text(head[:_SAMPLE])
        ):
            return name
    if head[257:262] == b"ustar":
        return "a tar archive (deliver the file inside)"
    plain = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(plain):
        return "an HTML or XML page, perhaps of a failed download"
    if _POINTER.match(plain):
        return "a DVC pointer (run `dvc pull`)"
    if _JSON.match(plain):
        return "JSON (of one object per line: `format: jsonl` in the contract)"
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        sample = head[:_SAMPLE]
        controls = len(sample) - len(sample.translate(None, _CONTROLS))
        if controls > len(sample) / 50:
            return "binary data"
    return None


def _is_text(sample: bytes) -> bool:
    return b"\0" not in sample and not sample.translate(None, bytes(range(32, 256)) + b"\t\r\n")
