"""A comparison as text for a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Rows of a listing that are shown; JSON has all.
SHOWN = 20
#: Stands for what there is none of.
NONE = "-"


@dataclass(frozen=True)
class Section:
    """A heading, sentences below it, and a table below those."""

    title: str
    sentences: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def diff_sections(compared: Mapping[str, Any]) -> list[Section]:
    """Return what `diff.diff` found as sections; those without a difference are left out."""
    found = [
        _dataset(compared),
        _params(compared["parameters"]),
        _code(compared["code"]),
        _metrics(compared["metrics"]),
        _quality(compared),
        *(_table(table) for table in compared["tables"]),
    ]
    sections = [section for section in found if section is not None]
    if not sections:
        sections = [Section("Nothing differs", ["Data, parameters and metrics are the same."])]
    return sections


def text(title: str, sections: Iterable[Section]) -> str:
    """Return sections as plain text with aligned columns."""
    blocks = [title]
    for section in sections:
        lines = [f"\n{section.title}", *(f"  {sentence}" for sentence in section.sentences)]
        table = [section.header, *section.rows] if section.header else []
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"  {'  '.join(cells)}".rstrip())
        blocks += lines
    return "\n".join(blocks) + "\n"


def markdown(title: str, sections: Iterable[Section]) -> str:
    """Return sections as Markdown, as GitHub shows it."""
    blocks = [f"## {title}"]
    for section in sections:
        blocks.append(f"### {section.title}")
        if section.sentences:
            blocks.append("\n".join(f"- {sentence}" for sentence in section.sentences))
        if section.header:
            lines = [section.header, ["---"] * len(section.header), *section.rows]
            blocks.append("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    return "\n\n".join(blocks) + "\n"


def number(value: Any) -> str:
    """Write a number with separators and at most 6 decimals, and what is missing as a dash."""
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def within(value: Mapping[str, Any]) -> str:
    """Write a value with its interval."""
    if value["low"] is None:
        return number(value["value"])
    return f"{number(value['value'])} ({number(value['low'])} to {number(value['high'])})"


def metric_rows(metrics: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row for each metric: name, before, after, difference, verdict."""
    return [
        [
            f"{row['name']}{' ↑' if row['higher_is_better'] else ' ↓'}",
            within(row["before"]),
            within(row["after"]),
            within(row["difference"]) if "difference" in row else NONE,
            row["verdict"] or NONE,
        ]
        for row in metrics
    ]


METRIC_HEADER = ("metric", "before", "after", "difference", "verdict")


def _cell(cell: str) -> str:
    """Keep a cell in its table: a parameter may hold anything."""
    return " ".join(cell.replace("|", "\\|").split())


def _dataset(compared: Mapping[str, Any]) -> Section | None:
    names = compared["dataset"]
    if names["before"] == names["after"]:
        return None
    return Section("Data set", [f"{names['before']} before, {names['after']} after"])


def _params(changes: list[dict[str, Any]]) -> Section | None:
    rows = [[c["name"], number(c["before"]), number(c["after"])] for c in changes]
    return Section("Parameters", (), ("name", "before", "after"), rows) if rows else None


def _code(changed: Mapping[str, int]) -> Section | None:
    if not changed:
        return None
    named = ", ".join(f"{stage} ({files})" for stage, files in changed.items())
    return Section("Code", [f"stages whose code or packages differ, and dependencies: {named}"])


def _metrics(compared: Mapping[str, Any]) -> Section | None:
    if all(row["verdict"] == "same" for row in compared["metrics"]):
        return None
    header = METRIC_HEADER if compared["metrics"] else ()
    return Section("Metrics", [judged(compared)], header, metric_rows(compared["metrics"]))


def judged(compared: Mapping[str, Any]) -> str:
    """Write how models were compared as a sentence."""
    return f"{compared['how'][:1].upper()}{compared['how'][1:]}. Intervals are 95 %."


def _quality(compared: Mapping[str, Any]) -> Section | None:
    rows = [
        [kind, change["name"], number(change["before"]), number(change["after"])]
        for kind, changes in compared["quality"].items()
        for change in changes
    ]
    sentences = []
    raw = compared["raw"]
    if raw["status"] == "changed":
        counts = ", ".join(f"{n:,} {kind}" for kind, n in raw["files"].items() if n)
        sentences.append(f"raw files: {counts or 'the same, of another data set'}")
    elif raw["status"] == "not available":
        sentences.append("raw files differ; which, only the restricted remote knows")
    if not rows and not sentences:
        return None
    header = ("count", "of", "before", "after") if rows else ()
    left = len(rows) - SHOWN
    if left > 0:
        sentences.append(f"{left:,} further counts differ; JSON has them")
    return Section("Raw data and quality", sentences, header, rows[:SHOWN])


def _table(table: Mapping[str, Any]) -> Section | None:
    if table["status"] == "same":
        return None
    sentences = [f"{table['status']}; {counted(table.get('partitions') or {}, 'partitions')}"]
    if rows := table.get("rows"):
        changes = counted({k: rows[k] for k in ("added", "removed", "changed")}, "rows")
        if rows["before"] is not None and rows["after"] is not None:
            sentences.append(f"{rows['before']:,} rows before, {rows['after']:,} after")
        sentences.append(changes)
    columns = table.get("columns") or {}
    sentences += [
        f"columns {kind}: {', '.join(columns[kind])}"
        for kind in ("added", "removed")
        if columns.get(kind)
    ]
    sentences += [
        f"column {column['column']}: {column['before']} before, {column['after']} after"
        for column in columns.get("retyped", ())
    ]
    sentences += table.get("notes", ())
    changed, shift = columns.get("changed") or {}, table.get("shift") or []
    moved = {entry["column"]: entry for entry in shift}
    names = [*moved, *(name for name in changed if name not in moved)]
    lines = [_column(name, changed.get(name), moved.get(name)) for name in names[:SHOWN]]
    if len(names) > SHOWN:
        sentences.append(f"{len(names) - SHOWN:,} further columns differ; JSON has them")
    if any(entry["against"] == "reference" for entry in shift):
        sentences.append("shifts compare the new rows with the training rows of before")
    header = ("column", "rows changed", "PSI", "missing before", "missing after") if lines else ()
    return Section(table["name"], sentences, header, lines)


def counted(counts: Mapping[str, int], what: str) -> str:
    """Write counts in a row, zeros left out, such as `rows: 3 added, 1 changed`."""
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    return f"{what}: {named or 'none differ'}"


def _column(name: str, changed: int | None, shift: Mapping[str, Any] | None) -> list[str]:
    shift = shift or {}
    shares = [shift.get("missing_before"), shift.get("missing_after")]
    return [
        name,
        number(changed),
        number(shift.get("psi")),
        *(NONE if share is None else f"{share:.2%}" for share in shares),
    ]
