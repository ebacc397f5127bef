"""`quickstack erase`: find a person in every version, and erase them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quickstack.guard.erasing.apply import Erased
    from quickstack.guard.erasing.search import Findings


#: Refs of git that are no branch of people's, and what they are.
_REFS = {"refs/stash": "stash", "refs/exps": "experiment"}
_LISTED = 10


def erase(
    column: Annotated[
        str, typer.Option(help="Personal column that identifies the person.", show_default=False)
    ],
    value_file: Annotated[
        Path | None, typer.Option(help="File with the person's values, one per line.")
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="The person's value. The shell history keeps it.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="The person's pseudonym, if the value is unknown.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Erase what was found.")] = False,
) -> None:
    """Find a person in every version, and erase them.

    It searches the cache, the remotes, published places and all that git holds. Without --apply it
    changes nothing. Without --value-file, --value or --token it prompts for the value, or reads it
    from a pipe. It exits with 0 only when nothing of the person is left.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, own_key, own_keys
    from quickstack.guard.erasing.apply import apply as erase_findings
    from quickstack.guard.erasing.apply import resume
    from quickstack.guard.erasing.pseudonym_lookup import value_of
    from quickstack.guard.erasing.search import search
    from quickstack.guard.erasing.subject import find_subject, read_contracts
    from quickstack.results.publishing.places import published_stores
    from quickstack.runtime.stores.object_stores import all_stores

    root = find_root()
    contracts, keys = read_contracts(root), own_keys()
    if token is not None:
        values = value_of(root, contracts, keys, column=column, token=token)
    else:
        values = _values(value_file, value)
    subject = find_subject(contracts, keys, column=column, values=values)
    key = own_key() or SAMPLE_KEY
    stores = all_stores(root)
    places, in_use = published_stores(root, stores)
    stores += places
    left = False
    if apply:
        resume(root, subject, key)
    findings = search(root, subject, stores, ignored=value_file)
    _show(findings)
    blind = [store for store in stores if not store.sees_versions]
    for store in blind:
        typer.echo(
            f"Earlier versions and deleted objects that {store.address} may keep were not "
            "searched, and are not erased here: see to them with its own tools."
        )
    if apply:
        done = erase_findings(root, subject, findings, stores, key, kept=in_use, ignored=value_file)
        _report(done)
        findings = done.remains
        left = bool(done.left)
    elif set(findings.places) - {"git"} or findings.unreachable:
        typer.echo("Nothing was erased. To erase it: add --apply.")
    if findings.places or findings.unread or blind or left:
        raise typer.Exit(1)


def _values(value_file: Path | None, value: str | None) -> list[str]:
    if value is not None:
        return [value]
    if value_file is not None:
        return value_file.read_text(encoding="utf-8").splitlines()
    if sys.stdin.isatty():
        return [typer.prompt("Value", hide_input=True)]
    return sys.stdin.read().splitlines()


def _show(findings: Findings) -> None:
    rows = [("object", "path", "where", "commits")]
    for found in findings.objects:
        where = sorted({store for store, _ in found.stores})
        path = found.paths[0] if found.paths else "(no commit names it)"
        more = f" and {len(found.paths) - 1} more" if len(found.paths) > 1 else ""
        short = found.name[:8] if "/" not in found.name else found.stores[0][1]
        rows.append((short, path + more, ", ".join(where), _commits(found.commits)))
    rows += [("-", name, "workspace", "") for name in (*findings.raw, *findings.workspace)]
    for name, commits in findings.history:
        refs = [findings.sources.get(commit, "") for commit in commits]
        kinds = {kind for ref in refs for start, kind in _REFS.items() if ref.startswith(start)}
        rows.append(("-", name, ", ".join(["git", *sorted(kinds)]), _commits(commits)))
    rows += [("-", _short(name), "git, in no commit", "") for name in findings.unreachable]
    rows += [("-", name, "local S3 server", "") for name in findings.volumes]
    if len(rows) == 1:
        typer.echo(
            "no trace of this person in the cache, the remotes, published places, the workspace "
            "and all that git holds"
        )
    else:
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo("  ".join(cells).rstrip())
    if findings.unread:
        typer.echo(f"{findings.unread} contents could not be unpacked; their bytes were searched:")
        shown = findings.unopened[:_LISTED]
        others = len(findings.unopened) - len(shown)
        typer.echo(f"  {', '.join(shown)}" + (f" and {others} more" if others else ""))


def _short(name: str) -> str:
    return name if name.startswith(".git/") else f"object {name[:12]}"


def _commits(commits: tuple[str, ...]) -> str:
    shown = ", ".join(commit[:7] for commit in commits[:3])
    return shown + (f" and {len(commits) - 3} more" if len(commits) > 3 else "")


#: What to do about what remains, by place; of every other place erasing again.
_WAYS = {
    "workspace": "correct these files by hand, or make them again",
    "git": "drop stashes (`git stash drop`) and experiments (`dvc exp remove`), rewrite the "
    "history (`git filter-repo`), run `git reflog expire --expire=now --all` and `git gc "
    "--prune=now`, and let everybody clone again",
    "local server": "run `quickstack storage start`, then erase again",
    "s3": "no raw data here list them: let their owner correct them",
}


def _report(done: Erased) -> None:
    from quickstack.guard.erasing.ledger import LEDGER

    if not (done.objects or done.rows or done.added or done.left):
        typer.echo("nothing to erase")
    else:
        for name, count in done.rows.items():
            typer.echo(f"{name}: {count} rows taken out")
        typer.echo(f"{done.objects} objects erased; {LEDGER.as_posix()} says when, and not whom")
        typer.echo("Now run `dvc repro`, commit, `git push` and `quickstack push`.")
        typer.echo("Then erase in every other clone, too: its cache may hold what was erased here.")
    if not (done.left or done.remains.places):
        return
    typer.echo("What remains:")
    _show(done.remains)
    for name in done.left:
        typer.echo(f"{name} still holds the person")
    for place in (*done.remains.places, *(["s3"] if done.left else [])):
        way = _WAYS.get(place, "publish again where readers see this run, then erase again")
        typer.echo(f"To fix it in {place}: {way}.")
