"""Land one file by HTTP(S), beside a record of where and when it came from."""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from quickstack.data.landing.landing_progress import Landed, LandingProgress, readable
from quickstack.data.landing.secret import shown_url
from quickstack.data.landing.snapshot import (
    PART_SUFFIX,
    Landing,
    check_room,
    described,
    put_in_place,
    read_record,
    stands,
)
from quickstack.facts.errors import SourceError
from quickstack.facts.files import write_json
from quickstack.facts.formats import bare_name
from quickstack.runtime.stores.diagnosis import patience
from quickstack.runtime.stores.object_stores import within

if TYPE_CHECKING:
    import urllib3


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
            _ = parts.port  # raises ValueError where it is not a number
        except ValueError:
            wrong = True
        if wrong or re.search(r"[\s\x00-\x1f]", self.url):
            raise SourceError("this is not an address", fix="write http://HOST/FILE or https://…")
        if "@" in parts.netloc:
            raise SourceError(
                "the address holds a user name or password, which the shell's history keeps",
                fix="put the header `Authorization: Basic …` into a variable, and name it with "
                "--header-variable",
            )
        if self.sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", self.sha256):
            raise SourceError(
                "this is not a SHA-256", where="--sha256", fix="write its 64 hexadecimal digits"
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


#: How long the next bytes of a file that has begun are waited for.
READ_SECONDS = 30.0
REDIRECTS = 10
_REDIRECT = {301, 302, 303, 307, 308}
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_STATUS = {
    401: ("the server wants credentials", "give them with --header-variable"),
    403: ("the server refuses access", "check the credentials in --header-variable"),
    404: ("the server has no such file", "correct the address"),
    407: ("the proxy wants credentials", "put them into HTTPS_PROXY"),
    410: ("the file is gone for good", "ask its owner for the new address"),
    429: ("the server has had too many requests from here", "land again later"),
}


class AgainError(Exception):
    """A failure that another attempt may mend.

    Attributes
    ----------
    error
        What it is where no attempt mends it.
    anew
        Whether what arrived so far is of no use.
    seconds
        How long the server asks to wait; 0 where it does not say.
    """

    def __init__(self, error: SourceError, *, anew: bool = False, seconds: float = 0) -> None:
        super().__init__(error.what)
        self.error, self.anew, self.seconds = error, anew, seconds


@contextmanager
def opened_response(
    url: str, headers: dict[str, str], secret: dict[str, str], checked: bool
) -> Iterator[urllib3.BaseHTTPResponse]:
    """Give the response, its body unread, with a status of 200, 206 or 304.

    Parameters
    ----------
    secret
        Headers that go to the server of `url` only, not to those it redirects to.
    checked
        Whether the file's hash is known, so that a redirect may leave TLS.

    Raises
    ------
    SourceError
        Where another attempt would not help.
    AgainError
        Where it may.
    """
    import urllib3

    where = shown_url(url)
    try:
        response = _follow(url, headers, secret, checked)
        try:
            _check_status(response, where)
            yield response
        finally:
            response.close()
    except urllib3.exceptions.HTTPError as error:
        raise _failure(error, where) from None
    except OSError as error:
        # A connection that is reset while its body is read; those of files are no network's.
        if isinstance(error, SourceError) or not isinstance(error, ConnectionError | ssl.SSLError):
            raise
        raise _failure(error, where) from None


def _follow(
    url: str, headers: dict[str, str], secret: dict[str, str], checked: bool
) -> urllib3.BaseHTTPResponse:
    import urllib3

    begun, first = shown_url(url), urlsplit(url)
    timeout = urllib3.Timeout(connect=patience(), read=READ_SECONDS)
    for _ in range(REDIRECTS):
        parts = urlsplit(url)
        own = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        asked = partial(
            _pool(url).request,
            "GET", url, headers={**headers, **(secret if own else {})}, timeout=timeout,
            retries=False, redirect=False, preload_content=False,
        )  # fmt: skip
        try:
            response = within(patience() + 0.2, asked)
        except TimeoutError:
            raise SourceError(
                f"the server takes the connection and does not answer within {patience():g} s",
                where=shown_url(url),
                fix="land again later; for a slow server, set QUICKSTACK_PATIENCE=60",
            ) from None
        target = response.headers.get("Location")
        if response.status not in _REDIRECT or not target:
            return response
        response.close()
        url = urljoin(url, target)
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise SourceError(
                "the server redirects to something other than http or https",
                where=begun,
                fix="find out the file's real address",
            )
        if parts.scheme == "https" and scheme == "http" and not checked:
            raise SourceError(
                "the server redirects from https to http, where anybody may change the file",
                where=begun,
                fix="give its --sha256, or its real address",
            )
    raise SourceError("the redirects do not end", where=begun, fix="correct the address")


def _pool(url: str) -> Any:
    """Return what makes the connection: directly, or through the proxy of the environment."""
    import urllib3

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc):
        return urllib3.PoolManager()
    found = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
    headers = urllib3.make_headers(proxy_basic_auth=found.auth) if found.auth else None
    return urllib3.ProxyManager(found._replace(auth=None).url, proxy_headers=headers)


