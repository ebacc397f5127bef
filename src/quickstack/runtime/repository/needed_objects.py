"""Which objects a commit needs, and in which remote `dvc push` puts each."""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.errors import QuickstackError
from quickstack.facts.yaml_lines import read_yaml

#: In place of a commit: the files as they are now.
WORKSPACE = ""
_VARIABLE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class Need:
    """An object that a commit needs.

    Attributes
    ----------
    key
        Its place below a remote's prefix, and in the cache.
    md5
        Of its content; a folder's listing has `.dir` behind it.
    output, path
        The output of `dvc.lock` or a `.dvc` file, and the file in it.
    size
        In bytes, where the commit says it.
    ref
        The branch, tag or commit that needs it.
    """

    key: str
    md5: str
    output: str
    path: str
    remote: str
    size: int | None
    ref: str


def tips(root: Path, days: int) -> dict[str, str]:
    """Return HEAD, and the heads of branches and the tags of the last days, by commit.

    Branches of git remotes count: somebody may check them out.
    """
    oldest = time.time() - days * 86400
    fields = "%(objectname) %(*objectname) %(creatordate:unix) %(refname:short)"
    listed = git(
        root, "for-each-ref", f"--format={fields}", "refs/heads", "refs/remotes", "refs/tags"
    )
    head = git(root, "rev-parse", "HEAD").strip()
    found = {head: "HEAD"}
    for line in listed.splitlines():
        tag, inner, when, name = re.split(" ", line, maxsplit=3)
        if float(when or 0) >= oldest:
            commit = inner or tag
            if found.get(commit, "HEAD") == "HEAD":
                found[commit] = name
    return found


def needs(
    root: Path,
    commits: dict[str, str],
    default_remote: str,
    listing: Callable[[Need], bytes | None],
) -> list[Need]:
    """Return the objects that commits need, each once.

    Parameters
    ----------
    commits
        What they are called, by commit, or by `WORKSPACE`.
    default_remote
        Where outputs go that name no remote.
    listing
        Returns the content of a folder's listing; None where it is nowhere.
    """
    found: dict[tuple[str, str], Need] = {}
    parsed: dict[str, Any] = {}
    for commit, ref in commits.items():
        documents = {}
        for path, blob in _files(root, commit):
            if blob not in parsed:
                parsed[blob] = _parsed(_content(root, path, blob))
            documents[path] = parsed[blob]
        for path, out, options in _outputs(documents):
            for need in _objects(path, out, options.get("remote") or default_remote, ref, listing):
                found.setdefault((need.remote, need.key), need)
    return list(found.values())


def git(root: Path, *arguments: str) -> str:
    """Return what git prints; QuickstackError where it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise QuickstackError(
            "git cannot read the commits", where=f"git {arguments[0]}", fix="see `git fsck`"
        )
    return done.stdout.decode("utf-8", "replace")


def object_key(md5: str, *, legacy: bool = False) -> str:
    """Return where DVC keeps an object, below a remote's prefix or in the cache."""
    return ("" if legacy else "files/md5/") + f"{md5[:2]}/{md5[2:]}"


def _files(root: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Yield DVC's files and their blobs; in the workspace the path stands for the blob."""
    if commit == WORKSPACE:
        listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        pairs = [(p, p) for p in git(root, *listed).split("\0") if p and (root / p).is_file()]
    else:
        lines = filter(None, git(root, "ls-tree", "-r", "-z", commit).split("\0"))
        pairs = [(path, facts.split()[2]) for facts, _, path in (n.partition("\t") for n in lines)]
    for path, blob in pairs:
        if posixpath.basename(path) in ("dvc.yaml", "dvc.lock") or path.endswith(".dvc"):
            yield path, blob


def _content(root: Path, path: str, blob: str) -> str:
    if blob == path:
        return (root / path).read_text(encoding="utf-8", errors="replace")
    return git(root, "cat-file", "blob", blob)


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = read_yaml(text)
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _outputs(documents: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield path, entry and options of each output that a push takes to a remote."""
    for name, document in documents.items():
        folder = posixpath.dirname(name)
        if name.endswith(".dvc"):
            if any("repo" in dep for dep in document.get("deps") or ()):
                continue  # imported from another repository, and fetched from there
            pairs = [(out, out) for out in document.get("outs") or ()]
            folder = posixpath.join(folder, str(document.get("wdir", "")))
        elif posixpath.basename(name) == "dvc.lock":
            pipeline = documents.get(posixpath.join(folder, "dvc.yaml")) or {}
            pairs = list(_locked(document, pipeline))
        else:
            continue
        for out, options in pairs:
            pushed = options.get("push", True) and options.get("cache", True)
            if isinstance(out.get("md5"), str) and pushed:
                yield posixpath.normpath(posixpath.join(folder, out["path"])), out, options


def _locked(
    lock: dict[str, Any], pipeline: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    declared = pipeline.get("stages") or {}
    for name, stage in (lock.get("stages") or {}).items():
        wanted = declared.get(name) or declared.get(name.partition("@")[0])
        if not wanted:
            continue  # left over: no checkout asks for it
        each = wanted.get("do", wanted)
        options = list(_options(each))
        for out in stage.get("outs") or ():
            matching = [o for pattern, o in options if pattern.fullmatch(out["path"])]
            yield out, matching[0] if matching else {}


def _options(stage: dict[str, Any]) -> Iterator[tuple[re.Pattern[str], dict[str, Any]]]:
    for kind in ("outs", "metrics", "plots"):
        for entry in stage.get(kind) or ():
            named = {entry: {}} if isinstance(entry, str) else entry
            path, options = next(iter(named.items()))
            parts = (re.escape(part) for part in _VARIABLE.split(path))
            yield re.compile(".*".join(parts)), options or {}


def _objects(
    path: str,
    out: dict[str, Any],
    remote: str,
    ref: str,
    listing: Callable[[Need], bytes | None],
) -> Iterable[Need]:
    md5 = out["md5"]
    legacy = out.get("hash") != "md5"
    size = None if md5.endswith(".dir") else out.get("size")
    top = Need(object_key(md5, legacy=legacy), md5, path, path, remote, size, ref)
    yield top
    if md5.endswith(".dir"):
        try:
            entries = json.loads(listing(top) or b"[]")
        except ValueError:
            entries = []
        for entry in entries:
            key = object_key(entry["md5"], legacy=legacy)
            inner = f"{path}/{entry['relpath']}"
            yield Need(key, entry["md5"], path, inner, remote, None, ref)
