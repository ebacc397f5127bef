"""The export that is to be published: its manifest, and its files with their hashes checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.facts.errors import DataError
from quickstack.facts.paths import EXPORTS
from quickstack.results.exporting.manifest import file_facts
from quickstack.results.publishing.published_state import MANIFEST
from quickstack.results.publishing.readers_place import FileFacts


@dataclass(frozen=True)
class Exports:
    """A folder of exports.

    Attributes
    ----------
    manifest
        As the export stage wrote it.
    manifest_facts
        Its hash names the export: equal hashes are equal exports.
    files
        All other files, by path.
    """

    folder: Path
    manifest: dict[str, Any]
    manifest_facts: FileFacts
    files: dict[str, FileFacts]


def read_exports(folder: Path) -> Exports:
    """Read the export of a folder and hash its files.

    Raises
    ------
    DataError
        Where there is none, or a file is not the one that its manifest names.
    """
    where = EXPORTS.as_posix()
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("there is nothing to publish", where=where, fix="run `dvc repro`") from None
    files = {
        facts["path"]: facts
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".gitignore"
        for facts in [file_facts(path, folder)]
    }
    listed = [
        *manifest["pages"],
        *(file for table in manifest["tables"] for file in table["files"]),
    ]
    wrong = [f["path"] for f in listed if files.get(f["path"], {}).get("sha256") != f["sha256"]]
    if wrong:
        raise DataError(
            f"the manifest tells of other files than {', '.join(wrong[:5])}",
            where=where,
            fix="run `dvc repro`, or `dvc checkout`",
        )
    return Exports(folder, manifest, files.pop(MANIFEST), files)
