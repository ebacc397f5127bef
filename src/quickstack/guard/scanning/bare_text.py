"""Texts as their letters and digits alone, in lower case.

In these a value is found that is split over cells or nodes, spaced out, mixed with invisible
letters, or escaped in part: what stands between its letters and digits is gone, or a known code.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

from quickstack.data.unpacking.buffers import Buffer
from quickstack.guard.scanning.matcher import ANYTHING, Pattern
from quickstack.guard.scanning.searched_values import Value

#: Shorter ones are met by chance, since no word ends here.
_SHORTEST = 10
_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_KEPT = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OTHERS = bytes(set(range(256)) - set(_KEPT))
_TAG = re.compile(rb"<[^<>]{1,400}>")
#: Content is taken in such parts, which overlap by what a pattern may be spread over.
_PART, _OVERLAP = 16 << 20, 1 << 12

#: How programs write a character by its number.
_CODES: dict[str, Callable[[int], str]] = {
    "quoted-printable or URL": lambda code: f"={code:02x}",
    "\\x escapes": lambda code: f"\\x{code:02x}",
    "\\u escapes": lambda code: f"\\u{code:04x}",
    "HTML entities": lambda code: f"&#{code};",
    "HTML entities, hexadecimal": lambda code: f"&#x{code:x};",
    "octal escapes": lambda code: f"\\{code:03o}",
    "0x numbers": lambda code: f"0x{code:02x}",
}


def bare(content: bytes) -> bytes:
    """Return the ASCII letters and digits of a text, in lower case."""
    return content.translate(_LOWER, _OTHERS)


def views(content: Buffer) -> Iterator[bytes]:
    """Yield a content as its letters and digits, once more without its tags where it has some."""
    step = _PART - _OVERLAP
    for begin in range(0, max(len(content) - _OVERLAP, 1), step):
        part = bytes(content[begin : begin + _PART])
        yield bare(part)
        if b"</" in part:
            yield bare(_TAG.sub(b"", part))


def bare_patterns(values: list[Value], *, thorough: bool) -> Iterator[Pattern]:
    """Yield the patterns that are looked for in `views`.

    Parameters
    ----------
    values
        What to look for; a pattern's `value` is its index here.
    thorough
        Also reversed, in rot13 and by character codes.
    """
    for index, value in enumerate(values):
        # Words and numbers may be parts of longer ones, which do not end here.
        if value.word or not any(c.isalpha() for c in value.text):
            continue
        seen = set()
        for name, text in _forms(value.text, thorough):
            content = bare(text.encode("utf-8", "surrogateescape"))
            if len(content) >= _SHORTEST and content not in seen:
                seen.add(content)
                yield Pattern(content, index, name, ANYTHING)


def _forms(text: str, thorough: bool) -> Iterator[tuple[str, str]]:
    yield "separated letters", text
    yield "at and dot", text.replace("@", "at")
    yield "at and dot", text.replace("@", "at").replace(".", "dot")
    if not thorough:
        return
    yield "reversed", bare(text.encode("utf-8", "surrogateescape")).decode()[::-1]
    yield "rot13", codecs.encode(text, "rot13")
    raw = text.encode("utf-8", "surrogateescape")
    yield "hexadecimal", raw.hex()
    for name, code in _CODES.items():
        yield name, "".join(map(code, raw))
        yield name, "".join(code(ord(c)) if ord(c) < 0x10000 else c for c in text)
        yield name, "".join(c if c.isalnum() and c.isascii() else code(ord(c)) for c in text)
        yield name, text.replace("@", code(ord("@")))
