"""Stage `export`: tables, their contract, a page, a Power BI project, SQL and a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quickstack.data.interim.interim_tables import partitions, read_partition
from quickstack.facts import paths
from quickstack.facts.files import read_json, whole_folder
from quickstack.facts.params import ExportParams
from quickstack.models.modeling.explain import explainer
from quickstack.models.modeling.features import feature_frame
from quickstack.models.modeling.predict import model_features, predict
from quickstack.models.modeling.scorer_file import load_fitted
from quickstack.models.modeling.split import split_columns
from quickstack.models.modeling.split_partitions import label_parts
from quickstack.results.exporting.axes import scale_of
from quickstack.results.exporting.histograms import Histograms
from quickstack.results.exporting.manifest import VERSION_DIGITS, versions
from quickstack.results.exporting.predictions import prediction_rows, predictions_layout
from quickstack.results.exporting.reason_columns import ReasonCounts, reason_columns
from quickstack.results.exporting.write_export import Reports, write_export
from quickstack.runtime.running.stage import Stage, run

if TYPE_CHECKING:
    import pandas as pd

REPORTS = (paths.METRICS, paths.SEGMENTS, paths.DRIFT, paths.QUALITY, paths.IMPORTANCE, paths.LEAKS)


def main(stage: Stage) -> None:
    """Write everything into one folder, which replaces the previous one as a whole."""
    import pandas as pd

    contract, params = stage.contract(), stage.params(ExportParams)
    model, files = load_fitted(), partitions()
    needed = [contract.target, *split_columns(contract)]
    parts = [read_partition(file, needed) for file in files]
    labels = label_parts(parts, contract)
    importance = pd.read_csv(paths.IMPORTANCE, converters={"feature": str})
    metrics, segments, drift, quality = map(read_json, REPORTS[:4])
    leaks: Any = read_json(paths.LEAKS)  # a list
    reports = Reports(metrics, segments, drift, quality, importance, leaks)
    histograms = Histograms(contract, scale_of(contract, parts, metrics))
    parameters = {"dataset": stage.dataset, "export": params.model_dump()}
    parameters["train"] = {"model": model.metadata["model"], **model.metadata["settings"]}
    hashes = versions(files, paths.MODEL, paths.contract_path(stage.dataset), parameters, REPORTS)
    explained, counts = explainer(model), ReasonCounts()
    used, classes = model_features(model), model.metadata["classes"]
    columns = predict(model, read_partition(files[0]).iloc[:0]).columns
    layout = predictions_layout(contract, columns, explained.unit)
    interval = (model.metadata["cross_validation"] or {}).get("interval") or {}

    def rows() -> Iterator[pd.DataFrame]:
        for table, label in zip(map(read_partition, files), labels, strict=True):
            frame = feature_frame(table, used)
            encoded = explained.encode(frame)
            predicted = predict(model, table, encoded)
            reasons = None
            if explained.unit is not None:
                found = explained.reasons(frame, encoded, predicted, classes, used)
                reasons = reason_columns(found, explained.names, explained.unit, params.decimals)
            filled = prediction_rows(
                table,
                label,
                predicted,
                layout,
                contract,
                model_version=hashes["model"][:VERSION_DIGITS],
                half_width=interval.get("half_width"),
                reasons=reasons,
                decimals=params.decimals,
            )
            yield counts.add(histograms.add(filled, table))

    with whole_folder(paths.EXPORTS) as folder:
        count = write_export(
            folder,
            contract,
            (layout, rows()),
            reports,
            histograms,
            hashes=hashes,
            parameters=parameters,
            reasons=counts,
            workers=stage.compute.workers,
        )
    stage.log(f"{count:,} predictions; open {paths.EXPORTS.as_posix()}/index.html", rows=count)


if __name__ == "__main__":
    run("export", main)
