"""Which place is meant: an address, a folder, or the remote that DVC's configuration names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from quickstack.facts.errors import StorageError
from quickstack.results.publishing.bucket import Bucket
from quickstack.results.publishing.place import Place, open_folder
from quickstack.runtime.stores.remotes import CONFIG, SHARED, Remote, read_remote

#: The remote of `.dvc/config` that is the default.
REMOTE = "publish"
_SET = f"dvc remote add {REMOTE} s3://BUCKET/PREFIX, or a folder"


def open_place(root: Path, text: str | None) -> Place:
    """Return a place.

    Parameters
    ----------
    root
        The repository.
    text
        `s3://bucket/prefix`, a folder, or None for the remote `publish`. An address gets endpoint
        and keys from the remote that lies in the same bucket, otherwise from `publish`, otherwise
        from `storage`, and from the AWS variables where that sets none.

    Raises
    ------
    StorageError
        Where it is none, or there is no default.
    """
    urls = _remotes(root) if text is None or text.startswith("s3:") else {}
    if text is None:
        if REMOTE not in urls:
            raise StorageError(
                "where to publish is not said", where=str(CONFIG), fix=f"name the place, or: {_SET}"
            )
        if urls[REMOTE].startswith("s3://"):
            return Bucket(read_remote(root, REMOTE))
        # As DVC reads it: relative to the folder of its configuration.
        return open_folder(root / ".dvc" / urls[REMOTE], root)
    if not text.startswith("s3:"):
        if "://" in text:
            raise StorageError(
                f"a place of kind {text.partition('://')[0]} is not known",
                fix="give s3://BUCKET/PREFIX or a folder",
            )
        return open_folder(Path(text), root)
    url = urlsplit(text)
    if not url.netloc:
        raise StorageError(
            "this address names no bucket", where=text, fix="write it as s3://BUCKET/PREFIX"
        )
    return Bucket(_settings(root, urls, url.netloc, url.path.strip("/"), text))


def _settings(root: Path, urls: dict[str, str], bucket: str, prefix: str, text: str) -> Remote:
    there = [name for name, url in urls.items() if urlsplit(url).netloc == bucket]
    for name in (*there, REMOTE, SHARED):
        if urls.get(name, "").startswith("s3://"):
            return replace(read_remote(root, name), name=text, bucket=bucket, prefix=prefix)
    return Remote(text, bucket, prefix, {}, local_keys=False)


def _remotes(root: Path) -> dict[str, str]:
    from dvc.config import Config, ConfigError

    try:
        remotes = Config(str(root / ".dvc"))["remote"]
    except ConfigError:
        raise StorageError(
            "DVC's configuration cannot be read", where=str(CONFIG), fix="correct it"
        ) from None
    return {name: str(settings["url"]) for name, settings in remotes.items()}
