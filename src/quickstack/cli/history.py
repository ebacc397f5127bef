"""`quickstack history`: the runs that git knows, and what became slower."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def history(
    branch: Annotated[str, typer.Argument(help="A branch, tag or commit.")] = "HEAD",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of runs to list.")] = 20,
    slow: Annotated[
        bool, typer.Option("--slow", help="List the stages that became slower on this machine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the commits that changed a result.

    Each with its data, changed parameters, metric and seconds.
    """
    from quickstack.cli.repository import find_root
    from quickstack.results.comparing.render import Section, text
    from quickstack.results.history.runs import runs, slower

    root = find_root()
    found = slower(root) if slow else runs(root, branch, limit)
    if as_json:
        import json

        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif slow:
        rows = [_stage(entry) for entry in found]
        header = ("stage", "seconds", "median before", "of runs", "")
        sentences = () if rows else ("no stage has left a record here: run `dvc repro`",)
        section = Section("Seconds of the newest run", sentences, header if rows else (), rows)
        typer.echo(text("Stages on this machine", [section]), nl=False)
    else:
        for run in found:
            typer.echo(_run(run))


def _stage(entry: dict[str, Any]) -> list[str]:
    verdicts = {True: "slower", False: "as usual", None: "too few runs to say"}
    since = f", with another {', '.join(entry['since'])}" if entry["since"] else ""
    usual = "-" if entry["median"] is None else f"{entry['median']:.1f}"
    verdict = f"{verdicts[entry['slower']]}{since}"
    return [entry["stage"], f"{entry['seconds']:.1f}", usual, str(entry["runs"]), verdict]


def _run(run: dict[str, Any]) -> str:
    from quickstack.results.comparing.render import number, within

    metric = run["metric"]
    shown = f"{metric['name']} {within(metric)}" if metric else "no metric"
    lines = [f"{run['commit'][:8]}  {run['date'][:16]}  data {(run['data'] or '-')[:8]}  {shown}"]
    lines.append(f"          {run['message']}")
    lines += [
        f"          {change['name']}: {number(change['before'])} to {number(change['after'])}"
        for change in run["parameters"]
    ]
    if run["seconds"]:
        seconds = ", ".join(f"{name} {value:.1f}" for name, value in run["seconds"].items())
        lines.append(f"          {seconds} s on {run['machine']}")
    return "\n".join(lines)
