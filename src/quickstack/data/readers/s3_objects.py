"""Read an object on S3 where it lies, and only the version that is pinned."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from quickstack.data.readers.partitions import Partition
from quickstack.facts.errors import SourceError, StorageError
from quickstack.runtime.stores.diagnosis import CHANGED, MISSING, Diagnosis
from quickstack.runtime.stores.pinned_object import FIRST, Pin, PinnedObject
from quickstack.runtime.stores.remotes import Remote
from quickstack.runtime.stores.s3 import S3Store

_AGAIN = "run `quickstack land` again"
_READ_SECONDS = 30


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
    with _explained(partition):
        store, key = _store(partition)
    pin = Pin(key, partition.etag or "", partition.size, partition.version)
    with PinnedObject(store, pin, partial(_failure, partition.shown)) as stream:
        yield io.BufferedReader(stream, FIRST)


def require_current(partition: Partition) -> None:
    """Refuse an object whose current content is not the one that is pinned.

    Raises
    ------
    SourceError
        Where it is not, or the object cannot be asked for.
    """
    with _explained(partition):
        if not _is_current(partition):
            raise SourceError(
                "the object has changed since it was pinned", where=partition.shown, fix=_AGAIN
            )


def replace_object(partition: Partition, path: Path) -> Partition:
    """Put a file in the place of a pinned object, whose pinned version is deleted for good.

    Returns
    -------
    Partition
        The object as it is pinned now.

    Raises
    ------
    SourceError
        Where it is not current, or S3 refuses to write or to delete.
    """
    require_current(partition)
    with _explained(partition):
        store, key = _store(partition)
        store.put(key, path)
        return _pinned_anew(partition, store, key)


def find_replacement(partition: Partition, sha256: str) -> Partition:
    """Pin an object again that was replaced by the content of this hash, else leave its pin.

    Raises
    ------
    SourceError
        Where S3 cannot be asked.
    """

    def digest(answer: Any) -> str:
        hashed = hashlib.sha256()
        for chunk in iter(partial(answer["Body"].read, 1 << 20), b""):
            hashed.update(chunk)
        return hashed.hexdigest()

    with _explained(partition):
        store, key = _store(partition)
        if _is_current(partition) or store.use(key, digest) != sha256:
            return partition
        return _pinned_anew(partition, store, key)


def _pinned_anew(partition: Partition, store: S3Store, key: str) -> Partition:
    """Pin what is there now, and delete the version that was pinned."""
    head = store.head(key)
    if partition.version is not None:
        store.delete_version(key, partition.version)
    version = head.get("VersionId") if partition.version is not None else None
    return replace(
        partition, etag=head["ETag"].strip('"'), size=head["ContentLength"], version=version
    )


def delete_earlier(partition: Partition) -> bool:
    """Delete a pinned version for good, if it is still kept; False where it is current.

    Raises
    ------
    SourceError
        Where S3 refuses.
    """
    with _explained(partition):
        if _is_current(partition):
            return False
        if partition.version is not None:
            store, key = _store(partition)
            store.delete_version(key, partition.version)
    return True


def _is_current(partition: Partition) -> bool:
    store, key = _store(partition)
    head = store.head(key)
    if head is None or head["ETag"].strip('"') != partition.etag:
        return False
    return partition.version in (None, head.get("VersionId"))


def _store(partition: Partition) -> tuple[S3Store, str]:
    bucket, _, key = (partition.url or "").removeprefix("s3://").partition("/")
    remote = Remote(bucket, bucket, "", {}, local_keys=False)
    return S3Store(remote, seconds=_READ_SECONDS), key


@contextmanager
def _explained(partition: Partition) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise SourceError(error.what, where=partition.shown, fix=error.fix) from None


def _failure(where: str, found: Diagnosis) -> SourceError:
    what, fix = found.what, found.fix
    if found.check == MISSING:
        what, fix = "the object, or its bucket, is missing on S3", f"upload it again, or {_AGAIN}"
    elif found.check == CHANGED:
        what, fix = "the object has changed since it was pinned", _AGAIN
    return SourceError(what, where=where, fix=fix)
