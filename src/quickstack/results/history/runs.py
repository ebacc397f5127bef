"""The runs that git knows: each commit whose `dvc.lock` differs from the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from quickstack.facts import paths
from quickstack.facts.contract.model import HIGHER_IS_BETTER
from quickstack.facts.errors import QuickstackError
from quickstack.results.comparing.document_differences import compare_params
from quickstack.runtime.repository.revisions import LOCK, Revision, flat, git
from quickstack.runtime.running.run_records import describe_machine, lock_digest, read_records

#: A stage is slower where it took this many times as long as the median of comparable runs ...
FACTOR = 1.5
#: ... and so many seconds more: less is the noise of a machine.
SECONDS = 1.0
#: Comparable runs that a median needs.
ENOUGH = 3


def runs(root: Path, branch: str = "HEAD", limit: int = 20) -> list[dict[str, Any]]:
    """List the runs of a branch, newest first, from git and this machine's run records.

    Parameters
    ----------
    branch
        A branch, tag or commit.
    limit
        How many at most.

    Returns
    -------
    list of dict
        JSON-able: `commit`; `date` of the commit, ISO 8601; `message`, its first line; `data`,
        the MD5 of the clean data; `parameters` that differ from the run before, as
        `documents.compare_params`; `metric` with `name`, `value`, `low` and `high`, or None;
        `seconds` by stage and `machine`, from the newest records of exactly these inputs.

    Raises
    ------
    QuickstackError
        Where git knows no such branch.
    """
    # Along the first parents: what a merge brought in is one run of the branch.
    listed = git(
        root, "log", "--first-parent", f"--max-count={limit}",
        "--format=%H%x09%P%x09%cI%x09%s", "--end-of-options", branch, "--", LOCK.as_posix(),
    )  # fmt: skip
    if listed is None:
        raise QuickstackError(f"git knows no branch '{branch}'", fix="see `git branch --all`")
    stages = {path.name for path in (root / "src").glob("*.py")}
    known = {
        record["lock"]: record
        for name in sorted(stages)
        for record in read_records(root, name.removesuffix(".py"))
        if record["succeeded"] and record.get("lock")
    }
    found = []
    for line in filter(None, listed.splitlines()):
        commit, parents, date, message = line.split("\t", 3)
        revision = Revision(root, commit, commit)
        first = parents.split()[:1]
        before = Revision(root, first[0], first[0]) if first else None
        records = {
            name: known[digest]
            for name, entry in revision.stages.items()
            if (digest := lock_digest(entry)) in known
        }
        found.append(
            {
                "commit": commit,
                "date": date,
                "message": message,
                "data": revision.output(paths.INTERIM),
                "parameters": compare_params(_used(before), _used(revision)) if before else [],
                "metric": _metric(revision),
                "seconds": {name: record["seconds"] for name, record in records.items()},
                "machine": describe_machine() if records else None,
            }
        )
    return found


def slower(root: Path) -> list[dict[str, Any]]:
    """Return the stages whose newest run took longer than comparable earlier ones.

    Comparable are runs that succeeded, of the same data, parameters, machine and threads: code
    and packages may differ, since it is they that make a stage slower.

    Returns
    -------
    list of dict
        Every stage with a record: `stage`, `seconds`, `median` of the comparable earlier runs and
        their number, `runs`; `slower`: true, false, or None where there are too few; `since`, what
        differs from the newest of them (`code`, packages, or nothing).
    """
    folder = root / ".quickstack" / "runs"
    found = []
    for name in sorted(path.name for path in folder.glob("*") if path.is_dir()):
        records = [record for record in read_records(root, name) if record["succeeded"]]
        if not records:
            continue
        newest = records[-1]
        others = [r for r in records[:-1] if _conditions(r) == _conditions(newest)]
        usual = median(r["seconds"] for r in others) if others else None
        verdict = None
        if usual is not None and len(others) >= ENOUGH:
            verdict = newest["seconds"] > max(FACTOR * usual, usual + SECONDS)
        found.append(
            {
                "stage": name,
                "seconds": newest["seconds"],
                "median": usual,
                "runs": len(others),
                "slower": verdict,
                "since": _since(others[-1], newest) if verdict else [],
            }
        )
    return found


def _used(revision: Revision) -> dict[str, Any]:
    """Return the parameters that the stages used, by dotted name."""
    used: dict[str, Any] = {}
    for stage in revision.stages.values():
        used |= flat((stage.get("params") or {}).get(paths.PARAMS.as_posix()) or {})
    return used


def _metric(revision: Revision) -> dict[str, Any] | None:
    task: Any = revision.json(paths.TRAINING).get("task")
    metrics = revision.json(paths.METRICS)
    monitored = revision.json(paths.DRIFT).get("performance") or {}
    name = monitored.get("metric") or next(iter(HIGHER_IS_BETTER.get(task, {})), None)
    if name is None or name not in metrics:
        return None
    interval = (metrics.get("interval") or {}).get(name) or {}
    return {
        "name": name,
        "value": metrics[name],
        "low": interval.get("low"),
        "high": interval.get("high"),
    }


def _conditions(record: Mapping[str, Any]) -> Any:
    inputs = record.get("inputs") or {}
    free = ("code", paths.REQUIREMENTS.as_posix())
    held = {path: md5 for path, md5 in inputs.items() if path not in free}
    return held, record.get("machine"), record.get("threads")


def _since(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    def code(record: Mapping[str, Any]) -> Any:
        return (record.get("inputs") or {}).get("code")

    changed = ["code"] if code(one) != code(other) else []
    versions: Iterable[str] = sorted({*one.get("versions", {}), *other.get("versions", {})})
    pairs = ((name, one["versions"].get(name), other["versions"].get(name)) for name in versions)
    return changed + [f"{name} {old} to {new}" for name, old, new in pairs if old != new]
