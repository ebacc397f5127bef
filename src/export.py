"""Stage `export`: tables, their contract, a page, a Power BI project, SQL and a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from quickstack import paths
from quickstack.exporting import athena, manifest, tables
from quickstack.exporting.axes import scale_of
from quickstack.exporting.cells import Cells
from quickstack.exporting.odcs import export_contract
from quickstack.exporting.page import page_view, render_page
from quickstack.exporting.powerbi.project import write_project
from quickstack.exporting.predictions import prediction_rows, predictions_layout, segment_names
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

if TYPE_CHECKING:
    import pandas as pd

REPORTS = (paths.METRICS, paths.SEGMENTS, paths.DRIFT, paths.QUALITY, paths.IMPORTANCE)


def main(stage: Stage) -> None:
    """Write everything into one folder, which replaces the previous one as a whole."""
    import pandas as pd

    contract, params = stage.contract(), stage.params(ExportParams)
    model, files = load_model(paths.MODEL), partitions()
    columns = [contract.target, *split_columns(contract)]
    parts = [read_partition(file, columns) for file in files]
    labels = label_parts(parts, contract)
    predicted = predict(model, read_partition(files[0]).iloc[:0]).columns
    predictions = predictions_layout(contract, predicted)
    metrics, segments, drift, quality = map(read_json, REPORTS[:4])
    scale = None
    if contract.task == "regression":
        scale = scale_of((part[contract.target] for part in parts), metrics.get("rmse"))
    cells = Cells(contract, scale)
    importance = pd.read_csv(paths.IMPORTANCE, converters={"feature": str})
    parameters = {
        "dataset": stage.dataset,
        "train": {"model": model.metadata["model"], **model.metadata["settings"]},
        "export": params.model_dump(),
    }
    hashes = manifest.versions(
        files, paths.MODEL, paths.contract_path(stage.dataset), parameters, REPORTS
    )
    interval = (model.metadata["cross_validation"] or {}).get("interval") or {}

    def rows() -> Iterator[pd.DataFrame]:
        for table, label in zip(map(read_partition, files), labels, strict=True):
            frame = prediction_rows(
                *(table, label, predict(model, table), predictions, contract),
                model_version=hashes["model"][: manifest.VERSION_DIGITS],
                half_width=interval.get("half_width"),
                decimals=params.decimals,
            )
            cells.add(frame, table)
            yield frame

    content = {
        predictions: rows(),
        tables.METRICS: [
            tables.metrics_rows(metrics, segments["segments"], segment_names(predictions))
        ],
        tables.DRIFT: [tables.drift_rows(drift)],
        tables.IMPORTANCE: [importance],
        tables.QUALITY: [tables.quality_rows(quality)],
        tables.QUALITY_RULES: [tables.quality_rule_rows(quality)],
    }
    with whole_folder(paths.EXPORTS) as folder:
        written = [write_table(folder, layout, frames) for layout, frames in content.items()]
        view = page_view(contract, metrics, drift, importance, quality, written, hashes, cells)
        write_text(folder / "index.html", render_page(view))
        write_text(folder / "contract.odcs.yaml", export_contract(contract, [*content], written))
        for layout in content:
            sql = folder / "sql" / "athena" / f"{layout.name}.sql"
            write_text(sql, athena.create_table(layout))
        write_project(folder / "powerbi", contract, [*content])
        described = manifest.build_manifest(
            *(contract, hashes, parameters, written),
            pages=[manifest.file_facts(folder / "index.html", folder)],
            documents=manifest.folder_facts(folder, ["contract.odcs.yaml", "powerbi", "sql"]),
        )
        write_json(folder / "manifest.json", described)
    count = written[0]["rows"]
    stage.log(f"{count:,} predictions; open {paths.EXPORTS.as_posix()}/index.html", rows=count)


if __name__ == "__main__":
    run("export", main)
