"""Pseudonym keys and S3 secrets: those that are known here, and what is written as one.

A key of 64 hexadecimal digits looks like any SHA-256. It is a key where its fingerprint is named:
by a contract, by the name of a key file, or by the keyring.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from quickstack.data.privacy.pseudonym_keys import (
    SAMPLE_KEY,
    destroyed,
    find_keyring,
    fingerprint,
    own_keys,
)
from quickstack.data.unpacking.buffers import Buffer
from quickstack.facts.errors import QuickstackError
from quickstack.facts.paths import CONTRACTS
from quickstack.guard.scanning.encodings import patterns
from quickstack.guard.scanning.matcher import Pattern
from quickstack.guard.scanning.searched_values import Value
from quickstack.guard.scanning.workspace_files import Item
from quickstack.runtime.stores.remotes import LOCAL, dvc_config

#: Where secrets belong: git ignores these files.
_BELONGS = (LOCAL.as_posix(), ".env")
_KINDS = ("workspace", "experiments")
_PUBLISHED = fingerprint(SAMPLE_KEY)
#: A shorter one is met by chance, or is nobody's.
_SHORTEST_SECRET = 8

_NAMED = re.compile(
    rb"\d{4}-([0-9a-f]{16})\.key|pseudonymKey.{0,60}?(?<![0-9a-f])([0-9a-f]{16})(?![0-9a-f])", re.S
)
_KEY = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_SAID_KEY = re.compile(
    rb"pseudonym[_\- ]?key.{0,20}?(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])", re.I | re.S
)
_SECRET_NAME = rb"(?:secret[_\-]?access[_\-]?key|secret[_\-]?key|aws[_\-]?secret)"
#: A long value behind the name, in any notation, which is no expression of a program.
_SAID_SECRET = re.compile(
    _SECRET_NAME + rb"""["']?\s*[:=]\s*["']?([\w/+\-]{20,}={0,2})(?![\w/+\-.(\[{$])""", re.I
)
#: A line of a configuration, whatever its value.
_SECRET_LINE = re.compile(
    rb"""^[ \t]*(?:export[ \t]+)?(?:aws_)?secret_access_key[ \t]*[:=][ \t]*["']?"""
    rb"""([^\s"'<>{}$(),.\\*]{6,})["']?[ \t]*\r?$""",
    re.I | re.M,
)
#: What a part holds that is looked at with these expressions: a plain search is much faster.
_WORDS = tuple(
    form
    for word in (b"secret", b"pseudonym", b".key")
    for form in (word, word.upper(), word.title())
)


class KeyFinder:
    """Finds keys and secrets in bytes.

    Parameters
    ----------
    root
        The repository, whose keyring, contracts and remotes say which keys there are.

    Attributes
    ----------
    named
        Fingerprints of keys that are named somewhere; what is looked through adds to them.
    """

    def __init__(self, root: Path) -> None:
        ring = find_keyring(root)
        self._keys = {named: key for named, key in own_keys(root).items() if named != _PUBLISHED}
        self._secrets = _own_secrets(root)
        self.named = set(self._keys) | (set(destroyed(ring)) if ring else set())
        for path in sorted((root / CONTRACTS).glob("*.yaml")):
            self.name(path.read_bytes())

    def searched(self) -> list[str]:
        """Return what tells whether another finder looks for the same: a digest of each secret."""
        secrets = [hashlib.sha256(text.encode()).hexdigest() for text in self._secrets]
        return sorted([*self._keys, *self.named, *secrets])

    def patterns(self, first: int) -> tuple[list[str], Iterator[Pattern]]:
        """Return what findings show of each known key and secret, and their patterns.

        Parameters
        ----------
        first
            The number of the first one.
        """
        shown = [label(named) for named in self._keys]
        texts = [key.hex() for key in self._keys.values()]
        values = [Value(text, name) for text, name in zip(texts, shown, strict=True)]
        values += [Value(text, f"the S3 secret {where}") for text, where in self._secrets.items()]
        return [value.shown for value in values], self._patterns(values, first)

    def _patterns(self, values: list[Value], first: int) -> Iterator[Pattern]:
        for one in patterns(values, thorough=True):
            yield Pattern(one.content, one.value + first, one.encoding, one.beside)
        for number, key in enumerate(self._keys.values(), first):
            yield Pattern(key, number, "bytes")
            yield Pattern(base64.b64encode(key).rstrip(b"=")[:-1], number, "base64")

    def name(self, content: Buffer) -> None:
        """Take up the fingerprints that a file names."""
        found = {(a or b).decode() for a, b in _NAMED.findall(content)}
        self.named |= found - {_PUBLISHED}

    def look(self, content: Buffer) -> Iterator[tuple[str, str | None]]:
        """Yield what findings show of each key, and the fingerprint that must be named for it."""
        if any(content.find(word) >= 0 for word in _WORDS):
            self.name(content)
            for match in _SAID_KEY.finditer(content):
                named = fingerprint(bytes.fromhex(match[1].decode()))
                if named != _PUBLISHED:
                    yield label(named), None
            if _is_secret(content):
                yield "an S3 secret", None
        for digits in _hexadecimal(content):
            named = fingerprint(bytes.fromhex(digits.decode()))
            if named != _PUBLISHED:
                yield label(named), named


def label(named: str) -> str:
    """Return how findings show a pseudonym key."""
    return f"the pseudonym key {named}"


def belongs(item: Item) -> bool:
    """Whether it is a file that secrets belong in."""
    path = f"/{item.path}"
    return item.kind in _KINDS and any(path.endswith(f"/{name}") for name in _BELONGS)


def _is_secret(content: Buffer) -> bool:
    long = (match[1] for match in _SAID_SECRET.finditer(content))
    return _SECRET_LINE.search(content) is not None or any(
        re.search(rb"\d", text) and re.search(rb"[A-Za-z]", text) for text in long
    )


def _own_secrets(root: Path) -> dict[str, str]:
    """Return the S3 secrets of this machine, each with where it comes from."""
    import configparser

    found: dict[str, str] = {}
    try:
        remotes: dict[str, dict[str, str]] = dvc_config(root)["remote"]
    except QuickstackError:
        remotes = {}
    for name, settings in remotes.items():
        found.setdefault(str(settings.get("secret_access_key", "")), f"of remote {name}")
    found.setdefault(os.environ.get("AWS_SECRET_ACCESS_KEY", ""), "of AWS_SECRET_ACCESS_KEY")
    given = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    profiles = configparser.ConfigParser(interpolation=None)
    try:
        profiles.read(Path(given or "~/.aws/credentials").expanduser(), encoding="utf-8")
    except (OSError, ValueError, configparser.Error):
        profiles.clear()
    for name in profiles.sections():
        secret = profiles[name].get("aws_secret_access_key", "")
        found.setdefault(secret, f"of profile {name}")
    return {text: where for text, where in found.items() if len(text) >= _SHORTEST_SECRET}


def _hexadecimal(content: Buffer) -> Iterable[bytes]:
    """Return the runs of 64 hexadecimal digits.

    Of a run, seven bytes at a distance of eight are digits: only around those is it looked for.
    """
    import numpy as np

    table = np.zeros(256, dtype=bool)
    table[list(b"0123456789abcdefABCDEF")] = True
    some = table[np.frombuffer(content, np.uint8)[::8]]
    size = len(some) - 6
    if size <= 0:
        return []
    runs = np.logical_and.reduce([some[shift : size + shift] for shift in range(7)])
    found = set()
    for at in (np.flatnonzero(runs) * 8).tolist():
        found.update(_KEY.findall(content[max(at - 9, 0) : at + 66]))
    return sorted(found)
