"""The metrics of two revisions, and whether the model became better."""

from __future__ import annotations

from typing import Any

from quickstack.facts import paths
from quickstack.facts.contract.model import Contract
from quickstack.results.comparing.model_comparison import (
    PREDICTIONS,
    ScoredRun,
    compare_runs,
    unchanged,
)
from quickstack.results.comparing.revision_objects import RevisionObjects
from quickstack.runtime.repository.revisions import Revision

#: Resamples and seed where params.yaml does not say.
RESAMPLES, SEED = 500, 0


def compare_metrics(
    before: Revision, after: Revision, objects: RevisionObjects, contract: Contract | None
) -> dict[str, Any]:
    """Compare the metrics of two revisions, as `model_comparison.compare_runs` says."""
    hashes = [_predictions(objects, side) for side in (before, after)]
    if hashes[0] and hashes[0] == hashes[1]:
        return unchanged(_run(objects, after, {}), contract)
    runs = [
        _run(objects, side, wanted) for side, wanted in zip((before, after), hashes, strict=True)
    ]
    return compare_runs(
        runs[0],
        runs[1],
        contract,
        resamples=after.params.get("evaluate.resamples", RESAMPLES),
        seed=after.params.get("evaluate.seed", SEED),
    )


def _run(objects: RevisionObjects, side: Revision, wanted: dict[str, str]) -> ScoredRun:
    said = side.json(paths.TRAINING)
    places = list(objects.files(side, paths.EXPORTS, wanted).values()) if wanted else [None]
    here = [place for place in places if place is not None]
    return ScoredRun(
        title=side.title,
        dataset=said.get("dataset") or side.params.get("dataset"),
        task=said.get("task"),
        target=said.get("target"),
        positive=said.get("positive"),
        classes=said.get("classes") or (),
        metrics=side.json(paths.METRICS),
        files=here if len(here) == len(places) else None,
    )


def _predictions(objects: RevisionObjects, side: Revision) -> dict[str, str]:
    """Return the files that hold the predictions, in their order, and their hashes."""
    listing = objects.listing(side, paths.EXPORTS) or {}
    return {name: listing[name] for name in sorted(listing) if PREDICTIONS.fullmatch(name)}
