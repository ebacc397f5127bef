"""A real web server on loopback that misbehaves as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """One file and how it is served.

    Attributes
    ----------
    cuts
        After how many bytes of a body the connection is dropped, one answer each.
    failures
        Statuses that are answered before the file is, one each.
    change_after_cut
        What the file becomes when the first connection was dropped.
    """

    content: bytes = b""
    etag: str | None = '"v1"'
    modified: str | None = None
    kind: str = "text/csv"
    cuts: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    change_after_cut: bytes | None = None
    ranges: bool = True
    ignores_if_range: bool = False
    length: int | None = -1
    redirect: str | None = None
    slow: float = 0
    port: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)

    def url(self, path: str = "orders.csv") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def starts(self) -> list[str]:
        """Where each request asked the body to begin."""
        return [request.get("Range", "-") for request in self.requests]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            site.requests.append(dict(self.headers))
            if site.redirect and self.path.startswith("/orders"):
                self.answer(302, {"Location": site.redirect})
            elif site.failures:
                self.answer(site.failures.pop(0), dict(site.headers))
            elif site.etag and self.headers.get("If-None-Match") == site.etag:
                self.answer(304, {"ETag": site.etag})
            else:
                self.file()

        def answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def file(self) -> None:
            start, content = 0, site.content
            asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
            same = condition in (None, site.etag or "-", site.modified or "-")
            partial = asked and site.ranges and (same or site.ignores_if_range)
            if partial:
                start = int(str(asked).removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if partial else 200)
            self.send_header("Content-Type", site.kind)
            if partial:
                last, total = len(content) - 1, len(content)
                self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
            if site.length is not None:
                announced = len(content) - start if site.length < 0 else site.length
                self.send_header("Content-Length", str(announced))
            for name, value in (("ETag", site.etag), ("Last-Modified", site.modified)):
                if value:
                    self.send_header(name, value)
            self.end_headers()
            body = content[start:]
            cut = site.cuts.pop(0) if site.cuts else None
            time.sleep(site.slow)
            self.wfile.write(body[:cut])
            if cut is not None or (site.length is not None and site.length > len(body)):
                self.close_connection = True
            if site.length is None:
                self.close_connection = True
            if cut is not None and site.change_after_cut is not None:
                site.content, site.change_after_cut = site.change_after_cut, None
                site.etag = '"v2"' if site.etag else None

    return Handler


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that leaves in the middle is what is tested."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site until the end of the block."""
    server = _Quiet(("127.0.0.1", 0), _handler(site))
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
