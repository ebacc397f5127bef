"""`quickstack summary`: what a pull request changes, as Markdown."""

from __future__ import annotations

from typing import Annotated

import typer


def summary(
    base: Annotated[str, typer.Argument(help="Branch or commit to compare with.")],
    dashboard: Annotated[
        str | None, typer.Option("--dashboard", help="Address of the exported page, to link to.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not fetch; name what is missing.")
    ] = False,
) -> None:
    """Say what the workspace changes from BASE, as Markdown.

    Metrics and whether they are better, data, drift, time.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.comparing.comparison import diff
    from quickstack.results.comparing.pull_request_summary import summary as write
    from quickstack.runtime.repository.revisions import find_revision

    root = find_root()
    before, after = find_revision(root, base), find_revision(root, None)
    compared = diff(before, after, offline=offline)
    typer.echo(write(compared, before, after, dashboard or None), nl=False)
