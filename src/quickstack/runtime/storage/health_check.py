"""Try out a remote: who we are there, whether it answers, and what we may do, within seconds."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.diagnosis import (
    ACCESS,
    Diagnosis,
    StoreError,
    diagnose,
    endpoint_name,
    patience,
)
from quickstack.runtime.stores.folder_store import ObjectStore
from quickstack.runtime.stores.object_stores import PROBE, first_keys, open_store, within
from quickstack.runtime.stores.remotes import Remote
from quickstack.runtime.stores.s3 import identity

T = TypeVar("T")

CHECKS = ("identity", "endpoint", "bucket", "list", "read", "write")
BODY = b"Written by quickstack doctor; deleted at once."


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
        self.remote, self.place = remote, remote.address
        self.found: dict[str, Result] = {}

    def everything(self) -> None:
        """Run the checks until one fails that makes the others pointless."""
        who = self.call("identity", "use", lambda: _identity(self.remote))
        store = self.call("identity", "use", lambda: open_store(self.remote))
        if store is None or who is None:
            return
        self.ok("identity", who)
        keys = self.call("list", "list", lambda: first_keys(self.remote))
        self.answers()
        if keys is not None:
            self.ok("bucket", f"{self.place} exists")
            self.ok("list", f"may list {self.place}")
        key = f"{PROBE}/{uuid.uuid4().hex}"
        if self.call("write", "write to", lambda: _written(store, key)):
            self.read(store, key, BODY)
            if self.call("write", "delete in", lambda: _deleted(store, key)):
                self.ok("write", f"may write {self.place}")
        elif keys:
            self.read(store, keys[0])

    def read(self, store: ObjectStore, key: str, expected: bytes | None = None) -> None:
        """Read the first bytes of an object, and compare them where they are known."""
        got = self.call("read", "read", lambda: _content(store, key))
        if got is not None and expected is not None and got != expected:
            self.fail("read", "Other bytes came back than were written", "look at that server")
        elif got is not None:
            self.ok("read", f"may read {self.place}")

    def call(self, check: str, verb: str, request: Callable[[], T]) -> T | None:
        """Return the answer; None where access is denied; stop at any other failure."""
        try:
            return within(patience() + 1, request)
        except StoreError as error:
            found = Diagnosis(error.check, error.what, error.fix or "")
        except StorageError as error:
            found = Diagnosis(check, error.what, error.fix or "")
        except Exception as error:  # whatever it is ends as a sentence, not as a traceback
            found = diagnose(error, self.remote, action=verb)
        if found.check == ACCESS:
            self.fail(check, found.what, found.fix)
            return None
        if check != "identity" and found.check != "endpoint":
            self.answers()
        self.fail(found.check if found.check in CHECKS else check, found.what, found.fix)
        raise _StopError

    def answers(self) -> None:
        server = endpoint_name(self.remote) if self.remote.scheme == "s3" else self.place
        self.ok("endpoint", f"{server} answers")

    def ok(self, check: str, sentence: str) -> None:
        self.found[check] = Result(check, Status.OK, sentence)

    def fail(self, check: str, what: str, fix: str) -> None:
        self.found[check] = Result(check, Status.FAILED, f"{what}. To fix it: {fix}.")


def _identity(remote: Remote) -> str:
    return identity(remote) if remote.scheme == "s3" else f"as DVC's settings for {remote.name} say"


def _written(store: ObjectStore, key: str) -> bool:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "body"
        path.write_bytes(BODY)
        store.put(key, path)
    return True


def _deleted(store: ObjectStore, key: str) -> bool:
    store.delete(key)
    return True


def _content(store: ObjectStore, key: str) -> bytes:
    with store.open(key) as stream:
        return bytes(stream.read(len(BODY) + 1))


def _not_checked(check: str) -> Result:
    return Result(check, Status.NOT_CHECKED, "needs what failed")
