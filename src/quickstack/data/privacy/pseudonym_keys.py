"""The key that a contract's pseudonyms are made with, from the environment or the keyring."""

from __future__ import annotations

import hashlib
import os

from quickstack.data.privacy.keyring import (
    KEYS,
    destroyed,
    epochs,
    find_keyring,
    fingerprint,
    parse_key,
)
from quickstack.facts.contract import Contract
from quickstack.facts.errors import KeyMissingError

__all__ = ["KEY_VARIABLE", "SAMPLE_KEY", "contract_key", "fingerprint", "own_key", "own_keys"]

KEY_VARIABLE = "QUICKSTACK_PSEUDONYM_KEY"
#: Published on purpose: the people of the built-in sample are invented, and so every clone gets
#: the same bytes. No other contract may use it.
SAMPLE_KEY = hashlib.blake2b(
    b"quickstack: the published key of the sample", digest_size=32
).digest()
_HOW = (
    "run `quickstack key new` once, and share the key in the team by a password manager, never by "
    "git; the contract's custom property pseudonymKey can pin the fingerprint it prints"
)


def own_key() -> bytes | None:
    """Return the team's key: the one in the environment, else the newest of the keyring.

    Raises
    ------
    KeyMissingError
        Where what is there is no key.
    """
    key = _environment_key()
    if key is not None:
        return key
    root = find_keyring()
    ring = epochs(root) if root else []
    return ring[-1].key() if ring else None


def own_keys() -> dict[str, bytes]:
    """Return every key at hand, by fingerprint: the ring's from old to new, then the environment's.

    Raises
    ------
    KeyMissingError
        Where what is there is no key.
    """
    root = find_keyring()
    found = {epoch.fingerprint: epoch.key() for epoch in (epochs(root) if root else [])}
    key = _environment_key()
    if key is not None:
        found[fingerprint(key)] = key
    return found


def contract_key(contract: Contract) -> bytes | None:
    """Return the key that a contract's pseudonyms are made with, None where it needs none.

    Raises
    ------
    KeyMissingError
        Where the key is missing, destroyed, is not the one the contract names, or is the published
        key of the sample in any other contract.
    """
    if not contract.needs_key:
        return None
    published = fingerprint(SAMPLE_KEY)
    where = f"contract '{contract.id}'"
    named = contract.key_fingerprint
    if contract.id == "sample" and named == published:
        return SAMPLE_KEY
    key = _named_key(named) if named else own_key()
    if published in (named, fingerprint(key) if key else None):
        raise KeyMissingError(
            "the key of the sample is published, and protects nobody", where=where, fix=_HOW
        )
    if key is not None:
        return key
    root = find_keyring()
    gone = destroyed(root) if root else {}
    if named in gone:
        raise KeyMissingError(
            f"its key {named} was destroyed on {gone[named]}",
            where=where,
            fix="run `quickstack key rotate`, and name the new key in the contract",
        )
    if at_hand := own_key():
        raise KeyMissingError(
            f"the key at hand is {fingerprint(at_hand)}, and the contract names {named}",
            where=where,
            fix="get the right one from your team, and give it to `quickstack key add`",
        )
    raise KeyMissingError(
        "the key for its pseudonyms is missing",
        where=where,
        fix=f"get it from your team and give it to `quickstack key add`, which keeps it in "
        f"{KEYS.as_posix()}, or set {KEY_VARIABLE}. If there is none yet, {_HOW}",
    )


def _named_key(named: str) -> bytes | None:
    key = _environment_key()
    if key is not None and fingerprint(key) == named:
        return key
    root = find_keyring()
    ring = epochs(root) if root else []
    return next((epoch.key() for epoch in ring if epoch.fingerprint == named), None)


def _environment_key() -> bytes | None:
    text = os.environ.get(KEY_VARIABLE)
    return parse_key(text, f"environment variable {KEY_VARIABLE}") if text else None
