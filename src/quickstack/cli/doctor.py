"""`quickstack doctor`: what works here, and a sentence for what does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from quickstack.cli.checks import CHECKS, Check
from quickstack.cli.repository import find_root
from quickstack.facts.errors import QuickstackError
from quickstack.runtime.storage.health_check import Result, Status

_COLOURS = {Status.OK: "green", Status.FAILED: "red", Status.NOTE: "cyan"}


def doctor() -> None:
    """Check Python, the packages, git, DVC, the contract and S3."""
    root = find_root()
    failed = 0
    for check in CHECKS:
        for result in run(check, root):
            failed += result.status == Status.FAILED
            typer.secho(f"{result.status.value:<12}", fg=_COLOURS.get(result.status), nl=False)
            typer.echo(f"{result.check:<22}{result.sentence}")
    if failed:
        typer.echo(f"\n{failed} failed.", err=True)
        raise typer.Exit(1)


def run(check: Check, root: Path) -> Iterator[Result]:
    """Run a check; an error with a sentence is its failure, and the other checks still run."""
    try:
        yield from check(root)
    except QuickstackError as error:
        yield Result(check.__name__.replace("_", " "), Status.FAILED, error.sentence())
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}."
        yield Result(check.__name__.replace("_", " "), Status.FAILED, what)
