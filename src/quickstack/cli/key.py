"""`quickstack key`: make the key for pseudonyms, name the one at hand."""

from __future__ import annotations

import typer

app = typer.Typer(help="The key for pseudonyms.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def new() -> None:
    """Make a key and keep it in a git-ignored file that only you may read."""
    from quickstack.cli.repository import find_root
    from quickstack.privacy.keys import KEY_FILE, fingerprint, new_key

    made = fingerprint(new_key(find_root() / KEY_FILE))
    typer.echo(f"made key {made} in {KEY_FILE.as_posix()}; git ignores it")
    typer.echo("Keep a copy in your team's password manager: a lost key cannot be made again.")
    typer.echo("To pin it, write into the contract:")
    typer.echo(f"  customProperties:\n    - {{property: pseudonymKey, value: {made}}}")


@app.command()
def show() -> None:
    """Show the fingerprint of the key at hand, never the key."""
    from quickstack.privacy.keys import KEY_FILE, KEY_VARIABLE, fingerprint, own_key

    key = own_key()
    if key is None:
        typer.echo(f"no key here: neither {KEY_VARIABLE} nor {KEY_FILE.as_posix()}")
        raise typer.Exit(1)
    typer.echo(fingerprint(key))
