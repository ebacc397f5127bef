"""A real server on loopback that does wrong whatever S3 or HTTP request it is sent."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PAGE = b"<html><body>Welcome to our portal</body></html>"
_ERROR = '<?xml version="1.0"?><Error><Code>{0}</Code><Message>no</Message>{1}</Error>'


def _answer(status: str, body: bytes, kind: str = "application/xml", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode() + body


def _error(status: str, code: str, more: str = "", *headers: str) -> bytes:
    return _answer(status, _ERROR.format(code, more).encode(), "application/xml", *headers)


#: What each answers; None says nothing, and the first two are not answers at once.
ANSWERS: dict[str, bytes | None] = {
    "hangs": None,
    "drips": _answer("200 OK", b"<" * 200),
    "resets": b"",
    "answers 500": _error("500 Internal Server Error", "InternalError"),
    "web page": _answer("200 OK", PAGE, "text/html"),
    "other region": _error(
        "301 Moved Permanently", "PermanentRedirect", "<Bucket>b</Bucket>",
        "x-amz-bucket-region: eu-north-1",
    ),
    "wrong keys": _error("403 Forbidden", "InvalidAccessKeyId"),
    "no bucket": _error("404 Not Found", "NoSuchBucket"),
}  # fmt: skip


@contextmanager
def listening(behaviour: str) -> Iterator[str]:
    """Serve so until the end of the block; give the address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        ended = threading.Event()
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                taken.append(connection)
                threading.Thread(
                    target=_behave, args=(behaviour, connection, ended.wait), daemon=True
                ).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()
        for connection in taken:
            connection.close()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _behave(
    behaviour: str, connection: socket.socket, ended: Callable[[float | None], bool]
) -> None:
    answer = ANSWERS[behaviour]
    with suppress(OSError), connection:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(1 << 16)
            if not piece:
                return
            request += piece
        if answer is None:
            ended(None)
        elif behaviour == "drips":
            for byte in answer:
                connection.sendall(bytes([byte]))
                if ended(1):
                    return
        elif not answer:  # a reset, not an end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            if request.startswith(b"HEAD"):
                answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            connection.sendall(answer)
