"""Try out a remote: who we are there, whether it answers, and what we may do, within seconds."""

from __future__ import annotations

import contextlib
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.diagnosis import ACCESS, diagnose, endpoint_name
from quickstack.runtime.stores.folder_store import ObjectStore
from quickstack.runtime.stores.object_stores import open_store
from quickstack.runtime.stores.remotes import LOCAL, Remote
from quickstack.runtime.stores.s3 import client, session

T = TypeVar("T")

CHECKS = ("identity", "endpoint", "bucket", "list", "read", "write")
# Longest wait for one request, name look-up and slow drips included, which have no time-out.
PATIENCE = 8.0
# The write policy of configuration/aws/ lets this folder's objects be deleted, and no others; it
# stands in buckets of teams, hence its name stays.
FOLDER = ".quickstack-probe"
BODY = b"Written by quickstack doctor; deleted at once."
_OTHER_BYTES = "Other bytes came back than were written"

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


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    NOTE = "note"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Result:
    """One check: its name, how it ended, and a sentence."""

    check: str
    status: Status
    sentence: str


def check_remote(remote: Remote) -> list[Result]:
    """Try everything DVC needs of a remote, in the order in which things go wrong.

    Writing puts, reads and deletes one object of a few bytes below the remote's prefix.

    Returns
    -------
    list of Result
        One for each of `CHECKS`, in that order; no sentence holds a secret.
    """
    attempt = (_S3Attempt if remote.scheme == "s3" else _StoreAttempt)(remote)
    with contextlib.suppress(_StopError):
        attempt.everything()
    return [attempt.found.get(check) or _not_checked(check) for check in CHECKS]


def failure(results: Iterable[Result]) -> Result | None:
    """Return the first failed check, if any."""
    return next((result for result in results if result.status == Status.FAILED), None)


class _StopError(Exception):
    """Further checks would only repeat what is already said."""


class _Attempt(ABC):
    """One run over a remote; what it finds is filed under the check that it belongs to."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.found: dict[str, Result] = {}
        self.key = f"{FOLDER}/{uuid.uuid4().hex}"

    @abstractmethod
    def everything(self) -> None:
        """Run the checks until one fails that makes the others pointless."""

    def ok(self, check: str, sentence: str) -> None:
        self.found[check] = Result(check, Status.OK, sentence)

    def fail(self, check: str, what: str, fix: str) -> None:
        self.found[check] = Result(check, Status.FAILED, f"{what}. To fix it: {fix}.")


class _S3Attempt(_Attempt):
    def everything(self) -> None:
        bucket, place = self.remote.bucket, f"{self.remote.bucket}/{self.remote.prefix}"
        made = self.call("identity", "use", lambda: _identify(self.remote))
        if made is None:
            return
        s3, who = made
        self.ok("identity", who)
        page = self.call(
            "list",
            "list",
            lambda: s3.list_objects_v2(Bucket=bucket, Prefix=self.remote.prefix, MaxKeys=1),
        )
        self.ok("endpoint", f"{endpoint_name(self.remote)} answers")
        if page is not None:
            self.ok("bucket", f"{bucket} exists")
            self.ok("list", f"may list {place}")
        own = {"Bucket": bucket, "Key": self.remote.key(self.key)}
        put = self.call("write", "write to", lambda: s3.put_object(**own, Body=BODY))
        if put is not None:
            self.read(lambda: s3.get_object(**own)["Body"].read(len(BODY) + 1), place, BODY)
            if self.call("write", "delete in", lambda: s3.delete_object(**own)) is not None:
                self.ok("write", f"may write {place}")
        elif page and page.get("Contents"):
            other = {"Bucket": bucket, "Key": page["Contents"][0]["Key"]}
            self.read(lambda: s3.get_object(**other)["Body"].read(1), place)

    def read(self, get: Callable[[], bytes], place: str, expected: bytes | None = None) -> None:
        """Read the first bytes of an object, and compare them where they are known."""
        got = self.call("read", "read", get)
        if got is not None and expected is not None and got != expected:
            self.fail("read", _OTHER_BYTES, "look at that server")
        elif got is not None:
            self.ok("read", f"may read {place}")

    def call(self, check: str, verb: str, request: Callable[[], T]) -> T | None:
        """Return the answer; None where access is denied; stop at any other failure."""
        try:
            return _within(PATIENCE, request)
        except Exception as error:  # whatever it is ends as a sentence, not as a traceback
            found = diagnose(error, self.remote, action=verb)
        if found.check == ACCESS:
            self.fail(check, found.what, found.fix)
            return None
        if check != "identity" and found.check != "endpoint":
            self.ok("endpoint", f"{endpoint_name(self.remote)} answers")
        self.fail(found.check, found.what, found.fix)
        raise _StopError


class _StoreAttempt(_Attempt):
    """Of a folder, or a store that DVC's own file system reaches."""

    def everything(self) -> None:
        place = self.remote.address
        store = self.call("identity", lambda: open_store(self.remote))
        self.ok("identity", f"as DVC's settings for {place} say")
        self.call("list", lambda: store.objects(f"{FOLDER}/"))
        for check, verb in (("endpoint", "answers"), ("bucket", "exists")):
            self.ok(check, f"{place} {verb}")
        self.ok("list", f"may list {place}")
        with TemporaryDirectory() as folder:
            path = Path(folder) / "body"
            path.write_bytes(BODY)
            self.call("write", lambda: store.put(self.key, path))
        got = self.call("read", lambda: _content(store, self.key))
        if got == BODY:
            self.ok("read", f"may read {place}")
        else:
            self.fail("read", _OTHER_BYTES, "look at that server")
        self.call("write", lambda: store.delete(self.key))
        self.ok("write", f"may write {place}")

    def call(self, check: str, request: Callable[[], T]) -> T:
        """Return the answer; stop at any failure."""
        try:
            return _within(PATIENCE, request)
        except StorageError as error:
            what, fix = error.what, error.fix or ""
        except Exception as error:  # whatever it is ends as a sentence, not as a traceback
            found = diagnose(error, self.remote)
            what, fix = found.what, found.fix
        self.fail(check, what, fix)
        raise _StopError


def _content(store: ObjectStore, key: str) -> bytes:
    with store.open(key) as stream:
        return bytes(stream.read())


def _not_checked(check: str) -> Result:
    return Result(check, Status.NOT_CHECKED, "needs what failed")


def _identify(remote: Remote) -> tuple[Any, str]:
    """Return a client and, in words, who it is and where its keys come from."""
    from botocore.exceptions import NoCredentialsError

    settings = remote.settings
    if settings.get("allow_anonymous_login"):
        return client(remote), "anonymous, as allow_anonymous_login says"
    if access_key := settings.get("access_key_id"):
        source = str(LOCAL) if remote.local_keys else "DVC's configuration"
        return client(remote), f"access key id {masked(access_key)} from {source}"
    credentials = session(remote).get_credentials()
    if credentials is None:
        raise NoCredentialsError
    # Fetching may ask a log-in service, hence here, where time is limited.
    access_key = credentials.get_frozen_credentials().access_key
    source = _SOURCES.get(credentials.method, "the AWS configuration")
    return client(remote), f"access key id {masked(access_key)} from {source}"


def masked(access_key: str) -> str:
    """Return an access key id with its middle left out: enough to tell two apart."""
    return f"{access_key[:4]}…{access_key[-4:]}" if len(access_key) >= 12 else "…"


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Call in a thread that is left behind when it takes too long."""
    answers: Queue[tuple[T | None, Exception | None]] = Queue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:  # handed over to the caller's thread
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast(T, answer)
