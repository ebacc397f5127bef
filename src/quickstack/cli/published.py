"""`quickstack runs`, `rollback` and `link`: what is published, an earlier run, a link to share."""

from __future__ import annotations

from typing import Annotated

import typer

from quickstack.cli.publish import PlaceArgument


def runs(place: PlaceArgument = None) -> None:
    """List the published runs, oldest first."""
    from quickstack.cli.repository import find_root
    from quickstack.results.publishing.published_runs import read_state
    from quickstack.results.publishing.readers_place import reach_place

    where = reach_place(find_root(), place)
    state = read_state(where)
    if state.run is None:
        typer.echo(f"nothing is published in {where.shown} yet")
        return
    for row in state.runs:
        mark = "*" if row["run"] == state.run else " "
        value = "not defined" if row["value"] is None else f"{row['value']:.4f}"
        note = f"  reason: {row['reason']}" if row["reason"] else ""
        typer.echo(
            f"{mark} {row['run']:<26}{row['metric']} {value}  drift {row['verdict']:<8}"
            f"{row['clean']:>12,} rows{note}"
        )
    typer.echo("* is what readers see")


def rollback(
    place: PlaceArgument = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run. Default: the one before.")
    ] = None,
) -> None:
    """Show an earlier run to readers again.

    It first reads every byte of that run.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.publishing.published_runs import rollback as switch
    from quickstack.results.publishing.readers_place import reach_place

    shown = switch(reach_place(find_root(), place), run, typer.echo)
    typer.echo(f"Readers see run {shown} again; no run was removed")


def link(
    place: PlaceArgument = None,
    hours: Annotated[
        float, typer.Option("--hours", min=0.02, help="How long the link works.")
    ] = 24,
) -> None:
    """Print a link to the published page that needs no keys.

    It also says when the link ends.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.publishing.published_runs import page_link
    from quickstack.results.publishing.readers_place import reach_place

    made = page_link(reach_place(find_root(), place), hours)
    typer.echo(made.url)
    typer.echo(f"It ends at {made.end:%Y-%m-%d %H:%M} UTC: {made.why}.", err=True)
