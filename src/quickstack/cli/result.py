"""`quickstack result`: what the last run found, and where to look."""

from __future__ import annotations

import typer


def result() -> None:
    """Show what the last run found, and where to look."""
    from quickstack.cli.repository import mended_root
    from quickstack.facts import paths
    from quickstack.facts.files import read_json
    from quickstack.facts.notices import told
    from quickstack.models.evaluation.gain import guess_name, no_gain
    from quickstack.runtime.repository.report_ties import untied

    def shown(value: float | None) -> str:
        return "not defined" if value is None else f"{value:z.3f}"

    root = mended_root()
    quality, training, metrics, drift = (
        read_json(root / path)
        for path in (paths.QUALITY, paths.TRAINING, paths.METRICS, paths.DRIFT)
    )
    rows, name = quality["rows"], drift["performance"]["metric"]
    interval, base = metrics["interval"][name], metrics["baseline"][name]
    found = metrics.get("doubt") or no_gain(metrics, name)
    reached = f"{name} cannot be measured: the known outcomes of the test rows are too alike"
    if metrics[name] is not None:
        reached = (
            f"{name} {shown(metrics[name])} on {metrics['rows']['test']:,} test rows (95 % between "
            f"{shown(interval['low'])} and {shown(interval['high'])}); without a model "
            f"{shown(base)}, by {guess_name(metrics, name)}"
        )
    lines = {
        "Data": f"{quality['dataset']}: {rows['read']:,} rows read, {rows['clean']:,} clean, "
        f"{rows['quarantined']:,} in quarantine",
        "Model": f"{f'{found}. ' if found else ''}{training['model']}: {reached}",
        "Drift": f"{drift['verdict']}: {' '.join(drift['reasons'])}".rstrip(": "),
        "Look at": f"{(paths.EXPORTS / 'index.html').as_posix()}, the tables beside it, "
        f"{paths.MODEL_CARD.as_posix()}",
        "Versioned": "data, model and exports by dvc.lock, metrics in reports/ by git: "
        "`git add -A && git commit`, then `quickstack push`",
    }
    if warnings := [*quality["warnings"], *told(quality, _SHOWN)]:
        lines = {"Data": lines.pop("Data"), "Warnings": f"\n{'':11}".join(warnings), **lines}
    for label, text in lines.items():
        said = untied(root, _STAGES.get(label, ()))
        typer.echo(f"{label:<11}{f'({said}) ' if said else ''}{text}")


#: So many warnings are shown.
_SHOWN = 10
#: The stages whose reports a line is read from.
_STAGES = {
    "Data": ("ingest",),
    "Warnings": ("ingest",),
    "Model": ("train", "evaluate"),
    "Drift": ("monitor",),
    "Look at": ("export",),
}
