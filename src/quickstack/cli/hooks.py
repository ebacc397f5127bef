"""`quickstack hooks`: git refuses to push commits whose data were not pushed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def hooks(
    check: Annotated[
        str, typer.Option("--check", hidden=True, help="What the hook calls, with git's remote.")
    ] = "",
) -> None:
    """Install a git hook that checks data before each push.

    It refuses to push commits whose data are not in their remotes.
    """
    from quickstack.cli.repository import find_root
    from quickstack.guard.verifying.push_hook import install, refusals

    root = find_root()
    if not check:
        typer.echo(f"{install(root)}: git now refuses to push commits whose data were not pushed")
        return
    found = refusals(root, sys.stdin.read(), check)
    for sentence in found:
        typer.echo(sentence, err=True)
    if found:
        raise typer.Exit(1)
