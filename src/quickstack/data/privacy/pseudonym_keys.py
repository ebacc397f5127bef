"""The key that a contract's pseudonyms are made with, from the environment or the keyring."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quickstack.facts.contract import Contract
from quickstack.facts.errors import KeyMissingError, QuickstackError
from quickstack.facts.files import write_private
from quickstack.runtime.stores.locking import process_lock

KEYS = Path(".quickstack/keys")
#: Where the one key lay before there were epochs; it counts as the first.
SINGLE = Path(".quickstack/pseudonym.key")
_DESTROYED = "destroyed.jsonl"
_NAME = re.compile(r"(\d{4})-([0-9a-f]{16})\.key")


@dataclass(frozen=True)
class Epoch:
    """One key of the ring: its number, its fingerprint and the file that holds it."""

    number: int
    fingerprint: str
    path: Path

    def key(self) -> bytes:
        """Read the key.

        Raises
        ------
        KeyMissingError
            Where the file holds no key, or another one than its name says.
        """
        key = read_key(self.path)
        if fingerprint(key) != self.fingerprint:
            raise KeyMissingError(
                "this file holds another key than its name says",
                where=shown(self.path),
                fix="take the file from your team's password manager again",
            )
        return key


def fingerprint(key: bytes) -> str:
    """Return the 16 hexadecimal digits by which a key is named; the key cannot be got from them."""
    return hashlib.blake2b(b"quickstack key", key=key, digest_size=8).hexdigest()


def parse_key(text: str, where: str) -> bytes:
    """Return the 32 bytes that 64 hexadecimal digits write; KeyMissingError for anything else."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyMissingError(
            "this is not a key of 64 hexadecimal digits",
            where=where,
            fix="take the key from your team's password manager, or make one by `quickstack key "
            "new`",
        )
    return key


def read_key(path: Path) -> bytes:
    """Read the key in a file; KeyMissingError where it holds none."""
    return parse_key(path.read_text(encoding="ascii", errors="replace"), shown(path))


def find_keyring(start: Path | None = None) -> Path | None:
    """Return the nearest folder, upwards, that has a keyring; None where there is none.

    A ring whose last key was destroyed is still one: it knows the day. Upwards, because an
    experiment runs in a copy of the repository inside `.dvc/tmp`, which holds no ignored files.
    """
    here = (start or Path.cwd()).absolute()
    marks = (SINGLE, KEYS)
    return next((f for f in (here, *here.parents) if any((f / m).exists() for m in marks)), None)


def epochs(root: Path) -> list[Epoch]:
    """Return the keys of the ring in `root`, oldest first."""
    found = {}
    if (root / SINGLE).is_file():
        named = fingerprint(read_key(root / SINGLE))
        found[named] = Epoch(1, named, root / SINGLE)
    for path in _ring(root):
        match = _NAME.fullmatch(path.name)
        assert match is not None
        found[match[2]] = Epoch(int(match[1]), match[2], path)
    return sorted(found.values(), key=lambda epoch: (epoch.number, epoch.fingerprint))


def add_key(
    root: Path, key: bytes | None = None, number: int | None = None, *, first: bool = False
) -> Epoch:
    """Keep a key, by default a new one of 256 random bits, as the next epoch of the ring.

    Parameters
    ----------
    first
        Whether it must be the first: of several that are made at once, one is.

    Raises
    ------
    QuickstackError
        Where the ring holds that key or that epoch already, or the key was destroyed here.
    """
    folder = root / KEYS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    busy = QuickstackError(
        "another process makes a key at this moment",
        where=KEYS.as_posix(),
        fix="see `quickstack key show`",
    )
    with process_lock(folder / "lock", busy):
        return _add_key(root, key, number, first)


