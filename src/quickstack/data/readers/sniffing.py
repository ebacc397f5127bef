"""Tell from its first bytes what a file is that is not what its contract says."""

from __future__ import annotations

import re

from quickstack.facts.errors import SourceError
from quickstack.facts.formats import FORMATS, PACKINGS, FileFormat, Signature

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"\x00\x05\x16\x07", "what macOS leaves beside a copied file (leave `._` files out)"),
    (b"version https://git-lfs.github.com/spec", "a git LFS pointer (run `git lfs pull`)"),
)
#: Letters that a header may begin with, too: what follows must be no text.
_LETTERS: tuple[tuple[bytes, str], ...] = (
    (b"ARROW1", "an Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"ORC", "an ORC file"),
    (b"GIF8", "a picture"),
)
_SIGNATURES = (
    *(signature for entry in FORMATS.values() for signature in entry.signatures),
    *(
        Signature(
            re.compile(b"|".join(map(re.escape, entry.magic))),
            "a compressed file inside a compressed file (unpack it once)",
            letters=True,
        )
        for entry in PACKINGS.values()
    ),
    *(Signature(re.compile(re.escape(head)), what) for head, what in _OTHERS),
    *(Signature(re.compile(re.escape(head)), what, letters=True) for head, what in _LETTERS),
    Signature(re.compile(rb"(?s:.{257})ustar"), "a tar archive (deliver the file inside)"),
    Signature(
        re.compile(rb"\s*<(!doctype|html|\?xml|head|body|error|!--)", re.IGNORECASE),
        "an HTML or XML page, perhaps of a failed download",
    ),
    Signature(
        re.compile(rb"(?:[a-z0-9_]+: [^\r\n]*\r?\n|deps:\r?\n(?:[- ][^\r\n]*\r?\n)+)*outs:\r?\n- "),
        "a DVC pointer (run `dvc pull`)",
    ),
)
#: Control characters that no text of any encoding begins with.
_CONTROLS = bytes({*range(1, 9), *range(14, 27), 28, 29, 30, 31, 127})
_SAMPLE = 4096


def sniffed_type(head: bytes, expected: FileFormat, delimiter: bytes = b"") -> str | None:
    """Return what `head` is the beginning of, None where it may be what is expected.

    Parameters
    ----------
    head
        The first bytes, 64 kB or fewer; UTF-16 and UTF-32 are text.
    expected
        The format that the contract names; of delimited text and JSON Lines any text may be one.
    delimiter
        What may stand between cells, though it be a control character.

    Returns
    -------
    str or None
        As in "this is not delimited text but ...", with what to do about it where that is known.
    """
    plain = head.removeprefix(b"\xef\xbb\xbf")
    sample = head[:_SAMPLE].rstrip(b"\x1a\r\n").translate(None, delimiter)
    for signature in _SIGNATURES:
        if signature.pattern.match(plain) and not (signature.letters and _is_text(sample)):
            return None if signature in expected.signatures else signature.what
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return "binary data" if controls > len(sample) / 50 else None


def check_type(head: bytes, expected: FileFormat, where: str, delimiter: bytes = b"") -> None:
    """Refuse a file that is obviously something else than its contract says.

    Raises
    ------
    SourceError
        With what it is.
    """
    if what := sniffed_type(head, expected, delimiter):
        raise SourceError(
            f"this is not {expected.title} but {what}",
            where=where,
            fix="deliver the table itself, or correct `format` in the contract",
        )


def _is_text(sample: bytes) -> bool:
    return b"\0" not in sample and not sample.translate(None, bytes(range(32, 256)) + b"\t\r\n")
