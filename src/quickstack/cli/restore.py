"""`quickstack restore`: the previous outputs, after a run that failed or was killed."""

from __future__ import annotations

import os

import typer


def restore() -> None:
    """Bring back the previous outputs after a failed run.

    DVC removes them before a stage starts.
    """
    from quickstack.cli.repository import find_root
    from quickstack.guard.verifying.declarations import declared_stages
    from quickstack.guard.verifying.transfers import forget_collected
    from quickstack.runtime.running.previous_outputs import restore_outputs

    root = find_root()
    os.chdir(root)
    forget_collected(root)
    lost = [path for stage in declared_stages(root) for path in restore_outputs(stage.name, {})]
    if lost:
        typer.echo(f"not in cache or git: {', '.join(lost)}. To fix it: dvc repro", err=True)
        raise typer.Exit(1)
    typer.echo("all outputs are here, as dvc.lock names them")
