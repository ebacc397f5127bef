"""Stage `export`: predictions, metrics, drift and quality as tables, a page and a manifest."""

from __future__ import annotations

from quickstack import paths
from quickstack.exporting import manifest, tables
from quickstack.exporting.page import page_view, render_page
from quickstack.exporting.predictions import prediction_rows, predictions_layout
from quickstack.exporting.write_tables import write_table
from quickstack.lineage.stage import Stage, run
from quickstack.modeling.model_file import load_model
from quickstack.modeling.predict import predict
from quickstack.modeling.split import split_columns
from quickstack.monitoring.batches import label_parts
from quickstack.params import ExportParams
from quickstack.sources.documents import read_json
from quickstack.sources.interim import partitions, read_partition
from quickstack.writing import whole_folder, write_json, write_text

REPORTS = (paths.METRICS, paths.DRIFT, paths.QUALITY, paths.IMPORTANCE)


def main(stage: Stage) -> None:
    """Write everything into one folder, which replaces the previous one as a whole."""
    import pandas as pd

    contract, params = stage.contract(), stage.params(ExportParams)
    model, files = load_model(paths.MODEL), partitions()
    columns = [contract.target, *split_columns(contract)]
    labels = label_parts([read_partition(file, columns) for file in files], contract)
    predicted = predict(model, read_partition(files[0]).iloc[:0]).columns
    layout = predictions_layout(contract, predicted)
    metrics, drift, quality = map(read_json, REPORTS[:3])
    importance = pd.read_csv(paths.IMPORTANCE, converters={"feature": str})
    parameters = {
        "dataset": stage.dataset,
        "train": {"model": model.metadata["model"], **model.metadata["settings"]},
        "export": params.model_dump(),
    }
    hashes = manifest.versions(
        files, paths.MODEL, paths.contract_path(stage.dataset), parameters, REPORTS
    )
    with whole_folder(paths.EXPORTS) as folder:
        rows = (
            prediction_rows(table, label, predict(model, table), layout, decimals=params.decimals)
            for table, label in zip(map(read_partition, files), labels, strict=True)
        )
        written = [
            write_table(folder, layout, rows),
            write_table(folder, tables.METRICS, [tables.metrics_rows(metrics)]),
            write_table(folder, tables.DRIFT, [tables.drift_rows(drift)]),
            write_table(folder, tables.IMPORTANCE, [importance]),
            write_table(folder, tables.QUALITY, [tables.quality_rows(quality)]),
            write_table(folder, tables.QUALITY_RULES, [tables.quality_rule_rows(quality)]),
        ]
        view = page_view(contract, metrics, drift, importance, quality, written, hashes)
        write_text(folder / "index.html", render_page(view))
        pages = [manifest.file_facts(folder / "index.html", folder)]
        described = manifest.build_manifest(contract, hashes, parameters, written, pages)
        write_json(folder / "manifest.json", described)
    rows = written[0]["rows"]
    stage.log(f"{rows:,} predictions; open {paths.EXPORTS.as_posix()}/index.html", rows=rows)


if __name__ == "__main__":
    run("export", main)
