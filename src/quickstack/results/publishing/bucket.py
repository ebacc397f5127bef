"""A prefix in an S3 bucket as a place that readers look at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from quickstack.results.publishing.headers import ALWAYS_ASK, ENTRY_PAGE, FOREVER, content_type
from quickstack.results.publishing.place import ENTRY, POINTER, FileFacts, Seen, Sent
from quickstack.runtime.stores.remotes import Remote, client

T = TypeVar("T")

_SECONDS, _ATTEMPTS = 20, 5
_PIECE = 1 << 20


class Bucket:
    """A prefix in a bucket; `remote` holds its settings as DVC has them."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._s3: Any = self._asked(
            "use", lambda: client(remote, seconds=_SECONDS, attempts=_ATTEMPTS)
        )

    @property
    def shown(self) -> str:
        """Return its address, `s3://bucket/prefix`."""
        return f"s3://{self._remote.bucket}/{self._remote.prefix}".rstrip("/")

    def address(self, path: str) -> str:
        """Return the address of an object."""
        return f"{self.shown}/{path}"

    def alone(self) -> Any:
        """Lock nothing: S3 has no lock, the conditions of `claim` and `switch` do its work."""
        return nullcontext()

    def read(self, path: str) -> bytes | None:
        """Return a small object; None where there is none."""
        return self._get(path, lambda answer: bytes(answer["Body"].read()))

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of the bytes that a reader gets; None where there is no object."""

        def hashed(answer: Any) -> str:
            found = hashlib.sha256()
            for piece in answer["Body"].iter_chunks(_PIECE):
                found.update(piece)
            return found.hexdigest()

        return self._get(path, hashed)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the objects below a folder and their bytes."""
        prefix = self._remote.key(folder.rstrip("/") + "/")

        def listed() -> dict[str, int]:
            pages = self._s3.get_paginator("list_objects_v2")
            return {
                entry["Key"].removeprefix(prefix): entry["Size"]
                for page in pages.paginate(Bucket=self._remote.bucket, Prefix=prefix)
                for entry in page.get("Contents", ())
            }

        return self._asked("list", listed)

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether an object has the size, and the hash that was noted when it was sent.

        An object appears whole or not at all, so the note is true of its bytes.
        """
        head = self._found(
            lambda: self._s3.head_object(Bucket=self._remote.bucket, Key=self._remote.key(path))
        )
        return (
            head is not None
            and head["ContentLength"] == facts["bytes"]
            and head["Metadata"].get("sha256") == facts["sha256"]
        )

    def claim(self, path: str, source: Path, facts: FileFacts) -> bool:
        """Write an object that is not there yet; False where somebody else has written it."""
        body = source.read_bytes()
        return self._conditional(path, body, FOREVER, facts["sha256"], IfNoneMatch="*")

    def put(self, path: str, source: Path, facts: FileFacts, sent: Sent) -> None:
        """Upload a file, a large one in parts; it appears when the last part is there."""
        extra = {
            "ContentType": content_type(path),
            "CacheControl": FOREVER,
            "Metadata": {"sha256": facts["sha256"]},
        }
        self._asked(
            "write to",
            lambda: self._s3.upload_file(
                str(source),
                self._remote.bucket,
                self._remote.key(path),
                ExtraArgs=extra,
                Callback=sent,
            ),
        )

    def seen(self) -> Seen:
        """Read the pointer and its ETag."""

        def both(answer: Any) -> Seen:
            return Seen(bytes(answer["Body"].read()), answer["ETag"].strip('"'))

        return self._get(POINTER, both) or Seen(None)

    def switch(self, body: bytes, seen: Seen) -> bool:
        """Replace the pointer if it is still the one that was seen, by one conditional PUT.

        RFC 9110 wants the ETag in quotes, and Ceph 16 matches it only without them.
        """
        digest = hashlib.sha256(body).hexdigest()
        if seen.tag is None:
            conditions = [{"IfNoneMatch": "*"}]
        else:
            conditions = [{"IfMatch": tag} for tag in (seen.tag, f'"{seen.tag}"')]
        for condition in conditions:
            if self._conditional(POINTER, body, ALWAYS_ASK, digest, **condition):
                return True
            now = self.seen()
            if now.body == body:  # the answer to our own request was lost, and it was sent again
                return True
            if now != seen:
                return False
        return False

    def lead_to(self, run_path: str) -> None:  # noqa: ARG002 - the page asks the pointer
        """Write `index.html` once; it looks the run up itself."""
        body = ENTRY_PAGE.encode()
        if self.read(ENTRY) != body:
            self._asked("write to", lambda: self._put(ENTRY, body, ALWAYS_ASK, ""))

    def signed(self, path: str, seconds: int) -> str:
        """Return a link to an object that works without keys for some seconds."""
        place = {"Bucket": self._remote.bucket, "Key": self._remote.key(path)}
        return self._asked(
            "read",
            lambda: self._s3.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds),
        )

    def credentials(self) -> Any:
        """Return the credentials that botocore found."""
        return self._s3._request_signer._credentials

    def _conditional(
        self, path: str, body: bytes, cache: str, digest: str, **condition: str
    ) -> bool:
        from botocore.exceptions import ClientError

        def tried() -> bool:
            try:
                self._put(path, body, cache, digest, **condition)
            except ClientError as error:
                # 409: another conditional request for it is under way (AWS).
                if _status(error) in (409, 412):
                    return False
                raise
            return True

        return self._asked("write to", tried)

    def _put(self, path: str, body: bytes, cache: str, digest: str, **condition: str) -> None:
        self._s3.put_object(
            Bucket=self._remote.bucket,
            Key=self._remote.key(path),
            Body=body,
            ContentType=content_type(path),
            CacheControl=cache,
            Metadata={"sha256": digest},
            **condition,
        )

    def _get(self, path: str, use: Callable[[Any], T]) -> T | None:
        def got() -> T:
            answer = self._s3.get_object(Bucket=self._remote.bucket, Key=self._remote.key(path))
            return use(answer)

        return self._found(got)

    def _found(self, call: Callable[[], T]) -> T | None:
        from botocore.exceptions import ClientError

        def tried() -> T | None:
            try:
                return call()
            except ClientError as error:
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    return None
                raise

        return self._asked("read", tried)

    def _asked(self, action: str, call: Callable[[], T]) -> T:
        with told(self._remote, action):
            return call()


@contextmanager
def told(remote: Remote, action: str) -> Iterator[None]:
    """Turn what boto3 raises into its sentence.

    Raises
    ------
    StorageError
        With what is wrong and the remedy.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    from quickstack.runtime.stores.diagnosis import explain

    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, ValueError) as error:
        raise explain(error, remote, action=action).error(remote) from None
    except Boto3Error as error:  # of an upload: the reason lies within
        inner = error.__cause__ or error.__context__ or error
        raise explain(inner, remote, action=action).error(remote) from None


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
