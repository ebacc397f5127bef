"""Search bytes for the subject, in any packing."""

from __future__ import annotations

import re

from quickstack.data.unpacking.buffers import Buffer
from quickstack.data.unpacking.unpack import Opened, pieces
from quickstack.guard.erasing.subject import Subject

_OUTSIDE = rb"0-9A-Za-z_"


class Finder:
    """Looks for a subject's pseudonyms and, where asked, for their raw values as whole words.

    Attributes
    ----------
    unread
        How many contents, or parts of them, could not be opened and were looked at as bytes only.
    """

    def __init__(self, subject: Subject) -> None:
        self.unread = 0
        words = b"|".join(re.escape(value) for value in subject.raw_needles)
        tokens = b"|".join(re.escape(token) for token in subject.needles) or rb"(?!)"
        self._tokens = re.compile(tokens)
        self._both = self._tokens
        if words:
            self._both = re.compile(
                tokens + rb"|(?<![" + _OUTSIDE + rb"])(?:" + words + rb")(?![" + _OUTSIDE + rb"])"
            )

    def finds(self, content: Buffer, *, raw: bool) -> bool:
        """Return whether a file's content holds the subject.

        Parameters
        ----------
        raw
            Whether their raw values count, too.
        """
        opened = Opened()
        found = any(self.in_text(piece, raw=raw) for _, piece in pieces(content, opened))
        # A file that holds the subject counts as found, not as unread.
        self.unread += 0 if found else len(opened.unread)
        return found

    def in_text(self, content: Buffer, *, raw: bool) -> bool:
        """Return whether bytes hold the subject, as they are."""
        return (self._both if raw else self._tokens).search(content) is not None
