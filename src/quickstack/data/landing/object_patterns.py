"""List the objects of S3 that a pattern names, each pinned by its ETag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.data.landing.snapshot import RECORD_SUFFIX
from quickstack.facts.errors import SourceError
from quickstack.runtime.stores.remotes import Remote, client, read_remote

SECONDS, ATTEMPTS = 20, 5
_DENIED = ("AccessDenied", "403", "Forbidden", "NotImplemented", "501", "MethodNotAllowed", "405")


@dataclass(frozen=True)
class ObjectPattern:
    """Objects of one bucket: where it is, and what their keys match."""

    remote: Remote
    pattern: str
    s3: Any = field(repr=False)

    @property
    def url(self) -> str:
        """The pattern as it was given."""
        return f"s3://{self.remote.bucket}/{self.pattern}"

    @property
    def prefix(self) -> str:
        """What each key begins with."""
        return re.split(r"[*?\[]", self.pattern, maxsplit=1)[0]

    @property
    def folder(self) -> str:
        """The part of the keys that names of files leave out."""
        return self.prefix.rpartition("/")[0] + "/" if "/" in self.prefix else ""


@dataclass(frozen=True)
class Object:
    """One object, as listed.

    Attributes
    ----------
    version
        Its version id, where the bucket keeps versions.
    """

    key: str
    etag: str
    size: int
    version: str | None = None


def read_source(root: Path, url: str, remote: str | None) -> ObjectPattern:
    """Return what an address such as `s3://bucket/prefix/*.csv` names.

    Parameters
    ----------
    remote
        A DVC remote whose endpoint and keys are used; the AWS variables and profile otherwise.

    Raises
    ------
    SourceError, StorageError
        Where the address or the remote cannot be.
    """
    # The query of an address would be taken for part of the key, where it may well be.
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]+)/(.+)", url)
    if not match or urlsplit(url).username:
        raise SourceError("this is no address of objects", fix="write s3://BUCKET/PREFIX/*.csv")
    settings = read_remote(root, remote).settings if remote else {}
    found = Remote(remote or "source", match[1], "", settings, False)
    with explained(found):
        return ObjectPattern(found, match[2], client(found, seconds=SECONDS, attempts=ATTEMPTS))


@contextmanager
def explained(remote: Remote) -> Iterator[None]:
    """Turn errors of S3 into sentences."""
    from botocore.exceptions import BotoCoreError, ClientError

    from quickstack.runtime.stores.diagnosis import explain

    try:
        yield
    except SourceError:
        raise
    except (BotoCoreError, ClientError, ValueError) as error:
        trouble = explain(error, remote, action="read")
        raise SourceError(trouble.what, where=f"s3://{remote.bucket}", fix=trouble.fix) from None


def list_objects(source: ObjectPattern) -> list[Object]:
    """Return the objects whose keys match, in the order of their keys.

    Raises
    ------
    SourceError
        Where there is none, S3 refuses, or a key can be no name of a file.
    """
    matches = _matcher(source.pattern)
    with explained(source.remote):
        entries = _versions(source) if _versioned(source) else _plain(source)
        found = [o for o in entries if matches(o.key) and not o.key.endswith("/")]
    if not found:
        raise SourceError(
            "no object matches", where=source.url, fix="correct the pattern: ** crosses folders"
        )
    found.sort(key=lambda o: o.key)
    names: set[str] = set()
    for thing in found:
        name = file_name(source, thing)
        parts = name.split("/")
        unsafe = any(part in ("", ".", "..") or part.startswith(".") for part in parts)
        if unsafe or "\\" in name or "\0" in name or name.endswith(RECORD_SUFFIX):
            raise SourceError(
                "the key of an object can be no name of a file here",
                where=source.url,
                fix="name a pattern that leaves out hidden files, `..`, backslashes and records",
            )
        names.add(name)
    parents = {"/".join(n.split("/")[:i]) for n in names for i in range(1, n.count("/") + 1)}
    if names & parents:
        raise SourceError(
            "one object's key is the folder of another's",
            where=source.url,
            fix="name a pattern that matches one of them",
        )
    return found


def file_name(source: ObjectPattern, thing: Object) -> str:
    """Return the name that an object gets below the data set's folder."""
    return thing.key.removeprefix(source.folder)


def _matcher(pattern: str) -> Any:
    """Match keys: `*` and `?` stay inside a folder, `**` crosses folders."""
    parts = re.split(r"(\*\*/?|\*|\?|\[[^\]/]+\])", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = "".join(
        words.get(p) or (p.replace("[!", "[^", 1) if p.startswith("[") else re.escape(p))
        for p in parts
    )
    try:
        return re.compile(text, re.DOTALL).fullmatch
    except re.error:
        raise SourceError("this is no pattern", fix="write s3://BUCKET/PREFIX/*.csv") from None


def _versioned(source: ObjectPattern) -> bool:
    from botocore.exceptions import ClientError

    try:
        answer = source.s3.get_bucket_versioning(Bucket=source.remote.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in _DENIED:
            return False
        raise
    return answer.get("Status") == "Enabled"


def _plain(source: ObjectPattern) -> Iterator[Object]:
    pages = source.s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=source.remote.bucket, Prefix=source.prefix):
        for entry in page.get("Contents", ()):
            yield Object(entry["Key"], entry["ETag"].strip('"'), entry["Size"])


def _versions(source: ObjectPattern) -> Iterator[Object]:
    pages = source.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=source.remote.bucket, Prefix=source.prefix):
        for entry in page.get("Versions", ()):
            if entry["IsLatest"]:
                yield Object(
                    entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["VersionId"]
                )
