"""Read an object of S3 where it lies, and only the version that is pinned."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from quickstack.runtime.stores.diagnosis import CHANGED, Diagnosis, diagnose, error_code
from quickstack.runtime.stores.s3 import S3Store

T = TypeVar("T")

#: What is asked for at first after a jump, in bytes, and at most; a request costs tens of
#: milliseconds, and what is not used of an answer is paid for all the same.
FIRST, MOST = 1 << 20, 64 << 20
#: The pause after the first attempt that brings nothing; those between six add up to 6 s.
_PAUSE = 0.2
_PASSING = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"}
_BROKEN = {
    "ConnectionError", "ConnectionClosedError", "ConnectionResetError", "ConnectTimeoutError",
    "EndpointConnectionError", "HTTPClientError", "IncompleteReadError", "ReadTimeoutError",
    "ResponseStreamingError", "IncompleteRead", "ProtocolError", "TimeoutError",
}  # fmt: skip


@dataclass(frozen=True)
class Pin:
    """One version of an object: its key, ETag and bytes, and its id where versions are kept."""

    key: str
    etag: str
    size: int
    version: str | None = None


class PinnedObject(io.RawIOBase):
    """The bytes of one pinned object, asked for range by range.

    A dropped connection is taken up where it broke off.

    Parameters
    ----------
    failure
        Makes the exception of what cannot be helped: the object is missing, or has another
        content than was pinned, may not be read, or the server cannot be used.
    attempts
        In a row that bring nothing, beyond those of the store's client.
    """

    def __init__(
        self,
        store: S3Store,
        pin: Pin,
        failure: Callable[[Diagnosis], Exception],
        attempts: int = 6,
    ) -> None:
        self._store, self._pin, self._failure, self._attempts = store, pin, failure, attempts
        self._position, self._ahead = 0, 0
        self._body: Any = None
        self._left = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._pin.size}
        target = max(0, base[whence] + offset)
        if target != self._position:
            self._drop()
            self._position, self._ahead = target, 0
        return target

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one answer goes."""
        wanted = min(len(buffer), self._pin.size - self._position)
        if wanted <= 0:
            if self._pin.size == 0:
                self._retried(self._check_empty)
            return 0
        data = self._retried(lambda: self._read(wanted))
        buffer[: len(data)] = data
        self._position += len(data)
        self._left -= len(data)
        if self._left <= 0:
            self._drop()
        return len(data)

    def close(self) -> None:
        """Give up the answer that is being read."""
        self._drop()
        super().close()

    def _drop(self) -> None:
        if self._body is not None:
            with suppress(Exception):
                self._body.close()
        self._body = None

    def _read(self, wanted: int) -> bytes:
        if self._body is None:
            self._ahead = min(MOST, max(4 * self._ahead, FIRST, wanted))
            self._left = min(self._ahead, self._pin.size - self._position)
            self._body = self._ask()
        data = self._body.read(wanted)
        if not data:
            raise ConnectionError
        return bytes(data)

    def _ask(self) -> Any:
        last = self._position + self._left - 1
        answer = self._store.get(
            self._pin.key,
            IfMatch=f'"{self._pin.etag}"',
            Range=f"bytes={self._position}-{last}",
            **self._options(),
        )
        size = int(str(answer.get("ContentRange", "")).rpartition("/")[2] or -1)
        if self._is_other(answer, size):
            answer["Body"].close()
            raise self._changed()
        return answer["Body"]

    def _check_empty(self) -> None:
        """Compare an empty object, of which no range can be asked for."""
        answer = self._store.get(self._pin.key, **self._options())
        answer["Body"].close()
        if self._is_other(answer, answer["ContentLength"]):
            raise self._changed()

    def _options(self) -> dict[str, str]:
        return {} if self._pin.version is None else {"VersionId": self._pin.version}

    def _is_other(self, answer: Any, size: int) -> bool:
        # Not every server heeds IfMatch.
        return str(answer.get("ETag", "")).strip('"') != self._pin.etag or size != self._pin.size

    def _changed(self) -> _FinalError:
        return _FinalError(self._failure(Diagnosis(CHANGED, "The object has changed", "")))

    def _retried(self, call: Callable[[], T]) -> T:
        """Call, again where the connection broke."""
        for attempt in range(1, self._attempts + 1):
            try:
                return call()
            except _FinalError as error:
                raise error.reason from None
            except Exception as error:  # botocore's own, and urllib3's, which it lets through
                self._drop()
                if attempt == self._attempts or not _passes(error):
                    found = diagnose(error, self._store.remote, action="read")
                    raise self._failure(found) from None
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        raise AssertionError


class _FinalError(Exception):
    """No further attempt would go better."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


def _passes(error: BaseException) -> bool:
    """Return whether another attempt may go better: not where the server has said no."""
    if code := error_code(error):
        return code in _PASSING or (code.isdigit() and int(code) >= 500)
    return type(error).__name__ in _BROKEN
