"""Cases whose files are written here: text as old systems, databases and other tools leave it."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torture.expectations import Case, Cells

_AB = {"a": "integer", "b": "string"}
_WHOLE = "a,b\n1,x\n2,y\n3,z\n"
_XYZ = (("1", "x"), ("2", "y"), ("3", "z"))
_BARE = {"header": False}
_BOM = "\ufeff"
_SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00\x19\x00\x00\x00"


def _rows(*values: tuple[str, ...]) -> Callable[[Path], list[Cells]]:
    return lambda _: [dict(zip(_AB, row, strict=True)) for row in values]


def _zstd(text: str) -> bytes:
    import pyarrow as pa

    return bytes(pa.compress(text.encode(), "zstd", asbytes=True))


def _zip(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


#: Name: content, settings of the source, rows, blank lines.
_EQUAL: dict[str, tuple[str | bytes, dict[str, Any], tuple[tuple[str, ...], ...], int]] = {
    "no header": ("1,x\n2,y\n3,z\n", _BARE, _XYZ, 0),
    "no header, first lines": ("by us\n1,x\n2,y\n3,z\n", _BARE | {"skip_lines": 1}, _XYZ, 0),
    "comment lines": ("# by us\na,b\n1,x\n# no\n2,y\n3,z\n", {"comment": "#"}, _XYZ, 1),
    "unit separators": (_WHOLE.replace(",", "\x1f"), {"delimiter": "\x1f"}, _XYZ, 0),
    "record separators": (_WHOLE.replace(",", "\x1e"), {"delimiter": "\x1e"}, _XYZ, 0),
    "delimiter ||": (_WHOLE.replace(",", "||"), {"delimiter": "||"}, _XYZ, 0),
    "delimiter ::, quoted": (
        'a::b\n1::"x::y"\n2::z\n', {"delimiter": "::"}, (("1", "x::y"), ("2", "z")), 0
    ),
    "fixed width": ("a b \n1 x \n2 y\n3 z\n", {"widths": (2, 2)}, _XYZ, 0),
    "CR inside quotes": ('a,b\n1,"x\ry"\n2,z\n', {}, (("1", "x\ry"), ("2", "z")), 0),
    "CRLF inside quotes, LF outside": ('a,b\n1,"x\r\ny"\n', {}, (("1", "x\r\ny"),), 0),
    "LF, CR and CRLF": ("a,b\n1,x\r2,y\r\n3,z\n", {}, _XYZ, 0),
    "CR CR LF": (_WHOLE.replace("\n", "\r\r\n"), {}, _XYZ, 4),
    "Ctrl-Z in a line": (_WHOLE.replace("\n", "\r\n") + "\x1a", {}, _XYZ, 0),
    "Ctrl-Z behind a cell": (_WHOLE.rstrip() + "\x1a", {}, _XYZ, 0),
    "marks of appended files": (_WHOLE + _BOM + "4,p\n", {}, (*_XYZ, ("4", "p")), 0),
    "missing by escape": (
        "a,b\n1,\\N\n2,x\\,y\n", {"escape": "\\", "missing": ("\\N",)},
        (("1", "\\N"), ("2", "x,y")), 0
    ),
    "zstd, skippable frame first": (_SKIPPABLE + _zstd(_WHOLE), {}, _XYZ, 0),
    "zstd, frames between": (
        _zstd("a,b\n1,x\n") + _SKIPPABLE + _zstd("2,y\n3,z\n"), {}, _XYZ, 0
    ),
    "zip with what macOS leaves": (
        _zip(**{"t/a.csv": _WHOLE, "t/.DS_Store": "x", "__MACOSX/t/._a.csv": "x"}), {}, _XYZ, 0
    ),
}  # fmt: skip
#: Name: content, settings of the source, a part of the sentence.
_REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "a header, and none declared": (_WHOLE, _BARE, "the first line names the columns"),
    "no header, and one declared": ("1,x\n2,y\n", {}, "of the contract's 2 column names"),
    "a header with a zero-width blank": ("a,b\u200b\n1,x\n", {}, "U+200B"),
    "a header in upper case": (_WHOLE.replace("a,b", "A,B"), {}, "upper and lower case"),
    "a header with a blank": (_WHOLE.replace("a,b", "a, b"), {}, "blanks"),
    "a bomb": (
        gzip.compress(b"a,b\n" + b"1,x\n" * (17 << 20)), {}, "unpacks to more than 64 MB"
    ),
}  # fmt: skip


def written(folder: Path) -> list[Case]:
    """Write the files of these cases to a folder, and return the cases."""
    cases = []
    for name, (content, source, rows, blank) in _EQUAL.items():
        path = _file(folder, len(cases), content)
        case = Case(f"written/{name}", path, "equal", name, _AB, source, truth=_rows(*rows))
        # The others know no fixed widths.
        cases.append(replace(case, plain=False, blank=blank, reading="widths" not in source))
    for name, (content, source, says) in _REFUSED.items():
        path = _file(folder, len(cases), content)
        cases.append(Case(f"written/{name}", path, "refused", name, _AB, source, says=says))
    return cases


def _file(folder: Path, number: int, content: str | bytes) -> str:
    """Write one file; its absolute path stays itself below any folder."""
    path = folder / f"{number}.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path.as_posix()
