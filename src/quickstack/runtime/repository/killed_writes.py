"""What a killed command left half-written in the places of DVC and git, made whole again.

DVC 3.67 writes `dvc.lock` and `.dvc/tmp/rwlock` in place: a kill meanwhile leaves them cut or empty
(treeverse/dvc#7615). Git's own lock files outlive the process that made them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from quickstack.facts.errors import QuickstackError
from quickstack.facts.files import write_text
from quickstack.facts.yaml_lines import read_yaml
from quickstack.runtime.repository.revisions import LOCK, git
from quickstack.runtime.running.dvc_hashes import file_md5
from quickstack.runtime.running.previous_outputs import KEPT as KEPT_OUTPUTS
from quickstack.runtime.running.run_records import lock_digest, read_records

_RWLOCK = Path(".dvc/tmp/rwlock")
_STAGE = re.compile(r"^  [^\s#].*:[ \t]*$", re.MULTILINE)
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
#: So many commits are looked through for a `dvc.lock` that is whole.
_COMMITS = 20

Stages = dict[str, dict[str, Any]]


def mend(root: Path) -> list[str]:
    """Make whole again what a killed command left; do nothing where nothing is wrong.

    Returns
    -------
    list of str
        What was wrong, and what was done.

    Raises
    ------
    QuickstackError
        Where something is half-written, and another command of DVC is at work.
    """
    return [*_mend_git(root), *_mend_rwlock(root), *_mend_lock(root)]


def _mend_git(root: Path) -> Iterator[str]:
    folders = git(root, "rev-parse", "--absolute-git-dir", "--git-common-dir")
    if folders is None:
        return
    own, shared = (root / line for line in folders.splitlines())
    found = {*own.glob("*.lock"), *shared.glob("*.lock"), *(shared / "refs").rglob("*.lock")}
    if not found or _git_works(root, found):
        return
    for path in sorted(found):
        path.unlink(missing_ok=True)
        yield f"{_shown(root, path)} was left by a git command that was killed: it was removed"


def _git_works(root: Path, locks: set[Path]) -> bool:
    """Whether a process may hold git's lock files: where that cannot be told, it does."""
    import psutil

    names = {str(path) for path in locks}
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            line = process.cmdline()
            if not any("git" in word or "dvc" in word for word in line[:3]):
                continue
            here = Path(process.cwd())
            if here.is_relative_to(root) or root.is_relative_to(here):
                return True
            if names & {file.path for file in process.open_files()}:
                return True
        except psutil.AccessDenied:  # another user's
            if process.name().startswith("git"):
                return True
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return False


def _mend_rwlock(root: Path) -> Iterator[str]:
    path = root / _RWLOCK
    if not _is_left(path):
        return
    from dvc.lock import LockError, make_lock

    # Where DVC edits it at this moment, it is not left.
    guard = make_lock(f"{path}.lock", tmp_dir=str(path.parent))
    with suppress(LockError, FileNotFoundError), guard:
        if _is_left(path):
            path.unlink()
            name = _RWLOCK.as_posix()
            yield f"{name} was left by a command of DVC that was killed: it was removed"


def _is_left(path: Path) -> bool:
    """Whether DVC cannot read it, or takes a process for its owner that began later."""
    import psutil

    try:
        written, held = path.stat().st_mtime, json.loads(path.read_bytes())
        entries = [*held.get("write", {}).values()]
        entries += [entry for group in held.get("read", {}).values() for entry in group]
        for pid in {int(entry["pid"]) for entry in entries}:
            if psutil.pid_exists(pid) and psutil.Process(pid).create_time() > written + 1:
                return True
    except (FileNotFoundError, psutil.Error):
        return False
    except (ValueError, TypeError, AttributeError, KeyError):
        return True
    return False


def _mend_lock(root: Path) -> Iterator[str]:
    path = root / LOCK
    if _whole(root, path) is not None:
        return
    with _repository(root) as repo:
        if _whole(root, path) is not None:  # it was being written
            return
        written = _begun(path)
        text, kept = _reference(root)
        stages = kept | written
        if stages != kept:
            document = {"schema": "2.0", **(read_yaml(text) or {}), "stages": stages}
            text = yaml.safe_dump(document, sort_keys=False, width=1000)
        if text:
            write_text(path, text)
        else:
            path.unlink()
        finished = [stage.name for stage in _unnamed(repo, written) if _enter(root, stage)]
    source = "it was brought back from git" if kept else "what stands whole in it was kept"
    newer = [name for name, entry in written.items() if kept.get(name) != entry]
    if kept and newer:
        source += f", with what it still said of {', '.join(newer)}"
    if finished:
        source += f", and with {', '.join(finished)}, whose results are here"
    yield f"{LOCK} was cut short by a command that was killed: {source}. Now run `dvc repro`"


