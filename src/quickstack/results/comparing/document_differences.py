"""Compare the small documents of two revisions: parameters, quality and raw data's counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstack.facts import paths
from quickstack.results.comparing.revision_objects import RevisionObjects
from quickstack.runtime.repository.revisions import Revision


def compare_params(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters that differ, by dotted name; None stands for one that is not there."""
    return [
        {"name": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def compare_quality(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two quality reports: rows, broken rules, warnings and missing values, as counts."""
    return {
        "rows": _changes(before.get("rows") or {}, after.get("rows") or {}),
        "rules": _changes(_rules(before), _rules(after)),
        "missing": _changes(before.get("missing") or {}, after.get("missing") or {}),
    }


def compare_raw(objects: RevisionObjects, before: Revision, after: Revision) -> dict[str, Any]:
    """Compare raw data by the hashes of their files, and by what the quality reports counted.

    Returns
    -------
    dict
        `status`: `same`, `changed`, or `not available` where only the restricted remote knows the
        files; `files`, as counts.
    """
    names = [side.params.get("dataset") for side in (before, after)]
    folders = [paths.RAW / str(name) for name in names]
    hashes = [side.output(folder) for side, folder in zip((before, after), folders, strict=True)]
    if names[0] == names[1] and hashes[0] == hashes[1]:
        return {"status": "same"}
    listings = [
        # The workspace's own raw data are compared as dvc.lock names them.
        objects.listed(revision, folder)
        for revision, folder in zip((before, after), folders, strict=True)
    ]
    one, other = listings
    if one is None or other is None:
        return {"status": "not available"}
    return {
        "status": "changed",
        "files": {
            "added": len(other.keys() - one.keys()),
            "removed": len(one.keys() - other.keys()),
            "changed": sum(one[name] != other[name] for name in one.keys() & other.keys()),
        },
    }


def _rules(quality: Mapping[str, Any]) -> dict[str, int]:
    """Return the rows behind each rule, also of further tables."""
    found: dict[str, int] = {}
    tables = {"": quality, **(quality.get("tables") or {})}
    for table, report in tables.items():
        for kind in ("rules", "warned"):
            for rule in report.get(kind) or ():
                column = rule["column"] or "the row"
                warning = " (warning)" if kind == "warned" else ""
                name = f"{table}{': ' if table else ''}{column}: {rule['rule']}{warning}"
                found[name] = rule["rows"]
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "before": before.get(name, 0), "after": after.get(name, 0)}
        for name in [*before, *(name for name in after if name not in before)]
        if before.get(name, 0) != after.get(name, 0)
    ]
