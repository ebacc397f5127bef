"""Name the results of source files: unique, stable, and safe as the name of a file."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

#: Endings that say how a table is written and packed, and nothing about what is in it.
_PACKED = (".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd", ".zip")
_WRITTEN = (
    ".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".jsonl", ".ndjson", ".json",
    ".xlsx", ".xlsm", ".xls", ".ods",
)  # fmt: skip
#: With `.parquet` and a temporary name around it, it stays below the 255 bytes of a file name.
_MAX_BYTES = 160


def partition_names(paths: Sequence[PurePosixPath], remote: Sequence[bool]) -> list[str]:
    """Return a name for each source.

    A file is named for its path below the contract's folder, an object for the last part of its
    key, without the endings of format and packing. Those that would clash, also where upper and
    lower case are one, keep their endings (objects their whole keys) or, at last, get a digest of
    their path.

    Parameters
    ----------
    paths
        Of each, relative to the folder of the contract's pattern; bucket and key of an object.
    remote
        Whether each is an object.
    """
    levels = [0] * len(paths)
    while True:
        names = [_name(p, r, level) for p, r, level in zip(paths, remote, levels, strict=True)]
        seen = Counter(name.casefold() for name in names)
        clashing = [i for i, name in enumerate(names) if seen[name.casefold()] > 1]
        raised = [i for i in clashing if levels[i] < 2]
        if not raised:
            return names
        for i in raised:
            levels[i] += 1


def _name(path: PurePosixPath, remote: bool, level: int) -> str:
    parts = path.parts
    if remote:
        parts = parts[-1:] if level == 0 else parts[1:]
    if level == 0:
        parts = (*parts[:-1], _stem(parts[-1]))
    name = unicodedata.normalize("NFC", "-".join(parts))
    name = re.sub(r"[^\w-]", "_", name)
    if level == 2 or len(name.encode()) > _MAX_BYTES or not name.strip("_"):
        digest = hashlib.blake2b(path.as_posix().encode("utf-8", "surrogateescape"), digest_size=6)
        short = name.encode()[: _MAX_BYTES - 16].decode("utf-8", "ignore")
        name = f"{short}-{digest.hexdigest()}"
    return name


def _stem(name: str) -> str:
    for endings in (_PACKED, _WRITTEN):
        ending = PurePosixPath(name).suffix
        if ending.lower() in endings:
            name = name[: -len(ending)]
    return name
