"""Stage `train`: fit the model on the training rows, and describe what it learned from."""

from __future__ import annotations

from quickstack.data.interim.interim_tables import read_interim
from quickstack.facts import paths
from quickstack.facts.files import write_json
from quickstack.models.modeling.candidates import TrainParams
from quickstack.models.modeling.choosing import choose
from quickstack.models.modeling.features import feature_frame, features, unused_columns
from quickstack.models.modeling.fit import (
    cross_validate,
    describe,
    fit,
    require_classes,
    training_columns,
)
from quickstack.models.modeling.leak_report import (
    look_for_leaks,
    report,
    require_answers,
    told,
)
from quickstack.models.modeling.reference_profile import build_reference
from quickstack.models.modeling.scorer_file import save_fitted
from quickstack.models.modeling.split import (
    TRAIN,
    count_rows,
    period_labels,
    row_moments,
    split_labels,
)
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Fit and cross-validate; leave the model, its description and the reference profile."""
    contract = stage.contract()
    params = stage.params(TrainParams)
    table = read_interim(training_columns(contract))
    labels = split_labels(table, contract)
    periods = period_labels(table, contract)
    moments = row_moments(table, contract)
    training = labels == TRAIN
    rows = table.loc[training]
    require_classes(table, labels, contract)

    learned_from = features(contract, rows)
    leaks = look_for_leaks(table, labels, contract, learned_from)
    write_json(paths.LEAKS, report(leaks))
    require_answers(leaks, contract)
    for line in told(leaks, unused_columns(contract, rows)):
        stage.log(line)

    params, choice = choose(rows, contract, params)
    validation = cross_validate(rows, contract, params)
    pipeline = fit(rows, contract, params)
    description = describe(contract, params, count_rows(labels), validation, rows)
    if choice is not None:
        description["choice"] = choice
        stage.log(f"auto chose {choice['chosen']}, by {choice['folds']}")
    frame = feature_frame(rows, learned_from)
    reference = build_reference(
        frame,
        learned_from,
        None if periods is None else periods[training],
        None if moments is None else moments[training],
    )
    description = save_fitted(pipeline, frame, learned_from, description)
    write_json(paths.REFERENCE, reference)
    write_json(paths.TRAINING, description)
    monotone = description.get("monotone", {"kept": True, "features": {}})
    if not monotone["kept"]:
        names = ", ".join(monotone["features"])
        stage.log(f"{params.model} does not keep to `monotone` of the contract: {names}")
    stage.log(
        f"{params.model} fitted on {len(rows)} rows, {len(learned_from)} features", rows=len(rows)
    )


if __name__ == "__main__":
    run("train", main)
