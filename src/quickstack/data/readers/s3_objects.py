"""Read an object on S3 where it lies, and only the version that is pinned."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from quickstack.data.readers.partitions import Partition
from quickstack.facts.errors import SourceError

#: What is asked for at first after a jump, in bytes, and at most; a request costs tens of
#: milliseconds, and what is not used of an answer is paid for all the same.
_FIRST, _MOST = 1 << 20, 64 << 20
#: Attempts in a row that bring nothing, and the pauses between them, which add up to 6 s.
_ATTEMPTS = 6
_PAUSE = 0.2
_READ_SECONDS = 30
_AGAIN = "run `quickstack land` again"


@contextmanager
def open_object(partition: Partition) -> Iterator[BinaryIO]:
    """Open a pinned object as a seekable stream.

    Address and keys come from where every AWS client takes them: `AWS_ENDPOINT_URL`, the AWS
    variables, a profile. A dropped connection is taken up where it broke off.

    Raises
    ------
    SourceError
        On opening or on reading: the object is missing, has another content than was pinned, may
        not be read, or the server cannot be used.
    """
    source = ObjectStream(partition)
    try:
        yield io.BufferedReader(source, _FIRST)
    finally:
        source.drop()


class ObjectStream(io.RawIOBase):
    """The bytes of one pinned object, asked for range by range.

    Parameters
    ----------
    partition
        With its `url`, `etag` and `size`.
    """

    def __init__(self, partition: Partition) -> None:
        from quickstack.runtime.stores.remotes import Remote

        self.partition = partition
        bucket, _, self._key = (partition.url or "").removeprefix("s3://").partition("/")
        self._remote = Remote(bucket, bucket, "", {}, local_keys=False)
        self._position, self._ahead = 0, 0
        self._body: Any = None
        self._left = 0
        self._client: Any = self._asked(self._make_client)

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
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.partition.size}
        target = max(0, base[whence] + offset)
        if target != self._position:
            self.drop()
            self._position, self._ahead = target, 0
        return target

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one answer goes."""
        wanted = min(len(buffer), self.partition.size - self._position)
        if wanted <= 0:
            if self.partition.size == 0:
                self._asked(lambda: self._request("HEAD"))
            return 0
        data = self._asked(lambda: self._read(wanted))
        buffer[: len(data)] = data
        self._position += len(data)
        self._left -= len(data)
        if self._left <= 0:
            self.drop()
        return len(data)

    def drop(self) -> None:
        """Give up the answer that is being read."""
        if self._body is not None:
            with suppress(Exception):
                self._body.close()
        self._body = None

    def _read(self, wanted: int) -> bytes:
        if self._body is None:
            self._ahead = min(_MOST, max(4 * self._ahead, _FIRST, wanted))
            self._left = min(self._ahead, self.partition.size - self._position)
            self._body = self._request("GET")["Body"]
        data = self._body.read(wanted)
        if not data:
            raise ConnectionError
        return bytes(data)

    def _request(self, kind: str) -> Any:
        partition = self.partition
        options = {"Bucket": self._remote.bucket, "Key": self._key}
        if partition.version is not None:
            options["VersionId"] = partition.version
        if kind == "HEAD":
            answer = self._client.head_object(**options)
            size = answer["ContentLength"]
        else:
            last = self._position + self._left - 1
            answer = self._client.get_object(
                **options, IfMatch=f'"{partition.etag}"', Range=f"bytes={self._position}-{last}"
            )
            size = int(str(answer.get("ContentRange", "")).rpartition("/")[2] or -1)
        # Not every server heeds IfMatch.
        if str(answer.get("ETag", "")).strip('"') != partition.etag or size != partition.size:
            if kind == "GET":
                answer["Body"].close()
            raise self._changed()
        return answer

    def _asked(self, call: Callable[[], Any]) -> Any:
        """Call, again where the connection broke; what cannot be helped ends as a sentence."""
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return call()
            except SourceError:
                raise
            except (BotoCoreError, ClientError, OSError, ValueError) as error:
                self.drop()
                if attempt == _ATTEMPTS or not _passes(error):
                    raise self._sentence(error) from None
            except Exception as error:  # urllib3's own, which botocore lets through
                self.drop()
                if attempt == _ATTEMPTS:
                    raise self._sentence(error) from None
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        raise AssertionError

    def _make_client(self) -> Any:
        import boto3
        from botocore.config import Config

        from quickstack.runtime.stores.remotes import SECONDS, session

        return boto3.Session(botocore_session=session(self._remote)).client(
            "s3",
            config=Config(
                connect_timeout=SECONDS,
                read_timeout=_READ_SECONDS,
                # It is tried again here, where what was read already is not lost.
                retries={"total_max_attempts": 1},
            ),
        )

    def _sentence(self, error: BaseException) -> SourceError:
        from quickstack.runtime.stores.diagnosis import explain

        where = self.partition.shown
        match _code(error):
            case "NoSuchKey" | "404" | "NoSuchVersion" | "405":
                return SourceError(
                    "the object, or its bucket, is missing on S3",
                    where=where,
                    fix=f"upload it again, or {_AGAIN}",
                )
            case "412" | "PreconditionFailed" | "416" | "InvalidRange":
                return self._changed()
            case "NoSuchBucket":
                return SourceError(
                    "the bucket does not exist",
                    where=where,
                    fix=f"check the server's address (AWS_ENDPOINT_URL), or {_AGAIN}",
                )
        trouble = explain(error, self._remote, action="read")
        return SourceError(trouble.what, where=where, fix=trouble.fix)

    def _changed(self) -> SourceError:
        return SourceError(
            "the object has changed since it was pinned", where=self.partition.shown, fix=_AGAIN
        )


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or "")


def _passes(error: BaseException) -> bool:
    """Return whether another attempt may go better: not where the server has said no."""
    code = _code(error)
    if code:
        return code in ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout") or (
            code.isdigit() and int(code) >= 500
        )
    return type(error).__name__ in (
        "ConnectionError", "ConnectionClosedError", "ConnectionResetError", "ConnectTimeoutError",
        "EndpointConnectionError", "HTTPClientError", "IncompleteReadError", "ReadTimeoutError",
        "ResponseStreamingError", "IncompleteRead", "ProtocolError", "TimeoutError",
    )  # fmt: skip
