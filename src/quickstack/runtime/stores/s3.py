"""S3 by boto3: a client that acts as DVC would, and a remote in S3 as a store of objects.

DVC's own file systems (fsspec, here s3fs) do the same for every other kind of remote. S3 keeps
boto3 for what they lack: conditional writes, every version of an object and the markers of its
deletion, reads pinned to an ETag, presigned links, and S3's own error codes, from which each
sentence of `diagnosis` is made. s3fs also tries each request 25 times: a server that is out of
order takes 33 s to fail there, one that never answers minutes, and here the time that is said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.diagnosis import diagnosed, error_code, patience
from quickstack.runtime.stores.folder_store import ObjectFacts
from quickstack.runtime.stores.remotes import CONFIG, LOCAL, Remote

T = TypeVar("T")

#: Seconds to wait for an answer, and attempts, where much is transferred.
PATIENT = {"seconds": 20, "attempts": 5}
#: Versions of a bucket are not looked at where they may not be asked for, or S3 has none.
_NO_VERSIONS = ("AccessDenied", "403", "Forbidden", "NotImplemented", "501", "MethodNotAllowed")
_GONE = ("404", "NoSuchKey")
#: First in the list of a key whose versions are all deletions.
_MARKER = "marker"

# Where botocore found keys, in the user's words.
_SOURCES = {
    "env": "the AWS variables of the environment",
    "shared-credentials-file": "the AWS credentials file",
    "config-file": "the AWS configuration file",
    "assume-role": "a role of the AWS profile",
    "assume-role-with-web-identity": "a role by web identity",
    "sso": "AWS single sign-on",
    "login": "AWS log-in",
    "custom-process": "the credential_process of the AWS profile",
    "container-role": "the role of this container",
    "iam-role": "the role of this cloud machine",
}


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


def client(remote: Remote, *, seconds: float | None = None, attempts: int = 1) -> Any:
    """Return a boto3 S3 client for a remote that gives up within seconds.

    Parameters
    ----------
    seconds
        How long it waits for each answer, by default `patience`, as for a connection.
    attempts
        How often it tries a request.

    Raises
    ------
    StorageError
        Where the remote is of another kind.
    botocore.exceptions.BotoCoreError, ValueError
        When the profile or the address cannot be; `diagnose` makes a sentence of each.
    """
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    if remote.scheme != "s3":
        raise StorageError(
            f"The remote {remote.name} is not in S3, and this is done in S3 only",
            where=str(CONFIG),
            fix="write its url as s3://BUCKET/PREFIX",
        )
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
            connect_timeout=patience(),
            read_timeout=seconds or patience(),
            retries={"total_max_attempts": attempts, "mode": "standard"},
            # Named, because presigned links would otherwise be of the older kind.
            signature_version=UNSIGNED if anonymous else "s3v4",
        ),
    )


def identity(remote: Remote) -> str:
    """Say who we are there, and where the keys come from; StorageError where there are none."""
    from botocore.exceptions import NoCredentialsError

    settings = remote.settings
    if settings.get("allow_anonymous_login"):
        return "anonymous, as allow_anonymous_login says"
    if access_key := settings.get("access_key_id"):
        source = str(LOCAL) if remote.local_keys else "DVC's configuration"
        return f"access key id {masked(access_key)} from {source}"
    with diagnosed(remote):
        credentials = session(remote).get_credentials()
        if credentials is None:
            raise NoCredentialsError
        # Fetching may ask a log-in service, and take its time.
        access_key = credentials.get_frozen_credentials().access_key
    source = _SOURCES.get(credentials.method, "the AWS configuration")
    return f"access key id {masked(access_key)} from {source}"


def masked(access_key: str) -> str:
    """Return an access key id with its middle left out: enough to tell two apart."""
    return f"{access_key[:4]}…{access_key[-4:]}" if len(access_key) >= 12 else "…"


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
    from botocore.exceptions import ClientError

    made = []
    for remote in remotes:
        with diagnosed(remote):
            s3 = client(remote)
            try:
                s3.head_bucket(Bucket=remote.bucket)
            except ClientError as error:
                if error_code(error) not in ("404", "NoSuchBucket"):
                    raise
                s3.create_bucket(Bucket=remote.bucket)
                made.append(remote.bucket)
    return made


class S3Store:
    """A remote in S3, with the versions that a versioned bucket keeps of what was deleted.

    Every method raises StorageError where S3 refuses or cannot be reached; `get` alone raises
    what botocore raises, for callers that try again.

    Parameters
    ----------
    remote
        Where it is, and its settings as DVC has them.
    settings
        `seconds` and `attempts` of `client`.
    """

    sees_versions = True

    def __init__(self, remote: Remote, **settings: Any) -> None:
        self.remote, self.name = remote, remote.name
        self._versions: dict[str, list[str | None]] = {}
        with diagnosed(remote):
            self.client = client(remote, **settings)

    @property
    def address(self) -> str:
        """Its address, `s3://bucket/prefix`."""
        return self.remote.address

    def objects(self, prefix: str = "", *, pinned: bool = False) -> dict[str, ObjectFacts]:
        """List the current objects whose keys begin with `prefix`, by key, in order.

        Parameters
        ----------
        pinned
            Whether to look up the current version's id, where the bucket keeps versions.
        """
        with diagnosed(self.remote, "list"):
            versions = pinned and self._has_versions()
            return dict(self._current_versions(prefix) if versions else self._current(prefix))

    def some_keys(self) -> list[str]:
        """List at most one key."""
        place = {"Bucket": self.remote.bucket, "Prefix": self.remote.root}
        with diagnosed(self.remote, "list"):
            page = _listing(self.client.list_objects_v2(**place, MaxKeys=1), self.remote)
        return [item["Key"].removeprefix(self.remote.root) for item in page.get("Contents", ())]

    def all_keys(self) -> list[str]:
        """List all keys, also those of which only earlier versions are left."""
        self._versions = {}
        with diagnosed(self.remote, "list"):
            if self.client.get_bucket_versioning(Bucket=self.remote.bucket).get("Status"):
                for kind, item in self._pages("list_object_versions", "Versions", "DeleteMarkers"):
                    self._note(item["Key"], item["VersionId"], kind == "Versions")
            else:
                for _, item in self._pages("list_objects_v2", "Contents"):
                    self._note(item["Key"], None, True)
        # What has nothing but a delete marker holds nothing.
        return sorted(key for key, ids in self._versions.items() if ids[0] != _MARKER)

    def get(self, key: str, **options: Any) -> Any:
        """Return S3's answer to GetObject: its body as a stream, and its headers."""
        return self.client.get_object(**self._place(key), **options)

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Give the bytes of an object as a stream that cannot seek."""
        version = self._versions.get(key, [None])[0]
        with diagnosed(self.remote, "read"):
            body = self.get(key, **({"VersionId": version} if version else {}))["Body"]
            with body:
                yield body

    def use(self, key: str, call: Callable[[Any], T]) -> T | None:
        """Call with S3's answer to GetObject; None where there is no such object."""
        return self._found(lambda: call(self.get(key)))

    def head(self, key: str) -> Any:
        """Return what S3 tells of an object; None where there is none."""
        return self._found(lambda: self.client.head_object(**self._place(key)))

    def put(
        self,
        key: str,
        path: Path,
        *,
        headers: Mapping[str, Any] | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> None:
        """Upload a file, a large one in parts; it appears when the last part is there.

        Parameters
        ----------
        headers
            `ContentType`, `CacheControl` and `Metadata` of boto3.
        sent
            Called with bytes as they go.
        """
        place = self._place(key)
        with diagnosed(self.remote, "write to"):
            self.client.upload_file(
                str(path), place["Bucket"], place["Key"], ExtraArgs=headers, Callback=sent
            )

    def write(self, key: str, body: bytes, headers: Mapping[str, Any], **condition: str) -> bool:
        """Write an object in one request; False where the condition does not hold.

        Parameters
        ----------
        condition
            `IfNoneMatch="*"`: only where there is none yet; `IfMatch=ETAG`: only in its place.
        """
        from botocore.exceptions import ClientError

        with diagnosed(self.remote, "write to"):
            try:
                self.client.put_object(**self._place(key), Body=body, **headers, **condition)
            except ClientError as error:
                # 409: another conditional request for it is under way (AWS).
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if condition and status in (409, 412):
                    return False
                raise
        return True

    def delete(self, key: str) -> None:
        """Delete every version of it, and the markers of its deletion."""
        with diagnosed(self.remote, "delete in"):
            for version in self._versions.get(key, [None]):
                if version is None:
                    self.client.delete_object(**self._place(key))
                elif version != _MARKER:
                    self.client.delete_object(**self._place(key), VersionId=version)

    def delete_version(self, key: str, version: str) -> None:
        """Delete one version of an object for good."""
        with diagnosed(self.remote, "delete in"):
            self.client.delete_object(**self._place(key), VersionId=version)

    def presigned(self, key: str, seconds: int) -> str:
        """Return a link to an object that works without keys for some seconds."""
        with diagnosed(self.remote, "read"):
            link: str = self.client.generate_presigned_url(
                "get_object", Params=self._place(key), ExpiresIn=seconds
            )
            return link

    def credentials(self) -> Any:
        """Return the credentials that botocore found."""
        return self.client._request_signer._credentials

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.remote.bucket, "Key": self.remote.key(key)}

    def _pages(
        self, operation: str, *kinds: str, prefix: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield kind and entry of each listed object; `Key` is relative to the remote's prefix."""
        pages = self.client.get_paginator(operation).paginate(
            Bucket=self.remote.bucket, Prefix=f"{self.remote.root}{prefix}"
        )
        for page in pages:
            for kind in kinds:
                for item in _listing(page, self.remote).get(kind, ()):
                    yield kind, {**item, "Key": item["Key"].removeprefix(self.remote.root)}

    def _current(self, prefix: str) -> Iterator[tuple[str, ObjectFacts]]:
        for _, item in self._pages("list_objects_v2", "Contents", prefix=prefix):
            yield item["Key"], _facts(item)

    def _current_versions(self, prefix: str) -> Iterator[tuple[str, ObjectFacts]]:
        for _, item in self._pages("list_object_versions", "Versions", prefix=prefix):
            if item["IsLatest"]:
                yield item["Key"], _facts(item, item["VersionId"])

    def _has_versions(self) -> bool:
        from botocore.exceptions import ClientError

        try:
            answer = self.client.get_bucket_versioning(Bucket=self.remote.bucket)
        except ClientError as error:
            if error_code(error) in _NO_VERSIONS:
                return False
            raise
        return bool(answer.get("Status") == "Enabled")

    def _note(self, key: str, version: str | None, content: bool) -> None:
        ids = self._versions.setdefault(key, [])
        if content:
            ids.insert(0, version)
        else:
            ids += [_MARKER, version] if not ids else [version]

    def _found(self, call: Callable[[], T]) -> T | None:
        from botocore.exceptions import ClientError

        with diagnosed(self.remote, "read"):
            try:
                return call()
            except ClientError as error:
                if error_code(error) in _GONE:
                    return None
                raise


def _facts(item: Mapping[str, Any], version: str | None = None) -> ObjectFacts:
    tag = item["ETag"].strip('"')
    # The ETag of an object that was put in one part, without a key of its own, is its MD5.
    md5 = None if "-" in tag else tag
    return ObjectFacts(item["Size"], item["LastModified"].timestamp(), md5, tag, version)


def _listing(page: dict[str, Any], remote: Remote) -> dict[str, Any]:
    """Return a page of a listing; StorageError where the server sent something else.

    boto3 takes a web page for an empty listing.
    """
    if "IsTruncated" in page or "Name" in page:
        return page
    raise StorageError(
        "The server answers, but not as an S3 server does",
        where=f"remote {remote.name}",
        fix="correct its address: dvc remote modify --local "
        f"{remote.name} endpointurl http://HOST:PORT",
    )
