"""Which objects of DVC's cache are shared, and which belong to the restricted remote alone."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from quickstack.data.unpacking.buffers import from_file
from quickstack.facts.paths import QUARANTINE, RAW
from quickstack.facts.yaml_lines import read_yaml
from quickstack.guard.scanning.git_objects import blob, history
from quickstack.guard.scanning.workspace_files import Item
from quickstack.runtime.stores.remotes import RESTRICTED

_VARIABLE = re.compile(r"\$\{[^}]*\}")


@dataclass
class ObjectOrigins:
    """What the history of the repository says about objects, by their MD5 without `.dir`.

    Attributes
    ----------
    shared, restricted
        Where an object comes from: path, and commit or what else names it. An object in both is
        shared.
    """

    shared: dict[str, str] = field(default_factory=dict)
    restricted: dict[str, str] = field(default_factory=dict)

    def is_restricted(self, md5: str) -> bool:
        """Whether only restricted outputs name it."""
        return md5 in self.restricted and md5 not in self.shared

    def origin(self, md5: str) -> str:
        """Return path and commit of an object; empty where nothing names it."""
        return self.shared.get(md5) or self.restricted.get(md5) or ""


def classify(root: Path, cache: Path) -> ObjectOrigins:
    """Read DVC's files of all commits, of the workspace, and the run-cache."""
    objects = ObjectOrigins()
    known: dict[str, Any] = {}

    def committed(oid: str) -> Any:
        if oid not in known:
            known[oid] = _parsed(blob(root, oid))
        return known[oid]

    seen = set()
    for commit, files in history(root):
        if (state := frozenset(files.items())) not in seen:
            seen.add(state)
            documents = {path: committed(oid) for path, oid in files.items()}
            _add_all(objects, documents, f"commit {commit[:8]}", cache)
    paths = [root / "dvc.yaml", root / "dvc.lock", *root.glob("*.dvc"), *root.glob("data/**/*.dvc")]
    here = {
        path.relative_to(root).as_posix(): _parsed(path.read_text(encoding="utf-8"))
        for path in paths
        if path.is_file()
    }
    _add_all(objects, here, "the workspace", cache)
    options = _output_options(here)
    for path in sorted((cache / "runs").rglob("*")):
        document = _parsed(path.read_text("utf-8", "replace")) if path.is_file() else None
        for out in (document or {}).get("outs", ()):
            _add(objects, out, out["path"], options, "the run-cache", cache)
    return objects


def _parsed(text: str) -> Any:
    try:
        document = read_yaml(text)
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _output_options(documents: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return (path pattern, whether it is kept from the shared remote) for all stages' outputs."""
    found = []
    for name, document in documents.items():
        if PurePosixPath(name).name != "dvc.yaml":
            continue
        for stage in (document.get("stages") or {}).values():
            each = stage.get("do", stage)
            folder = PurePosixPath(name).parent / each.get("wdir", "")
            for kind in ("outs", "metrics", "plots"):
                for entry in each.get(kind) or ():
                    named = {entry: {}} if isinstance(entry, str) else entry
                    path, options = next(iter(named.items()))
                    pattern = _VARIABLE.sub("*", _normal(folder, path))
                    found.append((pattern, _kept_away(options or {})))
    return found


def _kept_away(options: dict[str, Any]) -> bool:
    return options.get("remote") == RESTRICTED or options.get("push") is False


def _normal(folder: PurePosixPath, path: str) -> str:
    return os.path.normpath(folder / path).replace(os.sep, "/")


def _add_all(objects: ObjectOrigins, documents: dict[str, Any], source: str, cache: Path) -> None:
    options = _output_options(documents)
    for name, document in documents.items():
        folder = PurePosixPath(name).parent
        if name.endswith(".dvc"):
            for out in document.get("outs") or ():
                path = _normal(folder / document.get("wdir", ""), out.get("path", ""))
                _add(objects, out, path, [(path, _kept_away(out))], source, cache)
        elif PurePosixPath(name).name == "dvc.lock":
            for stage in (document.get("stages") or {}).values():
                for out in stage.get("outs") or ():
                    path = _normal(folder, out["path"])
                    _add(objects, out, path, options, source, cache)


def _add(
    objects: ObjectOrigins,
    out: dict[str, Any],
    path: str,
    options: list[tuple[str, bool]],
    source: str,
    cache: Path,
) -> None:
    md5 = out.get("md5")
    if not isinstance(md5, str):
        return
    matching = [kept for pattern, kept in options if fnmatch.fnmatchcase(path, pattern)]
    # Where no stage declares the path any more, its folder decides.
    private = all(matching) if matching else _is_private(path)
    target = objects.restricted if private else objects.shared
    bare = md5.removesuffix(".dir")
    target.setdefault(bare, f"{path}, {source}")
    if md5.endswith(".dir"):
        for name, inner in _listed(cache, md5):
            target.setdefault(inner, f"{path}/{name}, {source}")


def _is_private(path: str) -> bool:
    return any(
        path == top.as_posix() or path.startswith(f"{top.as_posix()}/") for top in (RAW, QUARANTINE)
    )


def _listed(cache: Path, md5: str) -> Iterator[tuple[str, str]]:
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return
    for entry in entries:
        yield entry["relpath"], entry["md5"]


def cache_items(
    cache: Path, objects: ObjectOrigins, *, restricted: bool
) -> Iterator[tuple[Item, bool]]:
    """Yield the objects of the cache and the run-cache, and whether each is left out."""
    for path in sorted(cache.rglob("*")):
        if not path.is_file():
            continue
        relative = path.relative_to(cache)
        name = relative.as_posix()
        if relative.parts[0] == "runs":
            yield Item("run-cache", name, partial(from_file, path)), False
            continue
        md5 = "".join(relative.parts[-2:]).split(".")[0]
        origin = objects.origin(md5)
        shown = f"{name} ({origin or 'nothing names it'})"
        left_out = objects.is_restricted(md5) and not restricted
        yield Item("cache", shown, partial(from_file, path)), left_out
