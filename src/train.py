"""Stage `train`: fit the model on the training rows, and describe what it learned from."""

from __future__ import annotations

from quickstack.data.interim.interim_tables import read_interim
from quickstack.facts import paths
from quickstack.facts.files import write_json
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.features import feature_frame, features
from quickstack.models.modeling.fit import cross_validate, describe, fit
from quickstack.models.modeling.model_file import save_model
from quickstack.models.modeling.reference_profile import build_reference
from quickstack.models.modeling.split import (
    TRAIN,
    count_rows,
    period_labels,
    split_columns,
    split_labels,
)
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Fit and cross-validate; leave the model, its description and the reference profile."""
    contract = stage.contract()
    params = stage.params(TrainParams)
    learned_from = features(contract)
    needed = {*(f.name for f in learned_from), contract.target, *split_columns(contract)}
    table = read_interim(sorted(needed))
    labels = split_labels(table, contract)
    periods = period_labels(table, contract)
    training = labels == TRAIN
    rows = table.loc[training]

    validation = cross_validate(rows, contract, params)
    pipeline = fit(rows, contract, params)
    description = describe(contract, params, count_rows(labels), validation)
    reference = build_reference(
        feature_frame(rows, learned_from),
        learned_from,
        None if periods is None else periods[training],
    )
    # How many rows test it is no part of the model: new data leave its file as it is.
    save_model(paths.MODEL, pipeline, {k: v for k, v in description.items() if k != "rows"})
    write_json(paths.REFERENCE, reference)
    write_json(paths.TRAINING, description)
    stage.log(
        f"{params.model} fitted on {len(rows)} rows, {len(learned_from)} features", rows=len(rows)
    )


if __name__ == "__main__":
    run("train", main)
