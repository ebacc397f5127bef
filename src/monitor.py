"""Stage `monitor`: whether new data look like the training data, and the model is as good."""

from __future__ import annotations

from functools import partial, reduce
from pathlib import Path
from typing import Any

from quickstack.data.interim.interim_tables import partitions, read_partition
from quickstack.facts import paths
from quickstack.facts.contract.model import Contract
from quickstack.facts.files import read_json, write_json
from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.features import feature_frame
from quickstack.models.modeling.model_file import Model
from quickstack.models.modeling.period_quality import entity_values
from quickstack.models.modeling.predict import model_features
from quickstack.models.modeling.reference_profile import Profile, merge, profile_by_label
from quickstack.models.modeling.scorer_file import load_fitted
from quickstack.models.modeling.split import split_columns
from quickstack.models.modeling.split_partitions import Labels, label_parts
from quickstack.models.monitoring.drift import DriftReference
from quickstack.models.monitoring.drift_report import drift_report
from quickstack.models.monitoring.performance import Outcomes, join, judge, outcomes
from quickstack.models.monitoring.seasons import begun_periods, known_positions
from quickstack.runtime.compute.partition_map import map_partitions
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Profile and score each partition, add up, and decide."""
    contract, params = stage.contract(), stage.params(MonitorParams)
    model = load_fitted()
    document = read_json(paths.REFERENCE)
    files = partitions()
    columns = [contract.target, *split_columns(contract)]
    tables = [read_partition(file, columns) for file in files]
    labels = label_parts(tables, contract)
    begun = begun_periods(tables, labels, contract)
    measure = partial(_measure, model=model, reference=document, contract=contract)
    parts = map_partitions(measure, list(zip(files, labels, strict=True)), stage.compute)

    profiles = reduce(merge, (profiles for profiles, _ in parts))
    reference = DriftReference(document, params, known_positions(document, profiles, contract))
    validation = model.metadata["cross_validation"]
    outcome = join([outcome for _, outcome in parts])
    performance = judge(outcome, contract.task, contract.main_metric, validation, begun)
    report = drift_report(profiles, performance, reference, validation, contract, begun)
    write_json(paths.DRIFT, report)
    stage.log(
        f"{report['verdict']}: {report['action']}", rows=sum(len(each.batches) for each in labels)
    )


def _measure(
    part: tuple[Path, Labels], model: Model, reference: dict[str, Any], contract: Contract
) -> tuple[dict[str, Profile], Outcomes]:
    file, labels = part
    judged = labels.batches != ""
    table = read_partition(file)[judged]
    frame = feature_frame(table, model_features(model))
    profiles = profile_by_label(frame, labels.batches[judged], reference)
    groups = entity_values(table, contract)
    return profiles, outcomes(model, table, labels.batches[judged], groups)


if __name__ == "__main__":
    run("monitor", main)