def _check_status(response: urllib3.BaseHTTPResponse, where: str) -> None:
    status = response.status
    if status in (200, 206, 304):
        return
    what, fix = _STATUS.get(
        status,
        (f"the server answers with status {status}", "try the address in a browser")
        if status < 500
        else (f"the server is out of order (status {status})", "land again later"),
    )
    error = SourceError(what, where=where, fix=fix)
    if status == 416:  # the part is longer than the file is now
        raise AgainError(error, anew=True)
    if status in _AGAIN:
        wait = response.headers.get("Retry-After", "")
        raise AgainError(error, seconds=float(wait) if wait.isdigit() else 0)
    raise error


def _failure(error: Exception, where: str) -> Exception:
    """Say what a failed connection means; the library's own words may quote the whole address."""
    import urllib3.exceptions as e

    cause = getattr(error, "original_error", None) or error
    if isinstance(cause, e.LocationValueError | e.LocationParseError | e.InvalidHeader):
        return SourceError("the address or a header is not valid", where=where, fix="correct it")
    again = True
    match cause:
        case e.NameResolutionError():
            what, fix, again = "the server's name is unknown", "correct it, check VPN", False
        case e.NewConnectionError():
            what, fix = "nothing listens at this address", "correct host and port, check VPN"
        case e.ConnectTimeoutError():
            what = f"the server cannot be reached within {patience():g} s"
            fix = "check network and VPN"
        case e.ReadTimeoutError():
            what = f"the server sent nothing for {READ_SECONDS:.0f} s"
            fix = "land again: it continues there"
        case e.SSLError() | ssl.SSLError():
            what, again = "the server offers no trusted TLS connection", False
            fix = "set SSL_CERT_FILE to your company's certificates"
        case e.ProxyError():
            what, fix = "the proxy does not answer", "correct HTTP_PROXY, HTTPS_PROXY or NO_PROXY"
        case _:
            what, fix = "the connection broke off", "land again: it continues there"
    made = SourceError(what, where=where, fix=fix)
    return AgainError(made) if again else made


TRIES = 6
_CHUNK = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


#: How a retry waits.
pause = time.sleep


def fetch(
    landing: Landing,
    download: Download,
    known: Version | None,
    *,
    progress: LandingProgress,
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
    part = _Part(landing, download)
    tries, began, first = 0, time.monotonic(), True
    while True:
        before = part.size
        try:
            return _attempt(part, download, known, landing, progress)
        except AgainError as again:
            grown = part.size > before and not again.anew
            tries = 1 if grown else tries + 1
            first = first and not grown
            if tries >= TRIES or part.begun >= TRIES:
                raise again.error from None
            if again.anew:
                part.forget()
            seconds = min(60.0, again.seconds or 2.0 ** (tries - 1))
            # Before anything arrives, the answer is due.
            if first and time.monotonic() - began + seconds > patience():
                raise again.error from None
            progress.say(
                f"{again.error.what}; again in {seconds:.0f} s, from {readable(part.size)}"
            )
            pause(seconds)


class _Part:
    """The beginning of a file, and the version it is of."""

    def __init__(self, landing: Landing, download: Download) -> None:
        self.path = landing.staging / f"file{PART_SUFFIX}"
        self.state = landing.staging / f"file{PART_SUFFIX}.json"
        self.url = download.shown
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
    part: _Part,
    download: Download,
    known: Version | None,
    landing: Landing,
    progress: LandingProgress,
) -> tuple[Path, Version] | None:
    start, condition = part.size, part.version.range_header(download.url)
    if part.version.total is not None and start == part.version.total and start:
        return part.path, part.version
    headers = {"Accept-Encoding": "identity", "User-Agent": "quickstack"}
    if start and condition:
        headers |= {"Range": f"bytes={start}-", "If-Range": condition}
    elif known:
        headers |= known.condition(download.url)
    with opened_response(
        download.url, headers, download.headers(), bool(download.sha256)
    ) as response:
        if response.status == 304:
            return None
        if response.status == 206:
            _check_range(response, part, start)
            progress.say(f"continuing from {readable(start)}")
        else:
            if start:
                progress.say("the file has changed, or cannot be continued: from its beginning")
            start = 0
            length = response.headers.get("Content-Length", "")
            part.begin(Version.of(response.headers, int(length) if length.isdigit() else None))
        _check(response, part.version.total, download, landing, start)
        progress.advance(start - part.told, part.version.total)
        part.told = start
        _receive(response, part, download, progress)
    if part.version.total is not None and part.size != part.version.total:
        raise AgainError(_broken_off(download), anew=part.size > part.version.total)
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