def _unnamed(repo: Any, written: Stages) -> list[Any]:
    """Return the stages that a cut lock file did not name whole, in the order in which they run."""
    from dvc.exceptions import DvcException

    try:
        graph = repo.index.graph
        ordered = list(
            TopologicalSorter({one: [*graph.successors(one)] for one in graph}).static_order()
        )
    except DvcException:  # dvc.yaml is wrong: DVC says so itself
        return []
    return [stage for stage in ordered if getattr(stage, "name", None) not in (None, *written)]


def _enter(root: Path, stage: Any) -> bool:
    """Enter a finished run of a stage into the lock file, as DVC was about to.

    DVC's run-cache leaves out stages with outputs that only git keeps. Of these the run record
    says which inputs the last success had, and a copy of what it left is kept.
    """
    from dvc.exceptions import DvcException
    from dvc.stage.serialize import to_single_stage_lockfile

    uncached = [out for out in stage.outs if not out.use_cache]
    records = read_records(root, stage.name)
    if not uncached or not records or not records[-1]["succeeded"]:
        return False
    try:
        stage.save(run_cache=False)
    except (DvcException, OSError):  # something is missing
        return False
    whole = all(not out.changed_cache() for out in stage.outs if out.use_cache) and all(
        file_md5(kept) == out.hash_info.value
        if (kept := root / KEPT_OUTPUTS / out.def_path).is_file()
        else False
        for out in uncached
    )
    if not whole or records[-1].get("lock") != lock_digest(to_single_stage_lockfile(stage)):
        return False
    stage.dump(update_pipeline=False)
    return True


def _whole(root: Path, path: Path) -> bool | None:
    """Return True for a whole lock file, False where there is none, None for a cut one.

    What a merge left is no cut: DVC names it, and which side is right is for people to say.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
        return True
    stages = _stages(text)
    if stages is None:
        return None
    return None if _lacks(root, stages) else True


def _stages(text: str) -> Stages | None:
    """Return the stages of a lock file's text; None where it is cut inside one."""
    if not text.endswith("\n"):
        return None
    try:
        document = read_yaml(text)
    except yaml.YAMLError:
        return None
    if not isinstance(document, dict) or "schema" not in document:
        return None
    stages = document.get("stages") or {}
    if not isinstance(stages, dict) or not all(map(_is_entry, stages.values())):
        return None
    return stages


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or "cmd" not in entry:
        return False
    outs = entry.get("outs", [])
    return isinstance(outs, list) and all(map(_is_out, outs))


def _is_out(out: Any) -> bool:
    if not isinstance(out, dict) or not out.keys() - {"path", "hash"}:
        return False
    return "md5" not in out or _MD5.fullmatch(str(out["md5"])) is not None


def _declared(root: Path) -> dict[str, set[str]]:
    """Return the stages of dvc.yaml, and the outputs that it names for each."""
    try:
        pipeline = read_yaml((root / "dvc.yaml").read_text(encoding="utf-8"))
        stages = pipeline["stages"].items()
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, AttributeError):
        return {}
    found = {}
    for name, stage in stages:
        parts = stage if isinstance(stage, dict) else {}
        entries = [e for kind in ("outs", "metrics", "plots") for e in parts.get(kind) or ()]
        found[name] = {e if isinstance(e, str) else next(iter(e), "") for e in entries}
    return found


def _lacks(root: Path, stages: Stages) -> bool:
    """Whether a lock file that reads well lacks what git's has and dvc.yaml still declares."""
    declared = _declared(root)
    bases = {name.partition("@")[0]: entry for name, entry in stages.items()}
    if all(name in bases and outs <= _paths(bases[name]) for name, outs in declared.items()):
        return False
    for name, entry in _reference(root)[1].items():
        wanted = declared.get(name.partition("@")[0])
        if wanted is not None and (
            name not in stages or (_paths(entry) & wanted) - _paths(stages[name])
        ):
            return True
    return False


def _paths(entry: dict[str, Any]) -> set[str]:
    return {out.get("path", "") for out in entry.get("outs", ())}


def _begun(path: Path) -> Stages:
    """Return the stages that stand whole in a lock file that was cut: all but the last."""
    text = path.read_text(encoding="utf-8", errors="replace")
    starts = [found.start() for found in _STAGE.finditer(text)]
    return (_stages(text[: starts[-1]]) if starts else None) or {}


def _reference(root: Path) -> tuple[str, Stages]:
    """Return the newest whole lock file that git holds, the index first, and its stages."""
    listed = git(root, "log", f"-{_COMMITS}", "--format=%H", "--", LOCK.as_posix()) or ""
    for place in ("", *listed.split()):
        text = git(root, "show", f"{place}:./{LOCK.as_posix()}")
        if text and (stages := _stages(f"{text}\n")):
            return f"{text}\n", stages
    return "", {}


@contextmanager
def _repository(root: Path) -> Iterator[Any]:
    """Give DVC's repository, locked."""
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            yield repo
    except LockError:
        raise works_here(root) from None


def works_here(root: Path) -> QuickstackError:
    """Return what is said where another command of DVC is at work."""
    return QuickstackError(
        "another command of DVC works here", where=str(root), fix="wait until it ends"
    )


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
