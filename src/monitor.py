"""Stage `monitor`: whether new data look like the training data, and the model is as good."""

from __future__ import annotations

from functools import partial, reduce
from pathlib import Path
from typing import Any

from quickstack.data.interim.interim_tables import partitions, read_partition
from quickstack.facts import paths
from quickstack.facts.files import read_json, write_json
from quickstack.facts.params import MonitorParams
from quickstack.models.modeling.features import feature_frame
from quickstack.models.modeling.model_file import Model, load_model
from quickstack.models.modeling.predict import model_features
from quickstack.models.modeling.reference_profile import Profile, merge, profile_by_label
from quickstack.models.modeling.split import split_columns
from quickstack.models.modeling.split_partitions import Labels, label_parts
from quickstack.models.monitoring.drift_report import drift_report
from quickstack.models.monitoring.performance import Outcomes, join, judge, outcomes, reference_loss
from quickstack.runtime.compute.partition_map import map_partitions
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Profile and score each partition, add up, and decide."""
    contract, params = stage.contract(), stage.params(MonitorParams)
    model = load_model(paths.MODEL)
    reference = read_json(paths.REFERENCE)
    files = partitions()
    columns = [contract.target, *split_columns(contract)]
    labels = label_parts([read_partition(file, columns) for file in files], contract)
    measure = partial(_measure, model=model, reference=reference)
    parts = map_partitions(measure, list(zip(files, labels, strict=True)), stage.compute)

    loss = reference_loss(model.metadata)
    report = drift_report(
        reduce(merge, (profiles for profiles, _ in parts)),
        judge(join([outcome for _, outcome in parts]), contract.task, contract.main_metric, loss),
        reference,
        loss,
        params,
        main_metric=contract.main_metric,
        ordered=contract.ordered,
    )
    write_json(paths.DRIFT, report)
    stage.log(
        f"{report['verdict']}: {report['action']}", rows=sum(len(each.batches) for each in labels)
    )


def _measure(
    part: tuple[Path, Labels], model: Model, reference: dict[str, Any]
) -> tuple[dict[str, Profile], Outcomes]:
    file, labels = part
    judged = labels.batches != ""
    table = read_partition(file)[judged]
    frame = feature_frame(table, model_features(model))
    profiles = profile_by_label(frame, labels.batches[judged], reference)
    return profiles, outcomes(model, table, labels.batches[judged])


if __name__ == "__main__":
    run("monitor", main)
