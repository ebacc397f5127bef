"""Read an object on S3 where it lies, and only the version that is pinned."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

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
    bucket, _, key = (partition.url or "").removeprefix("s3://").partition("/")
    try:
        store = S3Store(Remote(bucket, bucket, "", {}, local_keys=False), seconds=_READ_SECONDS)
    except StorageError as error:
        raise SourceError(error.what, where=partition.shown, fix=error.fix) from None
    pin = Pin(key, partition.etag or "", partition.size, partition.version)
    with PinnedObject(store, pin, partial(_failure, partition.shown)) as stream:
        yield io.BufferedReader(stream, FIRST)


def _failure(where: str, found: Diagnosis) -> SourceError:
    what, fix = found.what, found.fix
    if found.check == MISSING:
        what, fix = "the object, or its bucket, is missing on S3", f"upload it again, or {_AGAIN}"
    elif found.check == CHANGED:
        what, fix = "the object has changed since it was pinned", _AGAIN
    return SourceError(what, where=where, fix=fix)
