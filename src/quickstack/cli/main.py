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
    init,
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

#: The headings of `quickstack --help`, in their order.
DATA, PIPELINE, MODELS = "Data", "Pipeline and proof", "Models and experiments"
RESULTS, PRIVACY, STORAGE = "Results", "Privacy", "Storage"
PANELS = (DATA, PIPELINE, MODELS, RESULTS, PRIVACY, STORAGE)


class Group(TyperGroup):
    """A group of commands; a user's mistake ends as a sentence, not as a traceback."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands under their headings; typer does so only with the slow, rich help."""
        rows: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        longest = max(map(len, self.commands))
        width = formatter.width - 6 - longest
        for name in self.list_commands(ctx):
            command = self.commands[name]
            panel = getattr(command, "rich_help_panel", None)
            rows.setdefault(panel if isinstance(panel, str) else "Commands", []).append(
                (name.ljust(longest), command.get_short_help_str(width))
            )
        for panel, commands in rows.items():
            if commands:
                with formatter.section(panel):
                    formatter.write_dl(commands)

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
    help="Work with a Quickstack repository.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("init", rich_help_panel=DATA)(init.init)
app.command("add", rich_help_panel=DATA)(add.add)
app.command("freshness", rich_help_panel=DATA)(freshness.freshness)
app.command("doctor", rich_help_panel=PIPELINE)(doctor.doctor)
app.command("result", rich_help_panel=PIPELINE)(result.result)
app.command("verify", rich_help_panel=PIPELINE)(verify.verify)
app.command("restore", rich_help_panel=PIPELINE)(restore.restore)
app.command("hooks", rich_help_panel=PIPELINE)(hooks.hooks)
app.command("sweep", rich_help_panel=MODELS)(sweep.sweep)
app.command("diff", rich_help_panel=MODELS)(diff.diff)
app.command("summary", rich_help_panel=MODELS)(summary.summary)
app.command("history", rich_help_panel=MODELS)(history.history)
app.command("checkout", rich_help_panel=MODELS)(checkout.checkout)
app.command("preview", rich_help_panel=RESULTS)(publish.preview)
app.command("publish", rich_help_panel=RESULTS)(publish.publish)
app.command("runs", rich_help_panel=RESULTS)(published.runs)
app.command("rollback", rich_help_panel=RESULTS)(published.rollback)
app.command("link", rich_help_panel=RESULTS)(published.link)
app.command("load", rich_help_panel=RESULTS)(load.load)
app.command("scan", rich_help_panel=PRIVACY)(scan.scan)
app.command("erase", rich_help_panel=PRIVACY)(erase.erase)
app.command("push", rich_help_panel=STORAGE, context_settings=transfer.SETTINGS)(transfer.push)
app.command("pull", rich_help_panel=STORAGE, context_settings=transfer.SETTINGS)(transfer.pull)
app.add_typer(land.app, name="land", rich_help_panel=DATA)
app.add_typer(key.app, name="key", rich_help_panel=PRIVACY)
app.add_typer(storage.app, name="storage", rich_help_panel=STORAGE)


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
    """Work with a Quickstack repository."""
