"""Try out a remote: who we are there, whether it answers, and what we may do, within seconds."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, Queue
from typing import Any, TypeVar, cast

from quickstack.runtime.stores.diagnosis import ACCESS, endpoint_name, explain
from quickstack.runtime.stores.remotes import LOCAL, Remote, client, session

T = TypeVar("T")

CHECKS = ("identity", "endpoint", "bucket", "list", "read", "write")
# Longest wait for one request, name look-up and slow drips included, which have no time-out.
PATIENCE = 8.0
# The write policy of configuration/aws/ lets this folder's objects be deleted, and no others.
FOLDER = ".quickstack-probe"
BODY = b"Written by quickstack doctor; deleted at once."

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


def probe(remote: Remote) -> list[Result]:
    """Try everything DVC needs of a remote, in the order in which things go wrong.

    Writing puts, reads and deletes one object of a few bytes below the remote's prefix.

    Parameters
    ----------
    remote
        The remote to try.

    Returns
    -------
    list of Result
        One for each of `CHECKS`, in that order; no sentence holds a secret.
    """
    attempt = _Attempt(remote)
    with contextlib.suppress(_StopError):
        attempt.everything()
    return [attempt.found.get(check) or _not_checked(check) for check in CHECKS]


def failure(results: Iterable[Result]) -> Result | None:
    """Return the first failed check, if any."""
    return next((result for result in results if result.status == Status.FAILED), None)


class _StopError(Exception):
    """Further checks would only repeat what is already said."""


class _Attempt:
    """One run over a remote; what it finds is filed under the check that it belongs to."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.found: dict[str, Result] = {}
        self.place = f"{remote.bucket}/{remote.prefix}"

    def everything(self) -> None:
        """Run the checks until one fails that makes the others pointless."""
        bucket, prefix = self.remote.bucket, self.remote.prefix
        made = self.call("identity", "use", lambda: _identify(self.remote))
        if made is None:
            return
        s3, who = made
        self.ok("identity", who)
        page = self.call(
            "list", "list", lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        )
        self.ok("endpoint", f"{endpoint_name(self.remote)} answers")
        if page is not None:
            self.ok("bucket", f"{bucket} exists")
            self.ok("list", f"may list {self.place}")
        key = self.remote.key(f"{FOLDER}/{uuid.uuid4().hex}")
        put = self.call(
            "write", "write to", lambda: s3.put_object(Bucket=bucket, Key=key, Body=BODY)
        )
        if put is not None:
            self.read(s3, key, expected=BODY)
            self.delete(s3, key)
        elif page and page.get("Contents"):
            self.read(s3, page["Contents"][0]["Key"])

    def read(self, s3: Any, key: str, expected: bytes | None = None) -> None:
        """Read the first bytes of an object, and compare them where they are known."""

        def get() -> bytes:
            body = s3.get_object(Bucket=self.remote.bucket, Key=key)["Body"]
            return bytes(body.read(len(BODY) + 1))

        got = self.call("read", "read", get)
        if got is not None and expected is not None and got != expected:
            self.fail("read", "Other bytes came back than were written", "look at that server")
        elif got is not None:
            self.ok("read", f"may read {self.place}")

    def delete(self, s3: Any, key: str) -> None:
        """Delete the probe's own object."""
        gone = self.call(
            "write", "delete in", lambda: s3.delete_object(Bucket=self.remote.bucket, Key=key)
        )
        if gone is not None:
            self.ok("write", f"may write {self.place}")

    def call(self, check: str, verb: str, request: Callable[[], T]) -> T | None:
        """Return the answer; None where access is denied; stop at any other failure."""
        try:
            return _within(PATIENCE, request)
        except Exception as error:  # whatever it is ends as a sentence, not as a traceback
            trouble = explain(error, self.remote, action=verb)
        if trouble.check == ACCESS:
            self.fail(check, trouble.what, trouble.fix)
            return None
        if check != "identity" and trouble.check != "endpoint":
            self.ok("endpoint", f"{endpoint_name(self.remote)} answers")
        self.fail(trouble.check, trouble.what, trouble.fix)
        raise _StopError

    def ok(self, check: str, sentence: str) -> None:
        self.found[check] = Result(check, Status.OK, sentence)

    def fail(self, check: str, what: str, fix: str) -> None:
        self.found[check] = Result(check, Status.FAILED, f"{what}. To fix it: {fix}.")


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
