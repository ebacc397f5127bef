"""`quickstack verify`: whether the repository holds what it says."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def verify(
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Also run each stage with only what it declares."),
    ] = False,
    rerun: Annotated[
        bool,
        typer.Option(
            "--rerun", help="Also run everything in a clean clone, and compare the bytes."
        ),
    ] = False,
    stored: Annotated[
        bool,
        typer.Option(
            "--stored", help="Also check that the remotes hold what branches and tags need."
        ),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="With --stored: read and hash every object.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --stored: push what is missing from this cache.")
    ] = False,
    days: Annotated[
        int, typer.Option(min=0, help="With --stored: branches and tags of the last so many days.")
    ] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="First write what each stage uses into dvc.yaml."),
    ] = False,
) -> None:
    """Check that dvc.lock describes this state.

    It also checks that stages declare what they use, and that the packages are those of the lock.
    Exits with 1 if not.
    """
    from quickstack.cli.repository import mended_root
    from quickstack.guard.verifying.declarations import rewrite_deps
    from quickstack.guard.verifying.levels import QUICK, Level, results
    from quickstack.runtime.storage.health_check import Status

    root: Path = mended_root()
    if (deep or repair) and not stored:
        stored = True
    if fix and rewrite_deps(root):
        typer.echo("dvc.yaml: the rooms of each stage are written; run `dvc repro`", err=as_json)
    levels: dict[str, Level] = dict(QUICK)
    if watch:
        from quickstack.guard.verifying.watching import watched

        levels["watched"] = watched
    if rerun:
        from quickstack.guard.verifying.rerun import rerun as run_again

        levels["rerun"] = run_again
    if stored:
        from quickstack.guard.verifying.stored_objects import stored as look

        levels["stored"] = partial(look, days=days, deep=deep, repair=repair)
    colours = {Status.OK: "green", Status.FAILED: "red", Status.NOTE: "cyan"}
    found = []
    for result in results(root, levels):
        found.append(result)
        if not as_json:
            typer.secho(f"{result.status.value:<8}", fg=colours[result.status], nl=False)
            typer.echo(f"{result.check:<13}{result.sentence}")
    failed = any(result.status == Status.FAILED for result in found)
    if as_json:
        import json

        rows = [{"level": r.check, "status": r.status.value, "sentence": r.sentence} for r in found]
        typer.echo(json.dumps({"ok": not failed, "results": rows}, indent=2))
    if failed:
        raise typer.Exit(1)
