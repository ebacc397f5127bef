"""What an export holds and which versions it stands on, by hash.

There is no git revision and no time in it: the revision pins the export, so it cannot be inside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.models.modeling.fit import class_names

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract


#: Digits of a hash that name a version for people.
VERSION_DIGITS = 12


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combined_hash(paths: Iterable[Path]) -> str:
    """Return one SHA-256 for several files: what `sha256sum * | sha256sum` says in their folder."""
    lines = (f"{file_hash(path)}  {path.name}\n" for path in sorted(paths, key=lambda p: p.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def value_hash(value: Any) -> str:
    """Return the SHA-256 of a plain object, written as JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_facts(path: Path, folder: Path) -> dict[str, Any]:
    """Return the path of a file inside a folder, its size in bytes and its SHA-256."""
    return {
        "path": path.relative_to(folder).as_posix(),
        "bytes": path.stat().st_size,
        "sha256": file_hash(path),
    }


def folder_facts(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the facts of files, and of those below folders, in the order of their paths."""
    found = [path for name in names for path in [folder / name, *(folder / name).rglob("*")]]
    return [file_facts(path, folder) for path in sorted(found) if path.is_file()]


def versions(
    data: Iterable[Path],
    model: Path,
    contract: Path,
    parameters: Mapping[str, Any],
    reports: Iterable[Path] = (),
) -> dict[str, Any]:
    """Return the hashes of everything that an export is made from.

    Parameters
    ----------
    data
        The partitions of the clean data; they get one hash together.
    model, contract
        Their files.
    parameters
        The sections of `params.yaml` that shaped the result.
    reports
        The reports of the earlier stages.
    """
    return {
        "data": combined_hash(data),
        "model": file_hash(model),
        "contract": file_hash(contract),
        "parameters": value_hash(parameters),
        "reports": {path.name: file_hash(path) for path in reports},
    }


def build_manifest(
    contract: Contract,
    hashes: Mapping[str, Any],
    parameters: Mapping[str, Any],
    tables: Sequence[Mapping[str, Any]],
    pages: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return `exports/manifest.json` as a plain object.

    Parameters
    ----------
    contract
        Its name and version are quoted.
    hashes
        As `versions` gives them.
    parameters
        The sections whose hash is among them.
    tables
        As `write_tables.write_table` describes them, in the order to show.
    pages, documents
        As `file_facts` describes them: what people open, and what describes the tables to
        programs.
    """
    return {
        "dataset": contract.id,
        "name": contract.name,
        "contract_version": contract.version,
        "task": contract.task,
        "target": contract.target,
        "positive": contract.positive,
        "classes": list(class_names(contract)),
        "inputs": dict(hashes),
        "parameters": dict(parameters),
        "tables": list(tables),
        "pages": list(pages),
        "documents": list(documents),
    }
