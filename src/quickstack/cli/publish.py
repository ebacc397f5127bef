"""`quickstack publish` and `quickstack preview`: a run where its readers look, or here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quickstack.results.publishing.publication import Built
    from quickstack.results.publishing.run_metadata import Facts

PlaceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PLACE]",
        help="s3://BUCKET/PREFIX or a folder. Default: the remote `publish`.",
    ),
]
PREVIEW = Path(".quickstack/preview")


def publish(
    place: PlaceArgument = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", help="Publish a model in doubt all the same, and record why."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put this data set in the place of another.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, send nothing.")
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Make Power BI refresh (POWERBI_TOKEN, POWERBI_DATASET, POWERBI_GROUP).",
        ),
    ] = False,
) -> None:
    """Publish the committed run to a folder or to S3.

    Readers see the run before until the new one is complete. It refuses when the workspace differs
    from the commit, when verify, the quality gate or the leak scan fails, when the model is worse
    than the published one on the rows that both scored, when it does not beat the best naive guess,
    and when it is too good to be believed.
    """
    from quickstack.cli.repository import find_root
    from quickstack.facts.paths import EXPORTS
    from quickstack.results.publishing.gates import GATES, doubts_of, leak_free
    from quickstack.results.publishing.places import remember
    from quickstack.results.publishing.powerbi_refresh import read_target, request_refresh
    from quickstack.results.publishing.publication import read_exports
    from quickstack.results.publishing.published_model import read_judge
    from quickstack.results.publishing.published_runs import run_path
    from quickstack.results.publishing.publisher import WORK, Job
    from quickstack.results.publishing.publisher import publish as send
    from quickstack.results.publishing.readers_place import reach_place
    from quickstack.results.publishing.run_metadata import read_facts

    root = find_root()
    target = read_target() if refresh else None
    where = reach_place(root, place)
    for name, gate in GATES.items():
        _passed(name, gate(root))
    facts = read_facts(root)

    def inspect(built: Built) -> None:
        _passed("leaks", leak_free(root, built))

    if not dry_run:
        remember(root, where.shown)
    with _progress() as begin:
        job = Job(
            where,
            read_exports(root / EXPORTS),
            facts,
            root / WORK,
            inspect,
            begin,
            judge=read_judge(root, facts.dataset),
            doubts=doubts_of(root),
        )
        outcome = send(job, reason=reason, replace=replace, dry_run=dry_run)
    page = where.address(f"{run_path(outcome.run)}index.html")
    if outcome.built is None:
        typer.echo(f"Already published as run {outcome.run}: nothing was changed in {where.shown}")
    elif dry_run:
        typer.echo(f"Would send {outcome.sent} files, {outcome.size / 1e6:,.1f} MB to {page}")
        _tell(outcome.built, facts)
    else:
        typer.echo(f"Published  run {outcome.run}")
        typer.echo(f"Sent       {outcome.sent} files, {outcome.size / 1e6:,.1f} MB")
        _tell(outcome.built, facts)
        typer.echo(f"Page       {page}")
    if target is not None and not dry_run:
        request_refresh(target)
        typer.echo("Power BI   was told to refresh; its refresh history shows the result")


def preview(
    place: PlaceArgument = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it on this machine until Ctrl-C.")
    ] = False,
) -> None:
    """Build here what `publish` would publish.

    It includes the history of what is published.
    """
    from dataclasses import replace

    from quickstack.cli.repository import find_root
    from quickstack.facts.errors import StorageError
    from quickstack.facts.paths import EXPORTS
    from quickstack.results.publishing.publication import make_preview, read_exports
    from quickstack.results.publishing.published_model import compare_published, read_judge
    from quickstack.results.publishing.published_runs import State, read_state, run_path
    from quickstack.results.publishing.publisher import WORK
    from quickstack.results.publishing.readers_place import Seen, reach_place
    from quickstack.results.publishing.run_metadata import git, read_facts

    root = find_root()
    state, where = State(Seen(None)), None
    try:
        where = reach_place(root, place)
        state = read_state(where)
    except StorageError as error:
        if place is not None:
            raise
        typer.echo(f"Without history: {error.what}")
    facts = read_facts(root)
    if git(root, "status", "--porcelain"):
        facts = replace(facts, revision=f"{facts.revision} with changes")
    folder, exports = root / PREVIEW, read_exports(root / EXPORTS)
    compared = None
    if where is not None:
        judge = read_judge(root, facts.dataset)
        compared = compare_published(where, state, exports, judge, root / WORK)
    built = make_preview(folder, exports, facts, state, root / WORK, compared)
    _tell(built, facts)
    typer.echo(f"Page       {(PREVIEW / run_path(built.run)).as_posix()}/index.html")
    if serve:
        _serve(folder)


def _passed(name: str, phrase: str) -> None:
    typer.secho(f"{'ok':<8}", fg="green", nl=False)
    typer.echo(f"{name:<12}{phrase}")


def _tell(built: Built, facts: Facts) -> None:
    from quickstack.results.publishing.data_age import SOURCES, span_text

    fresh = built.freshness
    typer.echo(f"Changed    {built.changed}")
    age = "no time column says how old the data are"
    if fresh.age is not None:
        age = f"the newest row is {span_text(fresh.age)} old{_promised(fresh.promise, fresh.kept)}"
    typer.echo(f"Freshness  {age}")
    lead = "when the data arrived is not known"
    if fresh.lead is not None:
        kept = _promised(fresh.lead_promise, fresh.lead_kept)
        lead = f"the data arrived {span_text(fresh.lead)} before{kept}"
    typer.echo(f"Arrival    {lead}; by {SOURCES[facts.arrived.source]}")
    for remark in built.remarks:
        typer.echo(f"Note       {remark}")


def _promised(promise: timedelta | None, kept: bool | None) -> str:
    from quickstack.results.publishing.data_age import span_text

    if promise is None or kept is None:
        return ""
    return f", {span_text(promise)} are promised: {'kept' if kept else 'BROKEN'}"


@contextmanager
def _progress() -> Iterator[Callable[[int], Callable[[int], None]]]:
    """Give what publishing calls with the bytes to send; a bar where there is a terminal."""
    import sys

    from rich import progress as bars
    from rich.console import Console

    if not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    columns = (bars.BarColumn(), bars.DownloadColumn(), bars.TransferSpeedColumn())
    with bars.Progress(
        *columns, bars.TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:

        def begin(total: int) -> Callable[[int], None]:
            task = bar.add_task("publish", total=total)
            return lambda size: bar.advance(task, size)

        yield begin


def _serve(folder: Path) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        typer.echo(f"Served at  http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("Ended.")