def _check(
    response: Any, total: int | None, download: Download, landing: Landing, start: int
) -> None:
    """Refuse what is not worth transferring."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    name = PurePosixPath(urlsplit(download.url).path).name
    if kind == "text/html" and bare_name(name) != name:
        raise SourceError(
            "the server sends a web page in place of the data, often one to log in",
            where=download.shown,
            fix="open the address in a browser; give credentials with --header-variable",
        )
    if total is not None:
        if total > download.limit:
            raise _too_large(download)
        check_room(landing, total - start)
    elif not download.sha256 and not response.chunked:
        raise SourceError(
            "the server does not say how long the file is, so a part of it would pass for all",
            where=download.shown,
            fix="give its --sha256",
        )


def _receive(response: Any, part: _Part, download: Download, progress: LandingProgress) -> None:
    size = part.size
    with part.path.open("ab") as file:
        for chunk in response.stream(_CHUNK, decode_content=False):
            size += len(chunk)
            if size > download.limit:
                file.close()
                part.forget()
                raise _too_large(download)
            file.write(chunk)
            part.told += len(chunk)
            progress.advance(len(chunk), part.version.total)


def _too_large(download: Download) -> SourceError:
    return SourceError(
        f"the file is larger than {readable(download.limit)}",
        where=download.shown,
        fix="set --max-bytes",
    )


def _broken_off(download: Download) -> SourceError:
    return SourceError(
        "the file ended before the length that the server announced",
        where=download.shown,
        fix="land again: it continues there",
    )


KIND = "http"


def land_http(landing: Landing, download: Download, *, progress: LandingProgress) -> Landed:
    """Land a file, which takes the place of its earlier version.

    Raises
    ------
    SourceError
        Where it cannot be had, or is not the one that `sha256` names.
    """
    record = read_record(landing, KIND)
    before = record["files"][0] if record else None
    known = None
    if record and before and record["source"] == download.shown and stands(landing, before):
        known = Version(record["etag"], record["last_modified"])
    if before and download.sha256 and download.sha256.lower() != before["sha256"]:
        known = None
    found = fetch(landing, download, known, progress=progress)
    if found is None:
        return Landed((), "unchanged: the server has the same file as before")
    part, version = found
    file = described(part, landing.name)
    if download.sha256 and download.sha256.lower() != file["sha256"]:
        part.unlink()
        raise SourceError(
            f"the file has another SHA-256 than was given: {file['sha256']}",
            where=download.shown,
            fix="ask the file's owner which one is right",
        )
    if before and before["sha256"] == file["sha256"] and stands(landing, before):
        part.unlink()
        return Landed((), "unchanged: the same bytes as before")
    os.replace(part, landing.staging / "file")
    (landing.staging / f"file{PART_SUFFIX}.json").unlink(missing_ok=True)
    new_record = {
        "kind": KIND,
        "source": download.shown,
        "etag": version.etag,
        "last_modified": version.modified,
        "files": [file],
    }
    put_in_place(landing, new_record, {"file": landing.name})
    summary = f"{readable(file['bytes'])}, sha256 {file['sha256']}"
    return Landed((landing.shown(landing.folder / landing.name),), summary)
