"""Where DVC keeps objects: the local cache and every remote, each listed, read and deleted from."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import urlsplit

from quickstack.facts.errors import StorageError
from quickstack.facts.files import whole_file
from quickstack.runtime.stores.remotes import CONFIG, client, read_remote

_OBJECT = re.compile(r"(?:^|/)([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)$")


@dataclass(frozen=True)
class Facts:
    """What a listing says about an object: bytes, and its MD5 where that is known unread.

    The ETag of an object that was put in one part, without a key of its own, is its MD5.
    """

    size: int
    changed: float
    md5: str | None = None


class Store(Protocol):
    """A place with objects; keys are relative to it."""

    @property
    def name(self) -> str:
        """How people know it: `cache`, or the remote's name."""

    def objects(self) -> list[str]:
        """List it; StorageError where it cannot be reached."""

    def facts(self) -> dict[str, Facts]:
        """List what it holds now, without deleted versions; StorageError as above."""

    def file(self, key: str) -> Any:
        """Give the object as a file for as long as the context lasts."""

    def put(self, key: str, path: Path) -> None:
        """Put a file there, whole or not at all, in place of what is there."""

    def delete(self, key: str) -> None:
        """Delete it, with every version of it; one that is gone is no error."""


def md5_of(key: str) -> str | None:
    """Return the md5 by which DVC knows an object; None for a file of another kind."""
    match = _OBJECT.search(key)
    return match[1] + match[2] if match else None


@dataclass(frozen=True)
class FolderStore:
    """The cache, or a remote that is a folder."""

    name: str
    folder: Path

    def objects(self) -> list[str]:
        """List it; a cache that is not there yet is empty."""
        if not self.folder.is_dir():
            if self.name == "cache":
                return []
            raise StorageError(
                f"The folder of the remote {self.name} is not there",
                where=CONFIG.as_posix(),
                fix="mount it, or correct the remote's url",
            )
        found = (Path(top) / name for top, _, names in os.walk(self.folder) for name in names)
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def facts(self) -> dict[str, Facts]:
        """List size and time of each file."""
        states = {key: (self.folder / key).stat() for key in self.objects()}
        return {key: Facts(state.st_size, state.st_mtime) for key, state in states.items()}

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """Give the file itself."""
        yield self.folder / key

    def put(self, key: str, path: Path) -> None:
        """Copy it, under its name at the end only."""
        with whole_file(self.folder / key) as temporary:
            shutil.copyfile(path, temporary)

    def delete(self, key: str) -> None:
        """Unlink it."""
        (self.folder / key).unlink(missing_ok=True)


class S3Store:
    """A remote in S3, with the versions that a versioned bucket keeps of what was deleted."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._remote = read_remote(root, name)
        self._versions: dict[str, list[str | None]] = {}
        with self._explained():
            self._s3 = client(self._remote)

    def objects(self) -> list[str]:
        """List all keys, also those of which only earlier versions are left."""
        self._versions = {}
        prefix = self._remote.key("") if self._remote.prefix else ""
        bucket = {"Bucket": self._remote.bucket}
        with self._explained():
            status = self._s3.get_bucket_versioning(**bucket).get("Status")
            if status:
                pages = self._s3.get_paginator("list_object_versions").paginate(
                    **bucket, Prefix=prefix
                )
                for page in pages:
                    for kind in ("Versions", "DeleteMarkers"):
                        for item in page.get(kind, ()):
                            self._note(item["Key"], prefix, item["VersionId"], kind == "Versions")
            else:
                pages = self._s3.get_paginator("list_objects_v2").paginate(**bucket, Prefix=prefix)
                for page in pages:
                    for item in page.get("Contents", ()):
                        self._note(item["Key"], prefix, None, True)
        # What has nothing but a delete marker holds nothing.
        return sorted(key for key, ids in self._versions.items() if ids[0] != _MARKER)

    def facts(self) -> dict[str, Facts]:
        """List the current version of every key."""
        prefix, found = self._remote.key("") if self._remote.prefix else "", {}
        with self._explained():
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._remote.bucket, Prefix=prefix
            )
            for item in (item for page in pages for item in page.get("Contents", ())):
                tag = item["ETag"].strip('"')
                found[item["Key"].removeprefix(prefix)] = Facts(
                    item["Size"], item["LastModified"].timestamp(), None if "-" in tag else tag
                )
        return found

    def _note(self, key: str, prefix: str, version: str | None, content: bool) -> None:
        ids = self._versions.setdefault(key.removeprefix(prefix), [])
        if content:
            ids.insert(0, version)
        else:
            ids += [_MARKER, version] if not ids else [version]

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """Bring the object into a temporary file."""
        version = self._versions.get(key, [None])[0]
        more = {"VersionId": version} if version else {}
        with TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            with self._explained():
                answer = self._s3.get_object(
                    Bucket=self._remote.bucket, Key=self._remote.key(key), **more
                )
                with path.open("wb") as target:
                    for chunk in answer["Body"].iter_chunks(1 << 20):
                        target.write(chunk)
            yield path

    def put(self, key: str, path: Path) -> None:
        """Upload it."""
        from boto3.exceptions import S3UploadFailedError

        with self._explained():
            try:
                self._s3.upload_file(str(path), self._remote.bucket, self._remote.key(key))
            except S3UploadFailedError as error:
                raise error.__context__ or error from None

    def delete(self, key: str) -> None:
        """Delete every version of it, and the markers of its deletion."""
        whole = {"Bucket": self._remote.bucket, "Key": self._remote.key(key)}
        with self._explained():
            for version in self._versions.get(key, [None]):
                if version is None:
                    self._s3.delete_object(**whole)
                elif version != _MARKER:
                    self._s3.delete_object(**whole, VersionId=version)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        from quickstack.runtime.stores.diagnosis import explain

        try:
            yield
        except (BotoCoreError, ClientError, ValueError) as error:
            raise explain(error, self._remote).error(self._remote) from None


#: First in the list of a key whose versions are all deletions.
_MARKER = "marker"


def all_stores(root: Path) -> list[Store]:
    """Return the cache and every remote.

    StorageError where one is of a kind that cannot be searched here: nothing may be left out.
    """
    from dvc.config import Config, ConfigError

    try:
        config = Config(str(root / ".dvc"))
    except ConfigError:
        read_remote(root)
        raise
    cache = config["cache"].get("dir")
    stores: list[Store] = [FolderStore("cache", Path(cache) if cache else root / ".dvc" / "cache")]
    return stores + [_store(root, name, config) for name in sorted(config["remote"])]


def remote_store(root: Path, name: str) -> Store:
    """Return one remote; StorageError where there is none, or it cannot be searched here."""
    from dvc.config import Config, ConfigError

    try:
        return _store(root, name, Config(str(root / ".dvc")))
    except (ConfigError, KeyError):
        read_remote(root, name)  # it says what is wrong
        raise


def _store(root: Path, name: str, config: Any) -> Store:
    settings = config["remote"][name]
    scheme = urlsplit(settings["url"]).scheme
    if settings.get("version_aware") or settings.get("worktree") or scheme not in ("", "s3"):
        kind = f"in {scheme}" if scheme not in ("", "s3") else "one that keeps files by name"
        raise StorageError(
            f"The remote {name} is {kind}: it cannot be searched here",
            where=CONFIG.as_posix(),
            fix="look into it with its own tools, or take it out of the configuration",
        )
    return S3Store(root, name) if scheme else FolderStore(name, Path(settings["url"]))
