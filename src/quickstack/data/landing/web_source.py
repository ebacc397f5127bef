"""What is asked of a web server, and how it names the version that it has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from quickstack.data.landing.secret import shown_url
from quickstack.facts.errors import SourceError


@dataclass(frozen=True)
class Download:
    """What is asked for; address and header may be secret, and are never shown.

    Attributes
    ----------
    header
        One line, `Name: value`; a value alone is that of Authorization.
    sha256
        What the file must have, in hexadecimal digits.
    limit
        The most bytes that are taken.
    """

    url: str = field(repr=False)
    header: str | None = field(default=None, repr=False)
    sha256: str | None = None
    limit: int = 10**10

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            wrong = parts.scheme not in ("http", "https") or not parts.hostname
            _ = parts.port  # raises ValueError where it is no number
        except ValueError:
            wrong = True
        if wrong or re.search(r"[\s\x00-\x1f]", self.url):
            raise SourceError("this is no address", fix="write http://HOST/FILE or https://…")
        if "@" in parts.netloc:
            raise SourceError(
                "the address holds a user name or password, which the shell's history keeps",
                fix="put the header `Authorization: Basic …` into a variable, and name it with "
                "--header-variable",
            )
        if self.sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", self.sha256):
            raise SourceError(
                "this is no SHA-256", where="--sha256", fix="write its 64 hexadecimal digits"
            )

    @property
    def shown(self) -> str:
        """The address without what may be secret."""
        return shown_url(self.url)

    @property
    def file_name(self) -> str:
        """The name that the file gets where none is given."""
        name = unquote(urlsplit(self.url).path.rpartition("/")[2])
        if not name:
            raise SourceError("the address ends in no file", where=self.shown, fix="add --name")
        return name

    def headers(self) -> dict[str, str]:
        """Return the header as it is sent."""
        if not self.header:
            return {}
        name, colon, value = self.header.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()):
            name, value = "Authorization", self.header
        return {name.strip(): value.strip()}


@dataclass(frozen=True)
class Version:
    """What a server says by which a version of a file is known, and its bytes."""

    etag: str | None = None
    modified: str | None = None
    total: int | None = None

    @classmethod
    def of(cls, headers: Any, total: int | None) -> Version:
        """Read it from a response's headers."""
        return cls(headers.get("ETag"), headers.get("Last-Modified"), total)

    def range_header(self, url: str) -> str | None:
        """Return what If-Range may hold: a strong ETag, or a date; None where neither is there."""
        if self.etag:
            return None if self.etag.startswith("W/") else self.etag
        # With a query, another file of the same path may have the same date.
        return None if urlsplit(url).query else self.modified

    def condition(self, url: str) -> dict[str, str]:
        """Return the header that asks for other versions only."""
        if self.etag:
            return {"If-None-Match": self.etag}
        if self.modified and not urlsplit(url).query:
            return {"If-Modified-Since": self.modified}
        return {}
