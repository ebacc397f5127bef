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


class _Handler(BaseHTTPRequestHandler):
    site: Site

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.site.requests.append(dict(self.headers))
        if self.site.redirect and self.path.startswith("/orders"):
            self.answer(302, {"Location": self.site.redirect})
        elif self.site.failures:
            self.answer(self.site.failures.pop(0), dict(self.site.headers))
        elif self.site.etag and self.headers.get("If-None-Match") == self.site.etag:
            self.answer(304, {"ETag": self.site.etag})
        else:
            self.file()

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def file(self) -> None:
        start, content = 0, self.site.content
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        same = condition in (None, self.site.etag or "-", self.site.modified or "-")
        partial = asked and self.site.ranges and (same or self.site.ignores_if_range)
        if partial:
            start = int(str(asked).removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if partial else 200)
        self.send_header("Content-Type", self.site.kind)
        if partial:
            last, total = len(content) - 1, len(content)
            self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
        if self.site.length is not None:
            announced = len(content) - start if self.site.length < 0 else self.site.length
            self.send_header("Content-Length", str(announced))
        for name, value in (("ETag", self.site.etag), ("Last-Modified", self.site.modified)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.body(content[start:])

    def body(self, body: bytes) -> None:
        cut = self.site.cuts.pop(0) if self.site.cuts else None
        time.sleep(self.site.slow)
        self.wfile.write(body[:cut])
        if cut is not None or (self.site.length is not None and self.site.length > len(body)):
            self.close_connection = True
        if self.site.length is None:
            self.close_connection = True
        if cut is not None and self.site.change_after_cut is not None:
            self.site.content, self.site.change_after_cut = self.site.change_after_cut, None
            self.site.etag = '"v2"' if self.site.etag else None


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that leaves in the middle is what is tested."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site until the end of the block."""
    server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
