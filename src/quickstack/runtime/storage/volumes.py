"""The volumes in which SeaweedFS keeps objects, and how deleted bytes leave them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.runtime.storage.seaweedfs import DATA, MASTER, VOLUME
from quickstack.runtime.storage.server import FOLDER, ask

# A volume is a head and records. A record is a head of 16 bytes, whose last four say the size of
# the body, the body, which begins with the size of the content, a checksum and a time. (The
# format of SeaweedFS's volumes, version 3.)
_HEAD, _RECORD, _TAIL, _ALIGNED = 8, 16, 12, 8
#: The server hands deletions to its volumes about once a second; after so many looks that find
#: nothing new, all are there.
_STILL = 3


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what lies in the files of a repository's server, deleted or not, with the file's name.

    Of a volume each content by itself: an object, or a part of a large one. A file of another
    kind, or in a format that is not known, is given whole.
    """
    folder = root / FOLDER / DATA
    for path in sorted(folder.rglob("*")):
        try:
            body = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # written anew at this moment
            continue
        found = list(_records(body)) if path.suffix == ".dat" else [body]
        yield from ((path.relative_to(root).as_posix(), part) for part in found if part)


def _records(volume: bytes) -> Iterator[bytes]:
    place = _HEAD
    while place + _RECORD <= len(volume):
        size = int.from_bytes(volume[place + 12 : place + 16], "big", signed=True)
        body = place + _RECORD
        length = int.from_bytes(volume[body : body + 4], "big") if size > 0 else 0
        whole = _RECORD + max(size, 0) + _TAIL
        if volume[0] != 3 or length > max(size, 0) or place + whole > len(volume):
            yield volume[place:]
            return
        yield volume[body + 4 : body + 4 + length]
        place += whole + _ALIGNED - whole % _ALIGNED


def compact(endpoint: str, seconds: float = 60) -> bool:
    """Let a local server write its volumes anew, without what was deleted.

    Parameters
    ----------
    endpoint
        Of its S3.
    seconds
        How long to wait for it.

    Returns
    -------
    bool
        Whether its volumes hold nothing deleted any more.
    """
    port = urlsplit(endpoint).port or 0
    before: list[Any] | None = None
    still, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        # Every share of deleted bytes is worth it.
        ask(port + MASTER, "/vol/vacuum?garbageThreshold=0.0000001", seconds)
        status, body = ask(port + VOLUME, "/status")
        if status != 200:
            return False
        volumes = json.loads(body).get("Volumes") or []
        now = [[v["Id"], v["Size"], v["FileCount"], v["DeletedByteCount"]] for v in volumes]
        still = still + 1 if now == before and not any(v[3] for v in now) else 0
        if still == _STILL:
            return True
        before = now
        time.sleep(0.8)
    return False
