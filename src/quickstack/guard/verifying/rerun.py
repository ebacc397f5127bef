"""Run the commit again in a clean clone, and compare every output's bytes with `dvc.lock`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory

from quickstack.facts.errors import QuickstackError
from quickstack.facts.yaml_lines import read_yaml
from quickstack.guard.verifying.levels import LevelResult, step
from quickstack.guard.verifying.named_files import covers
from quickstack.guard.verifying.output_differences import compare_files, is_fitted
from quickstack.guard.verifying.resolved_pipeline import resolved_stages
from quickstack.runtime.repository.plan import dvc_reason
from quickstack.runtime.running.dvc_hashes import content_md5, folder_md5s
from quickstack.runtime.stores.remotes import cache_folder

#: What must not change a byte, so this run has other values than people's; the folder is another
#: one anyway.
_OTHER = {"PYTHONHASHSEED": "20240229", "TZ": "Pacific/Kiritimati", "OMP_NUM_THREADS": "3"}
_IGNORED = (".quickstack/keys", ".quickstack/pseudonym.key", ".dvc/config.local")


def rerun(root: Path) -> LevelResult:
    """Clone HEAD into a temporary folder, run all stages without any cache, and compare.

    Raises
    ------
    QuickstackError
        Where git or DVC cannot make the clone or bring the raw data.
    """
    root = root.resolve()
    changed = _git(root, "status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        raise QuickstackError(
            f"{len(changed)} files differ from the commit, {changed[0][3:]} first",
            fix="commit or stash them: what is run again is the commit",
        )
    commit = _git(root, "rev-parse", "--short", "HEAD").strip()
    result = LevelResult(f"commit {commit}, run again in a clean clone, gives every output's bytes")
    with TemporaryDirectory(prefix="quickstack-") as folder:
        clone = Path(os.path.realpath(folder)) / "clone"
        step(f"cloning {commit}")
        _git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
        _git(clone, "checkout", "--quiet", "--detach", _git(root, "rev-parse", "HEAD").strip())
        cache = cache_folder(root)
        for name in _IGNORED:
            _copy(root / name, clone / name)
        _bring_data(clone, cache)
        _set_cache(clone, Path(folder) / "cache")
        locked = _outputs(clone)
        # Those that git keeps are replaced by the run.
        kept = Path(folder) / "kept"
        for name in locked:
            _copy(clone / name, kept / name)
        step("running all stages")
        done = _dvc(clone, "repro", "--force", "--no-run-cache", **_OTHER)
        if done.returncode:
            stopped = [line for line in done.stderr.splitlines() if " stopped: " in line]
            reason = stopped[0] if stopped else dvc_reason(done.stderr)
            result.problems.append(f"commit {commit} does not run in a clean clone: {reason}")
            return result
        step("comparing")
        for name, md5 in locked.items():
            places = [clone / name, root / name, cache]
            _compare(result, name, md5, kept, places)
        for name in sorted(_outputs(clone).keys() - locked.keys()):
            result.problems.append(f"{name}: dvc.lock does not name this output; run `dvc repro`")
    return result


def _compare(result: LevelResult, name: str, md5: str, kept: Path, places: list[Path]) -> None:
    made, here, cache = places
    if not made.exists():
        result.problems.append(f"{name}: was not written again")
        return
    if content_md5(made) == md5:
        return
    found = 0
    for inner, original in _originals(md5, kept / name, here, cache):
        again = made / inner if inner else made
        path = f"{name}/{inner}" if inner else name
        if original is None or not again.exists():
            what = "is new" if again.exists() else "was not written again"
            result.problems.append(f"{path}: {what}")
            found += 1
            continue
        for difference in compare_files(original, again):
            found += 1
            if difference.close and is_fitted(path):
                sentence = f"{path}: {difference.sentence}; within the tolerance of fitted numbers"
                result.notes.append(sentence)
            else:
                result.problems.append(f"{path}: {difference.sentence}")
    if md5.endswith(".dir"):
        listed = {i for i, _ in _originals(md5, kept / name, here, cache)}
        new = sorted(folder_md5s(made).keys() - listed) if listed else []
        result.problems += [f"{name}/{inner}: is new" for inner in new]
        found += len(new)
    if not found:
        result.problems.append(f"{name}: other bytes; how is unknown, as the original is not here")


def _originals(md5: str, kept: Path, here: Path, cache: Path) -> Iterator[tuple[str, Path | None]]:
    """Yield the files of an output as `dvc.lock` means them, by their path inside it."""
    if not md5.endswith(".dir"):
        for place in (kept, here, _object(cache, md5)):
            if place.is_file() and content_md5(place) == md5:
                yield "", place
                return
        return
    listing = _object(cache, md5)
    if listing.is_file():
        for entry in json.loads(listing.read_bytes()):
            original = _object(cache, entry["md5"])
            yield entry["relpath"], original if original.is_file() else None
    elif here.is_dir() and content_md5(here) == md5:
        for inner in folder_md5s(here):
            yield inner, here / inner


def _object(cache: Path, md5: str) -> Path:
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def _outputs(clone: Path) -> dict[str, str]:
    lock = read_yaml((clone / "dvc.lock").read_text(encoding="utf-8")) or {}
    stages = (lock.get("stages") or {}).values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs") or ()}


def _bring_data(clone: Path, cache: Path) -> None:
    """Take the data that no stage makes from this repository's cache, or from the remote."""
    pointers = [Path(name) for name in _git(clone, "ls-files", "*.dvc").splitlines()]
    if not pointers:
        return
    stages = resolved_stages(clone)
    wanted = [
        pointer.as_posix()
        for pointer in pointers
        if any(covers(pointer.with_suffix("").as_posix(), d) for s in stages for d in s.deps)
    ]
    if wanted:
        _set_cache(clone, cache)
        done = _dvc(clone, "pull", "--quiet", *wanted)
        if done.returncode:
            raise QuickstackError(
                f"the raw data cannot be brought: {dvc_reason(done.stderr)}",
                fix="`dvc pull` them here, or ask for access to the restricted remote",
            )


def _set_cache(clone: Path, cache: Path) -> None:
    path = clone / ".dvc" / "config.local"
    config = ConfigParser(interpolation=None)
    config.read(path, encoding="utf-8")
    if not config.has_section("cache"):
        config.add_section("cache")
    config["cache"]["dir"] = str(cache)
    with path.open("w", encoding="utf-8") as file:
        config.write(file)
    path.chmod(0o600)


def _dvc(clone: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    # Stages are `python src/<stage>.py`: they find this environment first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=clone,
        env={**os.environ, "PATH": path, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise QuickstackError(
            "git cannot make a clean clone of this commit",
            where=f"git {arguments[0]}",
            fix="see what `git status` says; a first commit is needed",
        )
    return done.stdout


def _copy(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
