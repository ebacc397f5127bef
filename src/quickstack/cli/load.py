"""`quickstack load`: put the exported tables into a database."""

from __future__ import annotations

from typing import Annotated

import typer


def load(
    url_variable: Annotated[
        str,
        typer.Option(
            "--url-variable", help="Environment variable, or line of .env, with the address."
        ),
    ] = "QUICKSTACK_SINK_URL",
    schema: Annotated[
        str | None, typer.Option("--schema", help="Schema of the tables, if not the default.")
    ] = None,
) -> None:
    """Load the exported tables into a database, in one transaction.

    The address stands in an environment variable or in .env, as
    postgresql://USER:PASSWORD@HOST:5432/DATABASE. Readers see the old tables until all new
    ones are complete. A table that did not change is not loaded again.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.landing.secret import read_secret
    from quickstack.facts import paths
    from quickstack.results.exporting.database import load_tables

    root = find_root()
    url = read_secret(url_variable, root, "postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    loaded = load_tables(
        root / paths.EXPORTS, url, url_variable, schema, lambda text: typer.echo(text, err=True)
    )
    typer.echo(f"{len(loaded)} tables loaded" if loaded else "nothing to load: no table changed")
