"""`quickstack land`: bring outside data into `data/raw` as a pinned snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from quickstack.cli.repository import find_root
from quickstack.facts.errors import SourceError

if TYPE_CHECKING:
    from quickstack.data.landing.landing_progress import Landed, LandingProgress

app = typer.Typer(
    help="Copy outside data into data/raw as a pinned snapshot.",
    epilog="DVC itself can follow single files and objects: `dvc import-url s3://BUCKET/a.csv "
    "data/raw/DATASET/a.csv`, later `dvc update data/raw/DATASET/a.csv.dvc`. Write `remote: "
    "restricted` below its output in that .dvc file, or a push shares it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Dataset = Annotated[
    str, typer.Argument(help="The data go to data/raw/DATASET.", show_default=False)
]
Name = Annotated[
    str | None,
    typer.Option("--name", help="Name of the files and of their record.", metavar="NAME"),
]
Add = Annotated[bool, typer.Option("--add", help="Also run `quickstack add` on the folder.")]
MaxBytes = Annotated[str, typer.Option("--max-bytes", help="Refuse more than this size.")]


@app.command()
def sql(
    dataset: Dataset,
    query: Annotated[
        str, typer.Option("--query", help="A SELECT statement, or FILE.sql that holds one.")
    ],
    url_variable: Annotated[
        str,
        typer.Option(
            "--url-variable", help="Environment variable, or line of .env, with the address."
        ),
    ] = "QUICKSTACK_SOURCE_URL",
    since_column: Annotated[
        str | None,
        typer.Option("--since-column", help="Land only rows that are new by this column."),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option("--overlap", help="Look back this far for rows committed late: 15m, 1h, 2d."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Column that identifies a row. Repeatable.")
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds per statement.")] = 1800,
    name: Name = None,
    add: Add = False,
) -> None:
    """Land a query's result as Parquet, from one snapshot of the database.

    The address stands in an environment variable or in .env, as
    postgresql://USER:PASSWORD@HOST:5432/DATABASE.

    With --since-column each landing adds a file of new rows. Rows with the highest value landed so
    far are neither lost nor doubled. Deleted rows are not noticed. Rows that are committed late
    with a lower value need --overlap.
    """
    from quickstack.data.landing.query import Query
    from quickstack.data.landing.secret import read_secret
    from quickstack.data.landing.snapshot import opened
    from quickstack.data.landing.sql import land_sql

    root = find_root()
    text, title = _query(query, dataset)
    if overlap and not since_column:
        raise SourceError("it has no effect alone", where="--overlap", fix="add --since-column")
    url = read_secret(url_variable, root, "postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    selection = Query(text, since_column, overlap, tuple(key or ()))
    with _watched("rows") as progress, opened(root, dataset, name or title) as landing:
        if not key:
            progress.say(
                "note: without --key the order of the rows, and so the bytes, can differ each time"
            )
        landed = land_sql(landing, url, url_variable, selection, seconds=timeout, progress=progress)
    _finish(root, dataset, landed, add)


@app.command()
def http(
    dataset: Dataset,
    url: Annotated[
        str | None, typer.Argument(help="http:// or https://", show_default=False)
    ] = None,
    url_variable: Annotated[
        str | None,
        typer.Option("--url-variable", help="Environment variable with a secret address."),
    ] = None,
    header_variable: Annotated[
        str | None,
        typer.Option(
            "--header-variable", help="Variable with a header line such as `Authorization: …`."
        ),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="Expected hash of the file.")
    ] = None,
    max_bytes: MaxBytes = "10GB",
    name: Name = None,
    add: Add = False,
) -> None:
    """Land a file by HTTP(S), whole or not at all.

    It retries, and checks the result. Run it again to continue an interrupted transfer or to get
    a new version. A file that did not change is not transferred.
    """
    from quickstack.data.landing.http import Download, land_http
    from quickstack.data.landing.secret import read_secret
    from quickstack.data.landing.snapshot import opened

    root = find_root()
    if (url is None) == (url_variable is None):
        raise SourceError("give the address", fix="write URL, or --url-variable NAME")
    address = url or read_secret(str(url_variable), root, "https://HOST/FILE")
    header = header_variable and read_secret(header_variable, root, "'Authorization: Bearer …'")
    download = Download(address, header, sha256, _bytes(max_bytes))
    with (
        _watched("bytes") as progress,
        opened(root, dataset, name or download.file_name) as landing,
    ):
        landed = land_http(landing, download, progress=progress)
    _finish(root, dataset, landed, add)


@app.command()
def s3(
    dataset: Dataset,
    pattern: Annotated[
        str,
        typer.Argument(
            help="s3://BUCKET/PREFIX/*.csv, where ** matches any folders.", metavar="URL"
        ),
    ],
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Only list the objects; they are read where they are."),
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove files whose objects no longer exist.")
    ] = False,
    remote: Annotated[
        str | None, typer.Option("--remote", help="Use the address and keys of this DVC remote.")
    ] = None,
    max_bytes: MaxBytes = "100GB",
    name: Name = None,
    add: Add = False,
) -> None:
    """Land S3 objects, or only the list of them.

    It says which are new, changed, removed or unchanged. Address and keys come from the DVC
    remote of that bucket or that --remote names, from the local server of `quickstack storage`, or
    from the usual AWS variables or profile.
    """
    from quickstack.data.landing.landed_objects import land_objects
    from quickstack.data.landing.object_patterns import read_source
    from quickstack.data.landing.snapshot import opened

    root = find_root()
    source = read_source(root, pattern, remote)
    with _watched("bytes") as progress, opened(root, dataset, name or dataset) as landing:
        landed = land_objects(
            landing,
            source,
            in_place=in_place,
            delete=delete,
            limit=_bytes(max_bytes),
            progress=progress,
        )
    _finish(root, dataset, landed, add)


def _query(query: str, dataset: str) -> tuple[str, str]:
    """Return the query's text and the name that its landing gets."""
    if not query.endswith(".sql"):
        return query, dataset
    path = Path(query)
    try:
        return path.read_text(encoding="utf-8"), path.stem
    except FileNotFoundError:
        raise SourceError("there is no such file", where=query, fix="correct --query") from None
    except UnicodeDecodeError:
        raise SourceError(
            "the file is not UTF-8 text", where=query, fix="save it as UTF-8"
        ) from None


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?", text)
    if not match:
        raise SourceError("this is not a size", where="--max-bytes", fix="write 500MB, 10GB or 2TB")
    return int(float(match[1]) * 1000 ** " kMGT".index(match[2] or " "))


