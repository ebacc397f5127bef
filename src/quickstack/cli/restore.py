"""`quickstack restore`: the previous outputs, after a run that failed or was killed."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def restore(
    locks: Annotated[
        bool, typer.Option("--locks", help="Bring back dvc.lock and free lock files, no outputs.")
    ] = False,
) -> None:
    """Bring back the previous outputs after a run that failed.

    DVC removes them before a stage starts. A kill can also leave dvc.lock cut, and lock files of
    DVC and git: these are made whole first.
    """
    from quickstack.cli.repository import mended_root
    from quickstack.guard.verifying.declarations import declared_stages
    from quickstack.guard.verifying.transfers import forget_collected
    from quickstack.runtime.running.previous_outputs import restore_outputs

    root = mended_root()
    if locks:
        return
    os.chdir(root)
    forget_collected(root)
    lost = [path for stage in declared_stages(root) for path in restore_outputs(stage.name, {})]
    if lost:
        typer.echo(f"not in cache or git: {', '.join(lost)}. To fix it: dvc repro", err=True)
        raise typer.Exit(1)
    typer.echo("all outputs are here, as dvc.lock names them")
