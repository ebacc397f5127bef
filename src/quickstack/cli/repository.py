"""Find the repository that a command is called in."""

from __future__ import annotations

from pathlib import Path

from quickstack.facts.errors import StorageError


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder upwards that holds a DVC repository.

    Parameters
    ----------
    start
        Where to start; the working directory when not given.

    Returns
    -------
    Path
        The repository's root.

    Raises
    ------
    StorageError
        When there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / ".dvc" / "config").is_file():
            return folder
    raise StorageError(
        "This is not a Quickstack repository: no .dvc/config here or in a folder above",
        where=str(here),
        fix="go into your clone, and call the command there",
    )


def mended_root() -> Path:
    """Return the repository's root; say what a killed command left there, and make it whole."""
    import typer

    from quickstack.runtime.repository.killed_writes import mend

    root = find_root()
    for sentence in mend(root):
        typer.echo(f"{sentence}.", err=True)
    return root
