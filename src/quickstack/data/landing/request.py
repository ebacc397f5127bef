"""One HTTP request with its redirects; what goes wrong is a sentence, and may be worth a retry."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from quickstack.data.landing.secret import shown_url
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    import urllib3

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
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
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    for _ in range(REDIRECTS):
        parts = urlsplit(url)
        own = (parts.scheme, parts.netloc) == (first.scheme, first.netloc)
        response = _pool(url).request(
            "GET", url, headers={**headers, **(secret if own else {})}, timeout=timeout,
            retries=False, redirect=False, preload_content=False,
        )  # fmt: skip
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
        return SourceError("the address or a header is none", where=where, fix="correct it")
    again = True
    match cause:
        case e.NameResolutionError():
            what, fix, again = "the server's name is unknown", "correct it, check VPN", False
        case e.NewConnectionError():
            what, fix = "nothing listens at this address", "correct host and port, check VPN"
        case e.ConnectTimeoutError():
            what = f"the server cannot be reached within {CONNECT_SECONDS:.0f} s"
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
