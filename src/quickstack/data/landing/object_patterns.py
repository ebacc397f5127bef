"""List the objects of S3 that a pattern names, each pinned by its ETag."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.facts.errors import SourceError
from quickstack.facts.formats import LANDING_RECORD
from quickstack.runtime.storage.seaweedfs import KEY_PREFIX
from quickstack.runtime.stores.object_stores import require_answer
from quickstack.runtime.stores.pinned_object import Pin
from quickstack.runtime.stores.remotes import CONFIG, Remote, read_remote, remote_names
from quickstack.runtime.stores.s3 import PATIENT, S3Store


@dataclass(frozen=True)
class ObjectPattern:
    """Objects of one bucket: where it is, and what their keys match."""

    store: S3Store
    pattern: str

    @property
    def bucket(self) -> str:
        """Its address, `s3://bucket`."""
        return self.store.address

    @property
    def url(self) -> str:
        """The pattern as it was given."""
        return f"{self.bucket}/{self.pattern}"

    @property
    def prefix(self) -> str:
        """What each key begins with."""
        return re.split(r"[*?\[]", self.pattern, maxsplit=1)[0]

    @property
    def folder(self) -> str:
        """The part of the keys that names of files leave out."""
        return self.prefix.rpartition("/")[0] + "/" if "/" in self.prefix else ""


def read_source(root: Path, url: str, remote: str | None) -> ObjectPattern:
    """Return what an address such as `s3://bucket/prefix/*.csv` names.

    Parameters
    ----------
    remote
        A DVC remote whose endpoint and keys are used. Without it: the one of that bucket; the local
        server that `quickstack storage start` set up, where no AWS variable says otherwise; the
        AWS variables and profile.

    Raises
    ------
    SourceError, StorageError
        Where the address or the remote cannot be.
    """
    # The query of an address would be taken for part of the key, where it may well be.
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]+)/(.+)", url)
    if not match or urlsplit(url).username:
        raise SourceError("this is not an address of objects", fix="write s3://BUCKET/PREFIX/*.csv")
    settings = _settings(root, match[1], remote)
    found = Remote(remote or f"s3://{match[1]}", match[1], "", settings, local_keys=False)
    require_answer(found)
    return ObjectPattern(S3Store(found, **PATIENT), match[2])


def _settings(root: Path, bucket: str, remote: str | None) -> dict[str, Any]:
    if remote is not None:
        return read_remote(root, remote).settings
    known = remote_names(root) if (root / CONFIG).is_file() else []
    remotes = [each for each in (read_remote(root, name) for name in known) if each.scheme == "s3"]
    chosen = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
    for each in sorted(remotes, key=lambda each: each.bucket != bucket):
        local = str(each.settings.get("access_key_id", "")).startswith(KEY_PREFIX)
        if each.bucket == bucket or (local and not chosen):
            return each.settings
    return {}


def list_objects(source: ObjectPattern) -> list[Pin]:
    """Return the objects whose keys match, in the order of their keys.

    Raises
    ------
    SourceError
        Where there is none, or a key can be no name of a file.
    StorageError
        Where S3 refuses.
    """
    matches = _matcher(source.pattern)
    listed = source.store.objects(source.prefix, pinned=True)
    found = [
        Pin(key, facts.etag, facts.size, facts.version)
        for key, facts in sorted(listed.items())
        if matches(key) and not key.endswith("/")
    ]
    if not found:
        raise SourceError(
            "no object matches", where=source.url, fix="correct the pattern: ** crosses folders"
        )
    names: set[str] = set()
    for thing in found:
        name = file_name(source, thing)
        parts = name.split("/")
        unsafe = any(part in ("", ".", "..") or part.startswith(".") for part in parts)
        if unsafe or "\\" in name or "\0" in name or name.endswith(LANDING_RECORD):
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


def file_name(source: ObjectPattern, thing: Pin) -> str:
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
        raise SourceError("this is not a pattern", fix="write s3://BUCKET/PREFIX/*.csv") from None
