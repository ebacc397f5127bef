"""The objects in DVC's shared remotes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from quickstack.data.unpacking.buffers import Budget, Buffer, collect
from quickstack.data.unpacking.unpack import EXPANDED
from quickstack.facts.errors import StorageError
from quickstack.guard.scanning.cache_objects import Objects
from quickstack.guard.scanning.workspace_files import Item, folder
from quickstack.runtime.stores.remotes import RESTRICTED, Remote, client, read_remote


def remote_names(root: Path, *, restricted: bool) -> list[str]:
    """Return the names of DVC's remotes, the restricted one only where it is wanted."""
    from dvc.config import Config, ConfigError

    try:
        names = list(Config(str(root / ".dvc"))["remote"])
    except ConfigError:
        raise StorageError(
            "DVC's configuration cannot be read", where=".dvc/config", fix="correct it"
        ) from None
    return [name for name in names if restricted or name != RESTRICTED]


def remote_items(root: Path, name: str, objects: Objects) -> Iterator[Item]:
    """Yield the objects of a remote on S3 or in a folder.

    Raises
    ------
    StorageError
        Where it cannot be listed or read, or is of another kind.
    """
    from dvc.config import Config

    kind = f"remote {name}"
    url = str(Config(str(root / ".dvc"))["remote"][name]["url"])
    if "://" not in url:
        place = (root / ".dvc" / url).resolve()
        if not place.is_dir():
            raise StorageError("there is no such folder", where=f"remote {name}")
        for item in folder(place, kind):
            yield Item(kind, _shown(item.path, objects), item.read)
        return
    yield from _s3_items(read_remote(root, name), kind, objects)


def _s3_items(remote: Remote, kind: str, objects: Objects) -> Iterator[Item]:
    from botocore.exceptions import BotoCoreError, ClientError

    from quickstack.runtime.stores.diagnosis import explain

    try:
        s3 = client(remote)
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=remote.bucket, Prefix=f"{remote.prefix}/" if remote.prefix else ""
        )
        listed = [item for page in pages for item in page.get("Contents", ())]
    except (BotoCoreError, ClientError, ValueError) as error:
        raise explain(error, remote).error(remote) from None
    for item in listed:
        key = item["Key"]
        # The ETag of an object that was put in one part is the MD5 of its bytes.
        tag = item["ETag"].strip('"')
        yield Item(
            kind,
            _shown(key.removeprefix(f"{remote.prefix}/"), objects),
            partial(_read, s3, remote, key),
            tag if "-" not in tag else None,
        )


def _shown(key: str, objects: Objects) -> str:
    origin = objects.origin("".join(key.split("/")[-2:]).split(".")[0])
    return f"{key} ({origin})" if origin else key


def _read(s3: Any, remote: Remote, key: str) -> Buffer:
    from botocore.exceptions import BotoCoreError, ClientError

    from quickstack.runtime.stores.diagnosis import explain

    try:
        body = s3.get_object(Bucket=remote.bucket, Key=key)["Body"]
    except (BotoCoreError, ClientError) as error:
        raise explain(error, remote).error(remote) from None
    content, damage = collect(body.read, Budget(EXPANDED))
    if damage:
        raise OSError("the object could not be read whole")
    return content
