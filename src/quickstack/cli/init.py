"""`quickstack init`: from a file to a contract, and to the next command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from quickstack.data.onboarding.drafting import Draft
    from quickstack.data.onboarding.layout import TableLayout

#: So many questions are shown.
_SHOWN = 12


def init(
    path: Annotated[
        Path,
        typer.Argument(help="A file, or a folder of files of one table.", show_default=False),
    ],
    target: Annotated[
        str | None, typer.Option("--target", help="The column to predict.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the data set. Default: the file's.")
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--set", help="An answer: COLUMN.PROPERTY=VALUE or PROPERTY=VALUE."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a contract that is there.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what changed since the contract was written.")
    ] = False,
) -> None:
    """Draft the contract of a table, from its file.

    It is copied to data/raw, and becomes the data set of params.yaml. CSV of any dialect,
    Parquet, JSON Lines, a workbook. Nothing is asked on the way: what is unsure is listed at
    the end, with the answer to give.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.onboarding import placing
    from quickstack.data.onboarding.layout import find_files, find_layout

    root = find_root()
    placed = placing.place_of(root, path, name)
    if check:
        _check(path, placed.contract)
        return
    if target is not None:
        placing.require_free(placed, replace=replace)
    files = find_files(path)
    layout = find_layout(files, path if path.is_dir() else path.parent)
    if target is None:
        _list_targets(layout, path)
    else:
        draft = _draft(layout, placed.dataset, target, answers or [])
        made = placing.put(placed, files, draft)
        _tell(draft, made)


def _check(path: Path, contract: Path) -> None:
    """Print how files differ from their contract; exit with 1 where a difference breaks it."""
    from quickstack.data.onboarding.layout import find_files, find_layout
    from quickstack.data.onboarding.schema_changes import find_changes
    from quickstack.facts.contract import load_contract

    expected = load_contract(contract)
    layout = find_layout(find_files(path), path if path.is_dir() else path.parent)
    found = find_changes(layout, expected)
    for change in found:
        typer.echo(str(change))
    if not found:
        typer.echo("the files are as the contract says")
    if any(change.effect == "breaking" for change in found):
        raise typer.Exit(1)


def _list_targets(layout: TableLayout, path: Path) -> None:
    from quickstack.data.onboarding.drafting import possible_targets

    found = possible_targets(layout)
    typer.echo("Which column is to be predicted? It could be one of these:")
    for line in found:
        typer.echo(f"  {line}")
    typer.echo(f"Then: quickstack init {path} --target COLUMN")
    raise typer.Exit(2)


def _draft(layout: TableLayout, dataset: str, target: str, answers: list[str]) -> Draft:
    """Draft a contract, and mark the columns that seem to know the target."""
    from quickstack.data.onboarding.answers import read_answers
    from quickstack.data.onboarding.describing import Question
    from quickstack.data.onboarding.drafting import draft_contract
    from quickstack.models.modeling.leaks import find_leaks

    said = read_answers(answers, layout.names)
    draft = draft_contract(layout, dataset, target, said)
    keys = {c.name for c in draft.columns if "primaryKey" in c.entry}
    columns = [
        c.name
        for c in draft.columns
        if c.name in draft.sample
        and (c.name not in keys or len(keys) > 1)
        and (c.type != "string" or "enum" in c.entry)
        and not {"leaksTarget", "feature"} & set(said.of(c.name))
    ]
    table = draft.sample[[*columns, *(n for n in [target] if n not in columns)]]
    time = draft.custom.get("timeColumn")
    for found in find_leaks(table, target, draft.custom["task"], columns, time=time):
        suspected = found.verdict == "suspected"
        column = draft.column(str(found.column))
        column.notes.append(("suspected: " if suspected else "known before? ") + found.evidence)
        if suspected:
            column.custom["leaksTarget"] = True
        answer = "false" if suspected else "true"
        what = (
            "it seems to know the target, and is left out"
            if suspected
            else "is it known only after the target?"
        )
        draft.questions.append(
            Question(
                3, column.name, f"{what} ({found.evidence})", f"{column.name}.leaksTarget={answer}"
            )
        )
    return draft


def _tell(draft: Draft, made: list[str]) -> None:
    for line in made:
        typer.echo(line)
    questions = sorted(draft.questions, key=lambda q: q.rank)
    if questions:
        typer.echo(
            "Please decide (edit the contract, or call this again with --replace and the answer):"
        )
    for question in questions[:_SHOWN]:
        typer.echo(f"  {question.about}: {question.text}")
        if question.answer:
            typer.echo(f"    --set {_quoted(question.answer)}")
    if len(questions) > _SHOWN:
        typer.echo(f"  ... and {len(questions) - _SHOWN} more: see the comments of the contract")
    typer.echo(f"Next: quickstack add data/raw/{draft.name}, then dvc repro")


def _quoted(text: str) -> str:
    import shlex

    one, more, rest = text.partition(" --set ")
    return shlex.quote(one) + (f"{more}{shlex.quote(rest)}" if more else "")