def _finish(root: Path, dataset: str, landed: Landed, add: bool) -> None:
    from quickstack.facts.paths import RAW

    for file in landed.files[:20]:
        typer.echo(file.as_posix())
    if len(landed.files) > 20:
        typer.echo(f"... and {len(landed.files) - 20} more")
    typer.echo(landed.summary)
    folder = PurePosixPath(RAW.as_posix()) / dataset
    if not landed.changed:
        return
    if not add:
        typer.echo(f"Next: quickstack add {folder}")
        return
    from quickstack.runtime.repository.restricted import add_restricted

    pointer = add_restricted(root, root / folder)
    typer.echo(
        f"{pointer.as_posix()} names this version; `quickstack push` takes it to the "
        "restricted remote"
    )


@contextmanager
def _watched(unit: str) -> Iterator[LandingProgress]:
    """Show a bar on a terminal, and steps as lines; end an interruption as a sentence."""
    from quickstack.data.landing.landing_progress import LandingProgress

    class Lines(LandingProgress):
        def say(self, sentence: str) -> None:
            typer.echo(sentence, err=True)

    import sys

    try:
        if not sys.stderr.isatty():
            yield Lines()
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Left

        shown = "{task.completed:,.0f} " + unit
        columns = (TextColumn(shown), BarColumn(), TimeElapsedColumn(), Left())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)

            class Bar(LandingProgress):
                def say(self, sentence: str) -> None:
                    progress.console.print(sentence, markup=False, highlight=False)

                def advance(self, amount: int, total: int | None = None) -> None:
                    progress.update(task, advance=amount, total=total)

            yield Bar()
    except KeyboardInterrupt:
        typer.echo("Interrupted. The previous data are untouched.", err=True)
        raise typer.Exit(130) from None
