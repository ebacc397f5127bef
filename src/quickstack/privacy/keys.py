"""The key for pseudonyms: from the environment or a git-ignored file, named by its fingerprint."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from quickstack.contract import Contract
from quickstack.errors import KeyMissingError, QuickstackError

KEY_VARIABLE = "QUICKSTACK_PSEUDONYM_KEY"
KEY_FILE = Path(".quickstack/pseudonym.key")
#: Published on purpose: the people of the built-in sample are invented, and so every clone gets
#: the same bytes. No other contract may use it.
SAMPLE_KEY = hashlib.blake2b(
    b"quickstack: the published key of the sample", digest_size=32
).digest()
_HOW = (
    "run `quickstack key new` once, and share the key in the team by a password manager, never by "
    "git; the contract's custom property pseudonymKey can pin the fingerprint it prints"
)


def fingerprint(key: bytes) -> str:
    """Return the 16 hexadecimal digits by which a key is named; the key cannot be got from them."""
    return hashlib.blake2b(b"quickstack key", key=key, digest_size=8).hexdigest()


def new_key(path: Path = KEY_FILE) -> bytes:
    """Make a key of 256 random bits and keep it in a file that only its owner may read.

    Raises
    ------
    QuickstackError
        Where the file exists: a lost key makes its pseudonyms impossible to make again.
    """
    key = secrets.token_bytes(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise QuickstackError(
            "there is a key already", where=path.as_posix(), fix="use it, or move it away first"
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(key.hex() + "\n")
    return key


def own_key() -> bytes | None:
    """Return the team's key from the environment or the nearest key file, None without one.

    The file is looked for in this folder and those above it, because an experiment runs in a copy
    of the repository inside `.dvc/tmp`, which holds no ignored files.

    Raises
    ------
    KeyMissingError
        Where what is there is no key.
    """
    text = os.environ.get(KEY_VARIABLE)
    where = f"environment variable {KEY_VARIABLE}"
    if not text:
        here = Path.cwd()
        path = next((f / KEY_FILE for f in (here, *here.parents) if (f / KEY_FILE).is_file()), None)
        if path is None:
            return None
        text, where = path.read_text(encoding="ascii", errors="replace"), KEY_FILE.as_posix()
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyMissingError("this is no key of 64 hexadecimal digits", where=where, fix=_HOW)
    return key


def contract_key(contract: Contract) -> bytes | None:
    """Return the key that a contract's pseudonyms are made with, None where it needs none.

    Raises
    ------
    KeyMissingError
        Where the key is missing, is not the one the contract names, or is the published key of
        the sample in any other contract.
    """
    if not contract.needs_key:
        return None
    published = fingerprint(SAMPLE_KEY)
    where = f"contract '{contract.id}'"
    if contract.id == "sample" and contract.key_fingerprint == published:
        return SAMPLE_KEY
    key = own_key()
    if published in (contract.key_fingerprint, fingerprint(key) if key else None):
        raise KeyMissingError(
            "the key of the sample is published, and protects nobody", where=where, fix=_HOW
        )
    if key is None:
        raise KeyMissingError(
            "the key for its pseudonyms is missing",
            where=where,
            fix=f"get it from your team and save it as {KEY_FILE.as_posix()}, or set "
            f"{KEY_VARIABLE}. If there is none yet, {_HOW}",
        )
    if contract.key_fingerprint not in (None, fingerprint(key)):
        raise KeyMissingError(
            f"the key at hand is {fingerprint(key)}, and the contract names "
            f"{contract.key_fingerprint}",
            where=where,
            fix="get the right one from your team",
        )
    return key
