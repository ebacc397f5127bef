"""DVC's remotes: what they are set to, by all levels of DVC's configuration.

`storage` is for everybody; `restricted` holds raw data and quarantine. Address and keys come
from where DVC takes them: `.dvc/config.local` before the AWS variables, a profile in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.facts.errors import StorageError

SHARED, RESTRICTED = "storage", "restricted"
NAMES = (SHARED, RESTRICTED)
CONFIG, LOCAL = Path(".dvc/config"), Path(".dvc/config.local")
_SECURED = {"https": "http", "webdavs": "webdav"}


@dataclass(frozen=True)
class Remote:
    """One remote of DVC, with all levels of its configuration merged.

    Attributes
    ----------
    bucket, prefix
        Of an object store; both empty for a folder, whose path `settings["url"]` holds.
    settings
        They may hold a secret key, and are therefore never shown.
    local_keys
        Whether the keys come from `.dvc/config.local`.
    scheme
        Of its url: `s3`, `gs`, `azure` and so on; empty for a folder.
    """

    name: str
    bucket: str
    prefix: str
    settings: dict[str, Any] = field(repr=False)
    local_keys: bool
    scheme: str = "s3"

    @property
    def root(self) -> str:
        """What the keys of all its objects begin with: the prefix with its slash, or nothing."""
        return f"{self.prefix}/" if self.prefix else ""

    @property
    def address(self) -> str:
        """Its url, without a user name or password that may stand in it."""
        if not self.scheme:
            return str(self.settings["url"])
        return f"{self.scheme}://{self.bucket.rpartition('@')[2]}/{self.prefix}".rstrip("/")

    @property
    def package(self) -> str:
        """DVC's package for this kind of remote; empty for a folder, which needs none."""
        return f"dvc-{_SECURED.get(self.scheme, self.scheme)}" if self.scheme else ""

    def key(self, name: str) -> str:
        """Return the key of an object of that name below the remote's prefix."""
        return f"{self.root}{name}"


def dvc_config(root: Path) -> Any:
    """Return DVC's configuration, all levels merged.

    Raises
    ------
    StorageError
        Where DVC cannot read it.
    """
    from dvc.config import Config, ConfigError

    try:
        return Config(str(root / ".dvc"))
    except ConfigError as error:
        raise _unreadable(error) from None


def remote_names(root: Path) -> list[str]:
    """Return the names of all remotes; StorageError where the configuration cannot be read."""
    return sorted(dvc_config(root)["remote"])


def cache_folder(root: Path) -> Path:
    """Return the folder of DVC's cache, wherever the configuration puts it."""
    return (root / ".dvc" / (dvc_config(root)["cache"].get("dir") or "cache")).resolve()


def read_remote(root: Path, name: str = SHARED) -> Remote:
    """Return a remote as DVC sees it.

    Raises
    ------
    StorageError
        When the configuration cannot be read, or names no such remote.
    """
    if not (root / CONFIG).is_file():
        raise StorageError(
            "There is no DVC repository here", where=str(root), fix="go to the repository's root"
        )
    config = dvc_config(root)
    settings = config["remote"].get(name)
    if settings is None:
        raise StorageError(
            f"No remote is named {name}",
            where=str(CONFIG),
            fix=f"add it: dvc remote add {name} s3://BUCKET/dvc",
        )
    url = urlsplit(str(settings["url"]))
    if not url.netloc:  # as DVC tells a folder
        return Remote(name, "", "", settings, local_keys=False, scheme="")
    local = config.load_one("local")["remote"].get(name, {})
    keys = "access_key_id" in local
    return Remote(name, url.netloc, url.path.strip("/"), settings, keys, url.scheme)


def _unreadable(error: Exception) -> StorageError:
    """Say where the configuration is wrong, without its line: that may hold a key."""
    line = getattr(error.__cause__, "line_number", None)
    # Messages of the schema name keys, not values; those of the parser quote the whole line.
    what = "a line is not a setting" if error.__cause__ else str(error).partition(": ")[2]
    where = f"{CONFIG} or {LOCAL}" + (f", line {line}" if line else "")
    return StorageError(
        f"DVC's configuration cannot be used: {what}", where=where, fix="correct that setting"
    )
