"""`quickstack storage`: the local S3 server."""

from __future__ import annotations

from typing import Annotated

import typer

from quickstack.cli.repository import find_root

app = typer.Typer(
    help="Start, stop or check a local S3 server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def start(
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another S3 server in .dvc/config.local.")
    ] = False,
) -> None:
    """Start the server, create the buckets, point DVC's remotes at it."""
    from quickstack.facts.errors import StorageError
    from quickstack.runtime.storage import server
    from quickstack.runtime.storage.local_config import check_no_other_server, write_local_config
    from quickstack.runtime.stores.remotes import CONFIG, LOCAL, NAMES, read_remote
    from quickstack.runtime.stores.s3 import create_buckets

    root = find_root()
    names = [name for name in NAMES if read_remote(root, name).scheme == "s3"]
    if not names:
        raise StorageError(
            f"No remote of {' and '.join(NAMES)} is in S3, so nothing would use a local S3 server",
            where=CONFIG.as_posix(),
            fix="write their urls as s3://BUCKET/PREFIX, or work without it",
        )
    if not replace:
        check_no_other_server(root, names)
    info = server.start(root)
    write_local_config(root, info, names, replace=replace)
    # Read now: with this server's address and keys.
    remotes = [read_remote(root, name) for name in names]
    made = create_buckets(remotes)
    typer.echo(f"{'Already running' if info.already_running else 'Started'} at {info.endpoint}")
    for remote in remotes:
        state = "created" if remote.bucket in made else "found"
        typer.echo(f"  remote {remote.name}: bucket {remote.bucket} {state}")
    typer.echo(f"Address and keys: {LOCAL} (not in git). Objects: {server.FOLDER / 'data'}")
    typer.echo("Next: quickstack push. To end it: quickstack storage stop")


@app.command()
def stop() -> None:
    """Stop the server. Its objects and keys stay."""
    from quickstack.runtime.storage import server

    root = find_root()
    typer.echo("Stopped; its objects stay" if server.stop(root) else "The server was not running")


@app.command()
def status() -> None:
    """Show whether the server runs, and where. Exits with 1 if not."""
    from quickstack.runtime.storage import server

    info = server.status(find_root())
    if info is None:
        typer.echo("Not running. To start it: quickstack storage start")
        raise typer.Exit(1)
    typer.echo(f"Running at {info.endpoint}, process {info.pid}, objects in {info.folder / 'data'}")
