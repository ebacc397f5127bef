"""The `quickstack` command: sub-commands are registered here, and errors end here.

The modules of the sub-commands are imported at each call, so they import heavy packages inside
their functions only.
"""

from __future__ import annotations

import errno
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from quickstack.cli import (
    add,
    checkout,
    diff,
    doctor,
    erase,
    freshness,
    history,
    hooks,
    key,
    land,
    load,
    publish,
    published,
    restore,
    result,
    scan,
    storage,
    summary,
    sweep,
    transfer,
    verify,
)
from quickstack.facts.errors import QuickstackError


class Group(TyperGroup):
    """A group of commands in which a user's mistake ends as its sentence, not as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn errors with a sentence into that sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except QuickstackError as error:
            typer.echo(error.sentence(), err=True)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has left: no news
                raise
            place = f"{error.filename}: " if error.filename else ""
            if error.errno is None:
                raise _withheld(error) from None
            typer.echo(f"{place}{error.strerror}.", err=True)
            raise typer.Exit(1) from None
        except Exception as error:  # of any package: its message may quote a value
            if type(error).__module__.split(".")[0] in ("click", "typer"):
                raise
            raise _withheld(error) from None


def _withheld(error: Exception) -> typer.Exit:
    """Say what went wrong without a foreign message, which may quote a value of the data."""
    from quickstack.runtime.running.messages import withheld

    typer.echo(withheld(error), err=True)
    return typer.Exit(1)


# Plain help: the decorated one costs 0.2 s at each call.
app = typer.Typer(
    name="quickstack",
    cls=Group,
    help="Look after a Quickstack repository.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("doctor")(doctor.doctor)
app.command("result")(result.result)
app.command("freshness")(freshness.freshness)
app.command("verify")(verify.verify)
app.command("hooks")(hooks.hooks)
app.command("diff")(diff.diff)
app.command("history")(history.history)
app.command("checkout")(checkout.checkout)
app.command("summary")(summary.summary)
app.command("restore")(restore.restore)
app.command("add")(add.add)
app.command("push", context_settings=transfer.SETTINGS)(transfer.push)
app.command("pull", context_settings=transfer.SETTINGS)(transfer.pull)
app.command("scan")(scan.scan)
app.command("erase")(erase.erase)
app.command("sweep")(sweep.sweep)
app.command("publish")(publish.publish)
app.command("preview")(publish.preview)
app.command("runs")(published.runs)
app.command("rollback")(published.rollback)
app.command("link")(published.link)
app.command("load")(load.load)
app.add_typer(land.app, name="land")
app.add_typer(key.app, name="key")
app.add_typer(storage.app, name="storage")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"quickstack {version('quickstack')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Look after a Quickstack repository."""
