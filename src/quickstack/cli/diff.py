"""`quickstack diff`: what differs between two revisions, data included."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A branch, tag or commit.")] = "HEAD",
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="A second one. Default: the workspace.")
    ] = None,
    form: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="Output format.")
    ] = "text",
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not fetch; name what is missing.")
    ] = False,
) -> None:
    """Compare data, quality, parameters and metrics of two commits.

    It shows no value of a row.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.comparing import comparison as comparing
    from quickstack.results.comparing import render
    from quickstack.runtime.repository.revisions import find_revision

    root = find_root()
    one, other = find_revision(root, before), find_revision(root, after)
    compared = comparing.diff(one, other, offline=offline)
    if form == "json":
        import json

        typer.echo(json.dumps(compared, indent=2, ensure_ascii=False))
        return
    write = render.markdown if form == "markdown" else render.text
    title = f"From {compared['before']} to {compared['after']}"
    typer.echo(write(title, render.diff_sections(compared)), nl=False)
