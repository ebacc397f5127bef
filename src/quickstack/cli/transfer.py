"""`quickstack push` and `quickstack pull`: as DVC does, and whole also after a kill."""

from __future__ import annotations

import typer

#: All arguments are DVC's.
SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}


def push(context: typer.Context) -> None:
    """Run `dvc push`, then check that the remotes hold everything.

    It takes the arguments of `dvc push`.
    """
    from quickstack.cli.repository import mended_root
    from quickstack.guard.verifying.transfers import lacking, transfer

    root = mended_root()
    if code := transfer(root, "push", context.args):
        raise typer.Exit(code)
    put, found = lacking(root, context.args)
    if put:
        typer.echo(f"{put:,} objects that DVC left out were put into their remotes")
    for sentence in found:
        typer.echo(sentence, err=True)
    if found:
        typer.echo(
            "Not all is stored. To fix it: push from where the data are, or run `dvc repro`.",
            err=True,
        )
        raise typer.Exit(1)


def pull(context: typer.Context) -> None:
    """Run `dvc pull`, after checking the cache again.

    It takes the arguments of `dvc pull`.
    """
    from quickstack.cli.repository import mended_root
    from quickstack.guard.verifying.transfers import transfer

    if code := transfer(mended_root(), "pull", context.args):
        raise typer.Exit(code)
