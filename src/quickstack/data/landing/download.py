"""Transfer one file by HTTP(S): retried with growing pauses, continued where it broke off.

A part is only continued where the server proves, by If-Range (RFC 9110, section 13.1.5), that the
file is still the one whose beginning lies here; otherwise the transfer begins anew.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.data.landing.landing_progress import Watch, readable
from quickstack.data.landing.request import AgainError, opened_response
from quickstack.data.landing.snapshot import PART_SUFFIX, Place, check_room
from quickstack.data.landing.web_source import Download, Version
from quickstack.facts.errors import SourceError
from quickstack.facts.files import write_json

TRIES = 6
_CHUNK = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_DATA = re.compile(r"\.(csv|tsv|txt|jsonl?|ndjson|parquet|xlsx?|gz|bz2|xz|zst|zip)$", re.IGNORECASE)


#: How a retry waits.
pause = time.sleep


def fetch(
    place: Place,
    asked: Download,
    known: Version | None,
    *,
    watch: Watch,
) -> tuple[Path, Version] | None:
    """Transfer a file into the staging folder.

    Parameters
    ----------
    known
        The version that is here already.

    Returns
    -------
    tuple of Path and Version, or None
        The whole file as the server announced it; None where it is the known version.

    Raises
    ------
    SourceError
        Where it cannot be had; the part that arrived stays, to be continued by the next call.
    """
    part = _Part(place, asked)
    tries = 0
    while True:
        before = part.size
        try:
            return _attempt(part, asked, known, place, watch)
        except AgainError as again:
            grown = part.size > before and not again.anew
            tries = 1 if grown else tries + 1
            if tries >= TRIES or part.begun >= TRIES:
                raise again.error from None
            if again.anew:
                part.forget()
            seconds = min(60.0, again.seconds or 2.0 ** (tries - 1))
            watch.say(f"{again.error.what}; again in {seconds:.0f} s, from {readable(part.size)}")
            pause(seconds)


class _Part:
    """The beginning of a file, and the version it is of."""

    def __init__(self, place: Place, asked: Download) -> None:
        self.path = place.staging / f"file{PART_SUFFIX}"
        self.state = place.staging / f"file{PART_SUFFIX}.json"
        self.url = asked.shown
        self.begun = 0  # how often from the beginning
        self.told = 0  # bytes that the progress shows
        self.version = Version()
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
            if state.pop("url") == self.url and self.path.exists():
                self.version = Version(**state)
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.forget()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, version: Version) -> None:
        self.path.write_bytes(b"")
        self.version = version
        self.begun += 1
        write_json(self.state, {"url": self.url, **asdict(version)})

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)
        self.version = Version()


def _attempt(
    part: _Part, asked: Download, known: Version | None, place: Place, watch: Watch
) -> tuple[Path, Version] | None:
    start, condition = part.size, part.version.range_header(asked.url)
    if part.version.total is not None and start == part.version.total and start:
        return part.path, part.version
    headers = {"Accept-Encoding": "identity", "User-Agent": "quickstack"}
    if start and condition:
        headers |= {"Range": f"bytes={start}-", "If-Range": condition}
    elif known:
        headers |= known.condition(asked.url)
    with opened_response(asked.url, headers, asked.headers(), bool(asked.sha256)) as response:
        if response.status == 304:
            return None
        if response.status == 206:
            _check_range(response, part, start)
            watch.say(f"continuing from {readable(start)}")
        else:
            if start:
                watch.say("the file is another one now, or cannot be continued: from its beginning")
            start = 0
            length = response.headers.get("Content-Length", "")
            part.begin(Version.of(response.headers, int(length) if length.isdigit() else None))
        _check(response, part.version.total, asked, place, start)
        watch.advance(start - part.told, part.version.total)
        part.told = start
        _receive(response, part, asked, watch)
    if part.version.total is not None and part.size != part.version.total:
        raise AgainError(_broken_off(asked), anew=part.size > part.version.total)
    return part.path, part.version


def _check_range(response: Any, part: _Part, start: int) -> None:
    """Refuse bytes that do not continue the part, whatever the server says they are."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    now = Version.of(response.headers, None)
    total = int(match[2]) if match and match[2] != "*" else part.version.total
    same = now.etag in (None, part.version.etag) and total == part.version.total
    if not match or int(match[1]) != start or not same:
        error = SourceError(
            "the server continued another file than the one that was begun",
            where=part.url,
            fix="land again",
        )
        raise AgainError(error, anew=True)


def _check(response: Any, total: int | None, asked: Download, place: Place, start: int) -> None:
    """Refuse what is not worth transferring."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and _DATA.search(urlsplit(asked.url).path):
        raise SourceError(
            "the server sends a web page in place of the data, often one to log in",
            where=asked.shown,
            fix="open the address in a browser; give credentials with --header-variable",
        )
    if total is not None:
        if total > asked.limit:
            raise _too_large(asked)
        check_room(place, total - start)
    elif not asked.sha256 and not response.chunked:
        raise SourceError(
            "the server does not say how long the file is, so a part of it would pass for all",
            where=asked.shown,
            fix="give its --sha256",
        )


def _receive(response: Any, part: _Part, asked: Download, watch: Watch) -> None:
    size = part.size
    with part.path.open("ab") as file:
        for chunk in response.stream(_CHUNK, decode_content=False):
            size += len(chunk)
            if size > asked.limit:
                file.close()
                part.forget()
                raise _too_large(asked)
            file.write(chunk)
            part.told += len(chunk)
            watch.advance(len(chunk), part.version.total)


def _too_large(asked: Download) -> SourceError:
    return SourceError(
        f"the file is larger than {readable(asked.limit)}", where=asked.shown, fix="set --max-bytes"
    )


def _broken_off(asked: Download) -> SourceError:
    return SourceError(
        "the file ended before the length that the server announced",
        where=asked.shown,
        fix="land again: it continues there",
    )
