"""The two S3 remotes of DVC: what they are set to, and a client that acts as DVC would.

`storage` is for everybody; `restricted` holds raw data and quarantine. Address and keys come
from where DVC takes them: `.dvc/config.local` before the AWS variables, a profile in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.facts.errors import StorageError

SHARED, RESTRICTED = "storage", "restricted"
NAMES = (SHARED, RESTRICTED)
CONFIG, LOCAL = Path(".dvc/config"), Path(".dvc/config.local")
SECONDS = 3


@dataclass(frozen=True)
class Remote:
    """One S3 remote of DVC, with all levels of its configuration merged.

    `settings` may hold a secret key, and is therefore never shown.
    """

    name: str
    bucket: str
    prefix: str
    settings: dict[str, Any] = field(repr=False)
    local_keys: bool

    def key(self, name: str) -> str:
        """Return the key of an object of that name below the remote's prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name


def read_remote(root: Path, name: str = SHARED) -> Remote:
    """Return a remote as DVC sees it.

    Parameters
    ----------
    root
        Root of the repository.
    name
        Name of the remote.

    Returns
    -------
    Remote
        Its bucket, prefix and settings.

    Raises
    ------
    StorageError
        When the configuration cannot be read, or names no such remote, or another kind.
    """
    from dvc.config import Config, ConfigError

    if not (root / CONFIG).is_file():
        raise StorageError(
            "There is no DVC repository here", where=str(root), fix="go to the repository's root"
        )
    try:
        config = Config(str(root / ".dvc"))
        local = config.load_one("local")["remote"].get(name, {})
    except ConfigError as error:
        raise _unreadable(error) from None
    settings = config["remote"].get(name)
    if settings is None:
        raise StorageError(
            f"No remote is named {name}",
            where=str(CONFIG),
            fix=f"add it: dvc remote add {name} s3://BUCKET/dvc",
        )
    url = urlsplit(settings["url"])
    if url.scheme != "s3":
        raise StorageError(
            f"The remote {name} is no S3 remote",
            where=str(CONFIG),
            fix="write its url as s3://BUCKET/PREFIX",
        )
    return Remote(name, url.netloc, url.path.strip("/"), settings, "access_key_id" in local)


def _unreadable(error: Exception) -> StorageError:
    """Say where the configuration is wrong, without its line: that may hold a key."""
    line = getattr(error.__cause__, "line_number", None)
    # Messages of the schema name keys, not values; those of the parser quote the whole line.
    what = "a line is no setting" if error.__cause__ else str(error).partition(": ")[2]
    where = f"{CONFIG} or {LOCAL}" + (f", line {line}" if line else "")
    return StorageError(
        f"DVC's configuration cannot be used: {what}", where=where, fix="correct that setting"
    )


def session(remote: Remote) -> Any:
    """Return a botocore session with the remote's profile and AWS files, as dvc-s3 makes it."""
    import botocore.session

    settings = remote.settings
    made = botocore.session.Session(profile=settings.get("profile"))
    # As in dvc-s3, the variables win over the two keys.
    if "credentialpath" in settings and "AWS_SHARED_CREDENTIALS_FILE" not in os.environ:
        made.set_config_variable("credentials_file", settings["credentialpath"])
    if "configpath" in settings and "AWS_CONFIG_FILE" not in os.environ:
        made.set_config_variable("config_file", settings["configpath"])
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "true").lower() != "false":
        # Off a cloud machine, asking its metadata address is a long wait for nothing.
        made.get_component("credential_provider").remove("iam-role")
    return made


def client(remote: Remote, *, seconds: int = SECONDS, attempts: int = 1) -> Any:
    """Return a boto3 S3 client for a remote that gives up within seconds.

    Parameters
    ----------
    remote
        Where it goes.
    seconds
        How long it waits for a connection, and for each answer.
    attempts
        How often it tries a request.

    Raises
    ------
    botocore.exceptions.BotoCoreError, ValueError
        When the profile or the address cannot be; `explain` makes a sentence of each.
    """
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    settings = remote.settings
    anonymous = settings.get("allow_anonymous_login")
    return boto3.Session(botocore_session=session(remote)).client(
        "s3",
        endpoint_url=settings.get("endpointurl"),
        region_name=settings.get("region"),
        aws_access_key_id=settings.get("access_key_id"),
        aws_secret_access_key=settings.get("secret_access_key"),
        aws_session_token=settings.get("session_token"),
        use_ssl=settings.get("use_ssl", True),
        verify=settings.get("ssl_verify"),
        config=Config(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            # Named, because presigned links would otherwise be of the older kind.
            signature_version=UNSIGNED if anonymous else "s3v4",
        ),
    )


def create_buckets(remotes: Iterable[Remote]) -> list[str]:
    """Create the remotes' buckets where they are missing.

    Returns
    -------
    list of str
        The buckets that were made.

    Raises
    ------
    StorageError
        When a bucket cannot be looked up or made.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from quickstack.runtime.stores.diagnosis import explain

    made = []
    for remote in remotes:
        try:
            s3 = client(remote)
            try:
                s3.head_bucket(Bucket=remote.bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                    raise
                s3.create_bucket(Bucket=remote.bucket)
                made.append(remote.bucket)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise explain(error, remote).error(remote) from None
    return made
