"""`quickstack result`: what the last run found, and where to look."""

from __future__ import annotations

import typer

#: The number that says most, by task.
_MAIN = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}


def result() -> None:
    """Say in a few lines what the last run found, and where to look."""
    from quickstack import paths
    from quickstack.cli.repository import find_root
    from quickstack.sources.documents import read_json

    root = find_root()
    quality, training, metrics, drift = (
        read_json(root / path)
        for path in (paths.QUALITY, paths.TRAINING, paths.METRICS, paths.DRIFT)
    )
    rows, name = quality["rows"], _MAIN[training["task"]]
    interval = metrics["interval"][name]
    lines = {
        "Data": f"{quality['dataset']}: {rows['read']:,} rows read, {rows['clean']:,} clean, "
        f"{rows['quarantined']:,} in quarantine",
        "Model": f"{training['model']}: {name} {metrics[name]:.3f} on {metrics['rows']['test']:,} "
        f"test rows (95 % between {interval['low']:.3f} and {interval['high']:.3f}; the baseline "
        f"has {metrics['baseline'][name]:.3f})",
        "Drift": f"{drift['verdict']}: {' '.join(drift['reasons'])}".rstrip(": "),
        "Look at": f"{(paths.EXPORTS / 'index.html').as_posix()}, the tables beside it, "
        f"{paths.MODEL_CARD.as_posix()}",
        "Versioned": "data, model and exports by dvc.lock, metrics in reports/ by git: "
        "`git add -A && git commit`, then `dvc push`",
    }
    for label, text in lines.items():
        typer.echo(f"{label:<11}{text}")
