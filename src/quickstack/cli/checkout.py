"""`quickstack checkout`: code, data, model and exports of a commit, together."""

from __future__ import annotations

from typing import Annotated

import typer


def checkout(
    revision: Annotated[str, typer.Argument(help="A branch, tag or commit.")],
) -> None:
    """Bring back the code, data, model and exports of a commit.

    Exits with 1 when a part is in neither the cache nor the shared remote.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.history.restored_commit import checkout as bring

    typer.echo("Looking in git, DVC's cache and the shared remote ...", err=True)
    found = bring(find_root(), revision)
    if found.missing:
        typer.echo(
            f"not in the cache or the shared remote: {', '.join(found.missing)}. To fix it: "
            "`quickstack doctor` says whether the remote answers; `dvc repro` makes them again",
            err=True,
        )
    else:
        typer.echo(f"code, data, model and exports are those of {found.commit[:8]}")
    if found.restricted:
        typer.echo(f"only the restricted remote has: {', '.join(found.restricted)}")
    if found.packages:
        typer.echo("its packages differ: `make .venv/.runtime` installs them")
    typer.echo(f"The way back: `git checkout {found.back} && dvc checkout`")
    if found.missing:
        raise typer.Exit(1)
