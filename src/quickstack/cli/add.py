"""`quickstack add`: version a folder of raw data, for the restricted remote only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add(
    path: Annotated[Path, typer.Argument(help="A folder in data/raw.", show_default=False)],
) -> None:
    """Version a folder of raw data with DVC.

    `quickstack push` then sends it to the restricted remote, and to no other.
    """
    from quickstack.cli.repository import find_root
    from quickstack.runtime.repository.restricted import add_restricted

    pointer = add_restricted(find_root(), path.absolute())
    typer.echo(
        f"{pointer.as_posix()} names this version; `quickstack push` takes it to the "
        "restricted remote"
    )
