"""Stage `evaluate`: measure the model on the test rows, against a baseline."""

from __future__ import annotations

from quickstack.data.interim.interim_tables import interim_texts, read_interim
from quickstack.facts import paths
from quickstack.facts.files import whole_folder, write_csv, write_json, write_text
from quickstack.facts.params import EvaluateParams
from quickstack.models.evaluation.curves import curves
from quickstack.models.evaluation.directions import directions
from quickstack.models.evaluation.gain import no_gain, too_good
from quickstack.models.evaluation.importance import permutation_importance
from quickstack.models.evaluation.intervals import compare, report
from quickstack.models.evaluation.model_card import model_card
from quickstack.models.evaluation.naive_guesses import naive_guesses
from quickstack.models.evaluation.resampling import tie_columns, ties_of
from quickstack.models.evaluation.segments import measure_segments
from quickstack.models.modeling.conformal import interval_coverage
from quickstack.models.modeling.features import feature_frame
from quickstack.models.modeling.fit import class_names, encode_target
from quickstack.models.modeling.predict import model_features, score_rows
from quickstack.models.modeling.scorer_file import load_fitted
from quickstack.models.modeling.split import TEST, count_rows, split_columns, split_labels
from quickstack.models.modeling.unseen import count_unseen, unseen_values
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Score the test rows once; leave metrics, curves, importance and the model card."""
    contract = stage.contract()
    params = stage.params(EvaluateParams)
    model = load_fitted()
    used = model_features(model)
    needed = {*(f.name for f in used), contract.target, *split_columns(contract)}
    needed |= {*contract.segments, *tie_columns(contract)}
    table = read_interim(sorted(needed))
    labels = split_labels(table, contract)
    test = table.loc[labels == TEST]

    truth, frame = encode_target(test, contract), feature_frame(test, used)
    scores = score_rows(model.pipeline, frame, contract.task, used)
    unseen = count_unseen(unseen_values(frame, used), len(frame))
    guesses = naive_guesses(table, labels, contract)
    ties = ties_of(table, contract).take(labels == TEST)
    drawn = {"resamples": params.resamples, "seed": params.seed}
    metrics = compare(contract.task, truth, scores, guesses, ties, **drawn)
    columns = {
        name: interim_texts(test[name], contract.column(name).interim_type)
        for name in contract.segments
    }
    segments = measure_segments(contract.task, truth, scores, guesses, columns, ties, **drawn)
    main = contract.main_metric
    importance = permutation_importance(model, test, truth, metric=main, seed=params.seed)
    importance = importance.merge(directions(model, test), on="feature", how="left")

    validation = model.metadata["cross_validation"] or {}
    interval = interval_coverage(validation.get("interval"), truth, scores)
    metadata = {**model.metadata, "rows": count_rows(labels), "unseen": unseen}
    doubt = too_good(contract, metrics["value"], list(importance["feature"]))
    reported = {**report(metrics, metadata, interval, doubt), "unseen": unseen}
    write_json(paths.METRICS, reported)
    write_json(paths.SEGMENTS, segments)
    with whole_folder(paths.CURVES) as folder:
        for name, curve in curves(
            contract.task, truth, scores, list(class_names(contract))
        ).items():
            write_csv(folder / f"{name}.csv", curve)
    write_csv(paths.IMPORTANCE, importance)
    write_text(paths.MODEL_CARD, model_card(contract, metadata, reported, importance))
    reached = "cannot be measured" if reported[main] is None else reported[main]
    said = doubt or no_gain(reported, main) or f"{main} {reached} on {len(test)} rows"
    if unseen["rows"]:
        stage.log(f"{unseen['rows']:,} test rows hold a value that training never saw")
    stage.log(said, rows=len(test))


if __name__ == "__main__":
    run("evaluate", main)
