"""`quickstack verify`: whether the repository holds what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the modules each stage imports into dvc.yaml.")
    ] = False,
) -> None:
    """Check declared dependencies, that nothing would run, and that raw data stay restricted."""
    from quickstack.cli.repository import find_root
    from quickstack.lineage.pipeline import rewrite_deps, undeclared_sentences
    from quickstack.lineage.plan import stages_to_run
    from quickstack.lineage.restricted import unrestricted_outputs
    from quickstack.storage.local_config import check_no_secrets
    from quickstack.storage.remotes import CONFIG

    root: Path = find_root()
    if fix and rewrite_deps(root):
        typer.echo("dvc.yaml: the modules of each stage are written; run `dvc repro`")
    check_no_secrets(root / CONFIG)
    levels = {
        "declared": ("every stage declares the modules it imports", undeclared_sentences(root)),
        "restricted": (
            "raw data and quarantine go to the restricted remote only",
            [
                f"a push would share {path}; bind it by `quickstack add`, or `remote: restricted`"
                for path in unrestricted_outputs(root)
            ],
        ),
        "plan": (
            "nothing would run: dvc.lock describes this state",
            [f"stage '{stage}' would run; run `dvc repro`" for stage in stages_to_run(root)],
        ),
    }
    for level, (right, wrong) in levels.items():
        for sentence in wrong or [right]:
            typer.secho(
                f"{'failed' if wrong else 'ok':<8}", fg="red" if wrong else "green", nl=False
            )
            typer.echo(f"{level:<12}{sentence}")
    if any(wrong for _, wrong in levels.values()):
        raise typer.Exit(1)
