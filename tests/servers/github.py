"""Comments of one pull request, over HTTP as GitHub's API gives them.

It stands for GitHub, which cannot run here; the paths, fields and codes are those of its REST
documentation (issues/comments).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "test-token"


@dataclass
class GitHub:
    """What is on the pull request; `may_write` is false for the token of a fork."""

    may_write: bool = True
    comments: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def environment(self, summary: str) -> dict[str, str]:
        """Return what the workflow's step is given; `summary` in base64."""
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self.port}",
            "GITHUB_REPOSITORY": "team/project",
            "GITHUB_TOKEN": TOKEN,
            "NUMBER": "7",
            "SUMMARY": summary,
        }

    def add(self, body: str, kind: str = "Bot") -> dict[str, Any]:
        comment = {"id": len(self.comments) + 1000, "body": body, "user": {"type": kind}}
        self.comments.append(comment)
        return comment


class _Handler(BaseHTTPRequestHandler):
    state: GitHub

    def log_message(self, *_: Any) -> None: ...

    def answer(self, code: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def document(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def allowed(self) -> bool:
        if self.headers["Authorization"] != f"Bearer {TOKEN}" or not self.state.may_write:
            self.answer(403, {"message": "Resource not accessible by integration"})
            return False
        return True

    def do_GET(self) -> None:
        asked = re.fullmatch(
            r"/repos/team/project/issues/7/comments\?per_page=(\d+)&page=(\d+)", self.path
        )
        if asked is None:
            return self.answer(404, {})
        size, page = int(asked[1]), int(asked[2])
        return self.answer(200, self.state.comments[(page - 1) * size : page * size])

    def do_POST(self) -> None:
        document = self.document()
        if self.path != "/repos/team/project/issues/7/comments":
            self.answer(404, {})
        elif self.allowed():
            self.answer(201, self.state.add(document["body"]))

    def do_PATCH(self) -> None:
        document, number = self.document(), self.path.rpartition("/")[2]
        for comment in self.state.comments:
            if self.path == f"/repos/team/project/issues/comments/{comment['id']}":
                if self.allowed():
                    comment["body"] = document["body"]
                    self.answer(200, comment)
                return
        self.answer(404, {"number": number})


@contextmanager
def running(state: GitHub) -> Iterator[GitHub]:
    """Serve the pull request on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