def _add_key(root: Path, key: bytes | None, number: int | None, first: bool) -> Epoch:
    known = epochs(root)
    if first and known:
        raise QuickstackError(
            f"there is already a key, {known[-1].fingerprint}",
            where=KEYS.as_posix(),
            fix="use it: contracts without pseudonymKey do; or make the next by `quickstack key "
            "rotate`",
        )
    key = secrets.token_bytes(32) if key is None else key
    named = fingerprint(key)
    if when := destroyed(root).get(named):
        raise QuickstackError(
            f"key {named} was destroyed on {when}",
            where=KEYS.as_posix(),
            fix="let it be; what it pseudonymised is meant to stay unreadable",
        )
    if number is None:
        number = max((epoch.number for epoch in known), default=0) + 1
    if any(epoch.number == number or epoch.fingerprint == named for epoch in known):
        raise QuickstackError(
            f"the ring holds this key or epoch {number} already",
            where=KEYS.as_posix(),
            fix="see `quickstack key show`",
        )
    path = root / KEYS / f"{number:04d}-{named}.key"
    write_private(path, key.hex() + "\n")
    return Epoch(number, named, path)


def destroy(root: Path, epoch: Epoch) -> None:
    """Overwrite and remove every file of a key, and note its fingerprint and the day.

    What is left on worn blocks of a disk, in backups and with colleagues is out of reach.
    """
    if epoch.fingerprint not in destroyed(root):
        # First the note: after an interruption the key is still found, and destroyed again.
        today = datetime.now(UTC).date().isoformat()
        (root / KEYS).mkdir(parents=True, exist_ok=True, mode=0o700)
        line = {"fingerprint": epoch.fingerprint, "epoch": epoch.number, "date": today}
        with (root / KEYS / _DESTROYED).open("a", encoding="ascii", newline="\n") as stream:
            stream.write(json.dumps(line) + "\n")
    paths = [path for path in _ring(root) if epoch.fingerprint in path.name]
    single = root / SINGLE
    if single.is_file() and fingerprint(read_key(single)) == epoch.fingerprint:
        paths.append(single)
    for path in paths:
        with path.open("r+b") as stream:
            stream.write(secrets.token_bytes(path.stat().st_size))
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink()


def destroyed(root: Path) -> dict[str, str]:
    """Return the day on which each key was destroyed, by its fingerprint."""
    path = root / KEYS / _DESTROYED
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines() if line]
    return {line["fingerprint"]: line["date"] for line in lines}


def shown(path: Path) -> str:
    """Return a key file's path as people know it, from `.quickstack` on."""
    parts = path.parts
    place = parts.index(".quickstack") if ".quickstack" in parts else 0
    return Path(*parts[place:]).as_posix()


def _ring(root: Path) -> list[Path]:
    folder = root / KEYS
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name))


__all__ = ["KEY_VARIABLE", "SAMPLE_KEY", "contract_key", "fingerprint", "own_key", "own_keys"]

KEY_VARIABLE = "QUICKSTACK_PSEUDONYM_KEY"
#: Published on purpose: the people of the built-in sample are invented, and so every clone gets
#: the same bytes. No other contract may use it.
SAMPLE_KEY = hashlib.blake2b(
    b"quickstack: the published key of the sample", digest_size=32
).digest()
_HOW = (
    "run `quickstack key new` once, and share the key in the team by a password manager, never by "
    "git; write the fingerprint it prints as pseudonymKey into the contract, or leave that out"
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


def own_keys(start: Path | None = None) -> dict[str, bytes]:
    """Return every key at hand, by fingerprint: the ring's from old to new, then the environment's.

    Parameters
    ----------
    start
        Where to look for the ring, as in `find_keyring`.

    Raises
    ------
    KeyMissingError
        Where what is there is no key.
    """
    root = find_keyring(start)
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
        own = own_key()
        fix = _HOW if own in (None, SAMPLE_KEY) else _instead(own)
        raise KeyMissingError(
            "the key of the sample is published, and protects nobody", where=where, fix=fix
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
            fix="get the right one from your team, and give it to `quickstack key add`; of a "
            f"contract that was copied, {_instead(at_hand)}",
        )
    raise KeyMissingError(
        "the key for its pseudonyms is missing",
        where=where,
        fix=f"get it from your team and give it to `quickstack key add`, which keeps it in "
        f"{KEYS.as_posix()}, or set {KEY_VARIABLE}. If there is none yet, {_HOW}",
    )


def _instead(key: bytes) -> str:
    return f"write {fingerprint(key)} as its pseudonymKey, or take that property out"


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
