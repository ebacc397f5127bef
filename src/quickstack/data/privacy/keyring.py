"""The keyring: one file a key in a git-ignored folder, numbered by epoch, named by fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quickstack.facts.errors import KeyMissingError, QuickstackError

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
            "this is no key of 64 hexadecimal digits",
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


def add_key(root: Path, key: bytes | None = None, number: int | None = None) -> Epoch:
    """Keep a key, by default a new one of 256 random bits, as the next epoch of the ring.

    Raises
    ------
    QuickstackError
        Where the ring holds that key or that epoch already, or the key was destroyed here.
    """
    known = epochs(root)
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
    folder = root / KEYS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{number:04d}-{named}.key"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(key.hex() + "\n")
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
