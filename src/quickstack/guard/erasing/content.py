"""Search bytes for the subject, in any packing."""

from __future__ import annotations

import codecs
import re
import string
from collections.abc import Iterable, Iterator
from typing import Any, AnyStr

from quickstack.data.privacy.normal_form import folded, is_code
from quickstack.data.unpacking.buffers import Buffer
from quickstack.data.unpacking.unpack import Opened, pieces
from quickstack.guard.erasing.subject import Subject

#: What a word goes on with: the letters of `\\w` in a pattern of bytes.
_OUTSIDE: dict[type, Any] = {
    str: string.ascii_letters + string.digits + "_",
    bytes: (string.ascii_letters + string.digits + "_").encode(),
}
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
#: Bytes within a letter of UTF-8.
_INNER = bytes(range(0x80, 0xC0))
#: Bytes that are looked at together, and how many of them again with the next: no value is longer.
_WINDOW, _OVERLAP = 1 << 20, 1 << 12


class Finder:
    """Looks for a subject's pseudonyms and, where asked, for their raw values as whole words.

    Case and Unicode spelling of a value count for nothing.

    Attributes
    ----------
    distinctive
        As of the subject.
    unread
        How many contents, or parts of them, could not be opened and were looked at as bytes only.
    unopened
        The names of those contents.
    """

    def __init__(self, subject: Subject) -> None:
        self.unread = 0
        self.unopened: list[str] = []
        self.distinctive = subject.distinctive
        tokens = (re.escape(token) for token in subject.needles)
        self._tokens = re.compile(b"|".join(tokens) or rb"(?!)")
        encoded = {e for text in subject.spellings for e in _encoded(text, subject.encodings)}
        self._bytes = re.compile(b"(?:%b)(?!\\w)" % (b"|".join(sorted(encoded)) or b"(?!)"))
        texts = {_parts(folded(text)) for text in subject.spellings}
        self._text = re.compile(f"(?:{'|'.join(sorted(texts)) or '(?!)'})(?![0-9A-Za-z_])")

    def finds(self, content: Buffer, *, raw: bool, name: str = "") -> bool:
        """Return whether a file's content holds the subject.

        Parameters
        ----------
        raw
            Whether their raw values count, too.
        name
            Of the content, for people.
        """
        opened = Opened()
        found = any(self.in_text(piece, raw=raw) for _, piece in pieces(content, opened))
        # A file that holds the subject counts as found, not as unread.
        if opened.unread and not found:
            self.unread += len(opened.unread)
            self.unopened.append(name)
        return found

    def in_text(self, content: Buffer, *, raw: bool) -> bool:
        """Return whether bytes hold the subject, as they are."""
        if self._tokens.search(content):
            return True
        return raw and any(self._in_window(window) for window in _windows(content))

    def _in_window(self, window: bytes) -> bool:
        if _has_word(self._bytes, window.lower()):
            return True
        escaped = b"\\u" in window
        if window.isascii() and not escaped:
            return False
        try:  # the window may begin and end within a letter
            text = codecs.utf_8_decode(window.lstrip(_INNER), "strict", False)[0]
        except UnicodeDecodeError:
            return False
        if escaped:  # as JSON writes other letters than those of ASCII
            text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        return _has_word(self._text, folded(text))


def _windows(content: Buffer) -> Iterator[bytes]:
    for start in range(0, max(len(content), 1), _WINDOW):
        yield bytes(content[start : start + _WINDOW + _OVERLAP])


def _has_word(pattern: re.Pattern[AnyStr], text: AnyStr) -> bool:
    """Return whether a pattern matches where no word goes on; a look behind would be slow."""
    found = pattern.search(text)
    while found and found.start() and text[found.start() - 1] in _OUTSIDE[type(text)]:
        found = pattern.search(text, found.start() + 1)
    return found is not None


def _parts(text: str) -> str:
    """Return a pattern in which the blanks within a text count as they do in normal forms."""
    joint = r"\s" + ("*" if is_code(text) else "+")
    return joint.join(re.escape(part) for part in text.split())


def _encoded(text: str, encodings: Iterable[str]) -> Iterator[bytes]:
    """Yield patterns of bytes in lower case, as `bytes.lower` makes it."""
    for encoding in encodings:
        try:
            space, *parts = (
                part.encode(encoding).removeprefix(b"\xff\xfe") for part in (" ", *text.split())
            )
        except (UnicodeEncodeError, LookupError):
            continue
        blank = rb"\s" if space == b" " else b"(?:" + re.escape(space) + b")"
        joint = blank + (b"*" if is_code(text) else b"+")
        yield joint.join(re.escape(part.lower()) for part in parts)
