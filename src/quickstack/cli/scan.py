"""`quickstack scan`: whether a personal value stands in anything that leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quickstack.guard.scanning.findings import Report
    from quickstack.guard.scanning.leak_scan import Scanner
    from quickstack.guard.scanning.searched_values import Searchable
    from quickstack.runtime.stores.folder_store import ObjectStore

#: Findings that are listed for people; `--json` has all.
_LISTED = 50


def scan(
    values: Annotated[
        Path | None,
        typer.Option(
            "--values",
            help="File with values to search, one per line, instead of those in raw data.",
        ),
    ] = None,
    from_raw: Annotated[
        bool, typer.Option("--from-raw", help="Search the values in raw data. This is the default.")
    ] = False,
    include_restricted: Annotated[
        bool, typer.Option("--include-restricted", help="Also search where such values belong.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not search the remotes.")] = False,
    allow_unread: Annotated[
        bool, typer.Option("--allow-unread", help="Exit with 0 even if something was not read.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search everything that leaves for personal values and secrets.

    It searches the workspace, DVC's cache, experiments, git, the shared remotes and the places that
    this clone published to. It exits with 1 when it finds a value, or could not read something.
    """
    import time

    from quickstack.cli.repository import find_root
    from quickstack.guard.scanning.leak_scan import Scanner, scan_repository
    from quickstack.guard.scanning.leaked_keys import KeyFinder

    root = find_root()
    scanner = Scanner(_searched(root, values, from_raw), KeyFinder(root))
    began = time.monotonic()
    places = [] if offline else _places(root, scanner)
    report = scan_repository(
        root, scanner, restricted=include_restricted, remotes=not offline, places=places
    )
    if as_json:
        import json

        typer.echo(json.dumps(report.document(), ensure_ascii=False, indent=2))
    else:
        _tell(report, time.monotonic() - began, offline)
    if report.findings or (report.unread and not allow_unread):
        raise typer.Exit(1)


def _places(root: Path, scanner: Scanner) -> list[ObjectStore]:
    """Return where this clone published, beside the remotes."""
    from quickstack.facts.errors import StorageError
    from quickstack.results.publishing.places import published_stores
    from quickstack.runtime.stores.object_stores import open_store
    from quickstack.runtime.stores.remotes import read_remote, remote_names

    try:
        remotes = [open_store(read_remote(root, name)) for name in remote_names(root)]
        return published_stores(root, remotes)[0]
    except StorageError as error:
        scanner.unreadable("published", error.where or "a place", error.remedied)
        return []


def _searched(root: Path, path: Path | None, from_raw: bool) -> Searchable:
    from quickstack.facts.errors import SourceError
    from quickstack.guard.scanning.raw_values import personal_values
    from quickstack.guard.scanning.searched_values import read_values, searchable

    if path is not None and from_raw:
        raise typer.BadParameter("give --values or --from-raw, not both")
    if path is not None:
        searched = searchable(read_values(path), frozenset())
    else:
        raw = personal_values(root)
        searched = searchable(raw.values, raw.public)
        if raw.distinct > len(raw.values):
            searched.left_out["beyond the sample"] = raw.distinct - len(raw.values)
    if not searched.values:
        raise SourceError(
            "none of the values can be searched: they are too short or too common",
            where=str(path or "data/raw"),
            fix="give longer ones: quickstack scan --values FILE",
        )
    return searched


def _tell(report: Report, seconds: float, offline: bool) -> None:
    for finding in report.findings[:_LISTED]:
        typer.secho("leak    ", fg="red", nl=False)
        typer.echo(finding.sentence())
    if len(report.findings) > _LISTED:
        typer.echo(f"... and {len(report.findings) - _LISTED} more; --json lists all")
    for one in report.unread[:_LISTED]:
        typer.secho("unread  ", fg="yellow", nl=False)
        typer.echo(one.sentence())
    if len(report.unread) > _LISTED:
        typer.echo(f"... and {len(report.unread) - _LISTED} more; --json lists all")
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(report.read.items()))
    rate = report.size / 1e6 / max(seconds, 1e-9)
    typer.echo(f"Looked    through {kinds}: {report.size / 1e6:,.1f} MB, {rate:,.0f} MB/s")
    typer.echo(f"Looked    for {report.values:,} values as {report.patterns:,} patterns")
    if report.left_out:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.left_out.items())
        typer.echo(f"Not       searchable: {reasons}")
    if report.skipped:
        skipped = sum(report.skipped.values())
        typer.echo(f"Left out  {skipped:,} restricted objects, where such values belong")
    if offline:
        typer.echo("Left out  the remotes (--offline)")
    leaks, unread = len(report.findings), len(report.unread)
    result = _counted(leaks, "finding") if leaks else "no personal value and no key found"
    typer.echo(f"Result    {result}, {_counted(unread, 'place')} not read")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
