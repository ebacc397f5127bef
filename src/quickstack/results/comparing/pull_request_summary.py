"""What a pull request changes, as Markdown for its page: the verdict first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quickstack.facts import paths
from quickstack.results.comparing.model_comparison import NOT_COMPARABLE, SAME, main_row
from quickstack.results.comparing.render import (
    METRIC_HEADER,
    Section,
    counted,
    diff_sections,
    judged,
    markdown,
    metric_rows,
    number,
)
from quickstack.runtime.repository.revisions import Revision
from quickstack.runtime.running.run_records import lock_digest, read_records

#: By it a comment is found again.
MARK = "<!-- quickstack summary -->"
#: Sections of the comparison that the summary says in its own way, or that follow from others.
_TOLD = ("Metrics",)
_DERIVED = ("exports/",)


def summary(
    compared: Mapping[str, Any], before: Revision, after: Revision, dashboard: str | None
) -> str:
    """Return the summary.

    Parameters
    ----------
    compared
        As `diff.diff` gives it.
    dashboard
        The address of the exported page, as an artifact; None where there is none.

    Returns
    -------
    str
        Markdown. Beside the seconds of stages nothing in it depends on the time.
    """
    metrics = compared["metrics"]
    head = [_headline(metrics), _data(compared["tables"]), _drift(compared["drift"], after)]
    if dashboard:
        head.append(f"Dashboard: [download]({dashboard})")
    sections = [Section("Result", head)]
    if metrics["metrics"]:
        rows = metric_rows(metrics["metrics"])
        sections.append(Section("Metrics", [judged(metrics)], METRIC_HEADER, rows))
    nothing = "Nothing differs"
    sections += [
        section
        for section in diff_sections(compared)
        if section.title not in (*_TOLD, nothing) and not section.title.startswith(_DERIVED)
    ]
    seconds = stage_seconds(before.root, before, after)
    if seconds:
        header = ("stage", "seconds before", "seconds after")
        sections.append(Section("Seconds on this machine", (), header, seconds))
    title = f"{compared['after']} against {compared['before']}"
    return f"{MARK}\n{markdown(title, sections)}"


def stage_seconds(root: Path, before: Revision, after: Revision) -> list[Sequence[str]]:
    """Return the seconds of each stage, from run records of exactly these inputs."""
    rows: list[Sequence[str]] = []
    for name, entry in after.stages.items():
        known = {
            record.get("lock"): record["seconds"]
            for record in read_records(root, name)
            if record["succeeded"]
        }
        one = known.get(lock_digest(before.stages.get(name) or {}))
        other = known.get(lock_digest(entry))
        if one is not None or other is not None:
            rows.append((name, *("-" if s is None else f"{s:.1f}" for s in (one, other))))
    return rows


def _headline(metrics: Mapping[str, Any]) -> str:
    row = main_row(metrics)
    if row is None:
        return f"Model: **{metrics['how']}**"
    one, other = (number(row[side]["value"]) for side in ("before", "after"))
    if row["verdict"] == SAME:
        return f"Model: **the same**; {row['name']} {other}"
    if row["verdict"] == NOT_COMPARABLE:
        return f"Model: **{metrics['how']}**; {row['name']} {one} before, {other} after"
    return f"Model: **{row['verdict']}**; {row['name']} {one} before, {other} after"


def _data(tables: Sequence[Mapping[str, Any]]) -> str:
    data = [t for t in tables if t["name"].startswith(paths.INTERIM.as_posix())]
    differing = [table for table in data if table["status"] != "same"]
    if not differing:
        return "Data: **the same**"
    sentences = []
    for table in differing:
        rows = table.get("rows") or {}
        counts = {kind: rows.get(kind, 0) for kind in ("added", "removed", "changed")}
        shown = counted(counts, "rows") if rows else table["status"]
        sentences.append(f"{table['name'].rpartition('/')[2]}: {shown}")
    return f"Data: **changed**; {'; '.join(sentences)}"


def _drift(verdicts: Mapping[str, Any], after: Revision) -> str:
    new = verdicts["after"] or "not known"
    reasons = " ".join(after.json(paths.DRIFT).get("reasons") or ())
    was = "" if verdicts["before"] == new else f" ({verdicts['before']} before)"
    return f"Drift: **{new}**{was}{f'; {reasons}' if reasons else ''}"
