"""`quickstack erase`: find a person in every version, and erase them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quickstack.guard.erasing.apply import Erased
    from quickstack.guard.erasing.search import Findings


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

    It searches the cache, the remotes and every commit. Without --apply it changes nothing.
    Without --value-file, --value or --token it prompts for the value, or reads it from a pipe.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, own_key, own_keys
    from quickstack.guard.erasing.apply import apply as erase_findings
    from quickstack.guard.erasing.pseudonym_lookup import value_of
    from quickstack.guard.erasing.search import search
    from quickstack.guard.erasing.subject import find_subject, read_contracts
    from quickstack.runtime.stores.object_stores import all_stores

    root = find_root()
    contracts, keys = read_contracts(root), own_keys()
    if token is not None:
        values = value_of(root, contracts, keys, column=column, token=token)
    else:
        values = _values(value_file, value)
    subject = find_subject(contracts, keys, column=column, values=values)
    stores = all_stores(root)
    findings = search(root, subject, stores, ignored=value_file)
    _show(findings)
    for store in (store for store in stores if not store.sees_versions):
        typer.echo(
            f"Earlier versions and deleted objects that {store.address} may keep were not "
            "searched, and are not erased here: see to them with its own tools."
        )
    if not apply:
        if findings.objects or findings.raw or findings.workspace:
            typer.echo("Nothing was erased. To erase it: add --apply.")
        return
    _report(erase_findings(root, subject, findings, stores, own_key() or SAMPLE_KEY))


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
        rows.append((found.name[:8], path + more, ", ".join(where), _commits(found.commits)))
    rows += [("-", name, "workspace", "") for name in (*findings.raw, *findings.workspace)]
    rows += [("-", name, "git", _commits(commits)) for name, commits in findings.history]
    if len(rows) == 1:
        typer.echo(
            "no trace of this person in the cache, the remotes, the workspace and all commits"
        )
    else:
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo("  ".join(cells).rstrip())
    if findings.history:
        typer.echo(
            "What git itself keeps is not erased here: rewrite the history (`git filter-repo`), "
            "and let everybody clone again."
        )
    if findings.unread:
        typer.echo(f"{findings.unread} contents could not be unpacked; their bytes were searched.")


def _commits(commits: tuple[str, ...]) -> str:
    shown = ", ".join(commit[:7] for commit in commits[:3])
    return shown + (f" and {len(commits) - 3} more" if len(commits) > 3 else "")


def _report(done: Erased) -> None:
    from quickstack.guard.erasing.ledger import LEDGER

    if not (done.objects or done.rows or done.added or done.left):
        typer.echo("nothing to erase")
        return
    for name, count in done.rows.items():
        typer.echo(f"{name}: {count} rows taken out")
    typer.echo(f"{done.objects} objects erased; {LEDGER.as_posix()} says when, and not whom")
    for name in done.left:
        typer.echo(f"{name} still holds the person: correct it by hand, or make it again")
    typer.echo("Now run `dvc repro`, commit, `git push` and `quickstack push`.")
    typer.echo("Then erase in every other clone, too: its cache may hold what was erased here.")
