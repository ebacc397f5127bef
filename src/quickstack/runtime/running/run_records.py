"""Run records: what a run of a stage cost, and what it ran on; for this clone only.

A record is one small JSON file in `.quickstack/runs/<stage>/`, which git and DVC ignore. It may
therefore know the time. It holds names, hashes and counts, and nothing of the data.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quickstack.facts.files import write_json
from quickstack.facts.paths import PARAMS, PIPELINE
from quickstack.facts.yaml_lines import read_yaml
from quickstack.runtime.running.dvc_hashes import content_md5

RECORDS = Path(".quickstack/runs")
#: Records that are kept of each stage.
KEPT = 200
#: Packages whose version changes how long a stage takes.
PACKAGES = ("dask", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
#: Variables that set how many threads a stage may use.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "DASK_SCHEDULER_ADDRESS")
_LOCK = Path("dvc.lock")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@contextmanager
def recorded(stage: str) -> Iterator[dict[str, Any]]:
    """Leave a record of a stage's run, also of one that failed.

    A record that cannot be written is left out: it never fails a stage.

    Yields
    ------
    dict
        What the stage knows and adds, such as `rows`.
    """
    facts: dict[str, Any] = {}
    began, start = datetime.now(UTC), time.perf_counter()
    succeeded = False
    try:
        yield facts
        succeeded = True
    finally:
        seconds = round(time.perf_counter() - start, 3)
        with contextlib.suppress(Exception):  # whatever it is: the stage's own outcome counts
            run = {"succeeded": succeeded, "seconds": seconds, **facts}
            _write(stage, began, run)


def read_records(root: Path, stage: str) -> list[dict[str, Any]]:
    """Return the records of a stage, oldest first; damaged ones are left out."""
    found = []
    for path in sorted((root / RECORDS / stage).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and {"seconds", "began", "succeeded"} <= record.keys():
            found.append(record)
    return found


def lock_digest(entry: Mapping[str, Any]) -> str:
    """Return one hash of a stage's inputs, as `dvc.lock` names them: dependencies and parameters.

    A record and a commit that have the same describe the same run.
    """
    deps = {dep["path"]: dep.get("md5") for dep in entry.get("deps") or ()}
    return _digest([deps, (entry.get("params") or {}).get(PARAMS.as_posix()) or {}])


def describe_machine() -> str:
    """Describe this machine in a few words, without its name."""
    import psutil

    memory = round(psutil.virtual_memory().total / 1e9)
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {memory} GB"


def _write(stage: str, began: datetime, run: dict[str, Any]) -> None:
    folder = RECORDS / stage
    name = f"{began:%Y%m%dT%H%M%S.%f}Z-{os.getpid()}.json"
    record = {
        "stage": stage,
        "began": began.isoformat(timespec="seconds"),
        **run,
        "cpu_seconds": round(sum(os.times()[:4]), 3),
        "peak_memory_bytes": _peak_memory(),
        **_inputs_and_outputs(stage),
        "commit": _commit(),
        "machine": describe_machine(),
        "threads": {name: os.environ[name] for name in THREADS[:3] if name in os.environ}
        | _compute(),
        "versions": _versions(),
    }
    write_json(folder / name, record)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def _inputs_and_outputs(stage: str) -> dict[str, Any]:
    """Return the hashes of what went in, and the bytes of what went in and came out.

    Code is hashed as one; `lock` is `lock_digest` of the entry that
    DVC is about to write. Data that an earlier stage made have the hash of its entry.
    """
    params = _read(PARAMS)
    declared = _read(PIPELINE)["stages"][stage]
    locked = {
        out["path"]: out
        for entry in (_read(_LOCK).get("stages") or {}).values()
        for out in entry.get("outs") or ()
    }
    deps = [_resolved(path, params) for path in declared.get("deps") or ()]
    hashes = {path: _hash(path, locked) for path in deps}
    used = {name: _value(params, name) for name in declared.get("params") or ()}
    lock = {
        "deps": [{"path": path, "md5": md5} for path, md5 in hashes.items()],
        "params": {PARAMS.as_posix(): used},
    }
    code = {path: md5 for path, md5 in hashes.items() if path.startswith("src/")}
    outs = [next(iter(o)) if isinstance(o, dict) else o for o in declared.get("outs") or ()]
    return {
        "bytes": {
            "read": sum(_size(path) for path in deps if path not in code),
            "written": sum(_size(_resolved(path, params)) for path in outs),
        },
        "lock": lock_digest(lock),
        "inputs": {
            **{path: md5 for path, md5 in hashes.items() if path not in code},
            "code": _digest(code),
            "params": _digest(used),
        },
    }


def _hash(path: str, locked: Mapping[str, Any]) -> str | None:
    if path in locked:
        return locked[path]["md5"]
    if Path(path).is_file() or path.startswith("src/"):  # folders of data are not hashed again
        return content_md5(Path(path))
    pointer = _read(Path(f"{path}.dvc")) if Path(f"{path}.dvc").is_file() else {}
    return next((out.get("md5") for out in pointer.get("outs") or ()), None)


def _size(path: str) -> int:
    place = Path(path)
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files if file.is_file())


def _resolved(text: str, params: Mapping[str, Any]) -> str:
    return _VARIABLE.sub(lambda match: str(_value(params, match[1])), text)


def _value(params: Mapping[str, Any], name: str) -> Any:
    value: Any = params
    for part in name.strip().split("."):
        value = value[part]
    return value


def _compute() -> dict[str, Any]:
    compute = _read(PARAMS).get("compute") or {}
    address = os.environ.get(THREADS[3]) or compute.get("scheduler_address")
    return {"workers": compute.get("workers"), "cluster": bool(address)}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_yaml(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}


def _commit() -> str | None:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _peak_memory() -> int:
    """Return the most memory that this process held, in bytes."""
    with contextlib.suppress(OSError):
        # What getrusage says includes the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        if match := re.search(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE):
            return int(match[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(getattr(psutil.Process().memory_info(), "peak_wset"))  # noqa: B009 - typed there only
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
