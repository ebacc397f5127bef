"""The model that readers see beside the one to be published, as `diff` compares two revisions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstack.facts import paths
from quickstack.facts.contract import Contract
from quickstack.facts.files import read_json
from quickstack.results.comparing.model_comparison import PREDICTIONS, ScoredRun, compare_runs
from quickstack.results.publishing.publication import Exports
from quickstack.results.publishing.published_runs import State, run_path
from quickstack.results.publishing.readers_place import ReadersPlace


@dataclass(frozen=True)
class Judge:
    """What a comparison needs to know of the run to be published.

    Attributes
    ----------
    metrics
        As `reports/metrics.json` has them.
    resamples, seed
        Of the draw, as `params.yaml` has them.
    """

    contract: Contract
    metrics: Mapping[str, Any]
    resamples: int
    seed: int


def read_judge(root: Path, dataset: str) -> Judge:
    """Read what a comparison needs from the repository."""
    from quickstack.facts.contract import load_contract
    from quickstack.facts.params import EvaluateParams, read_params

    params = read_params(EvaluateParams, root / paths.PARAMS)
    contract = load_contract(root / paths.contract_path(dataset))
    return Judge(contract, read_json(root / paths.METRICS), params.resamples, params.seed)


def compare_published(
    place: ReadersPlace, state: State, exports: Exports, judge: Judge, work: Path
) -> dict[str, Any] | None:
    """Compare the run to be published with the one that readers see.

    Parameters
    ----------
    work
        A folder in which the published predictions lie while they are read.

    Returns
    -------
    dict or None
        As `comparing.model_comparison.compare_runs`; None where nothing is published.
    """
    if state.run is None or state.manifest is None or state.row is None:
        return None
    row, folder = state.row, work / "published"
    metrics = {row["metric"]: row["value"], "interval": {row["metric"]: row}}
    mine = [exports.folder / name for name in sorted(exports.files) if PREDICTIONS.fullmatch(name)]
    shutil.rmtree(folder, ignore_errors=True)
    try:
        theirs = _fetched(place, state, folder)
        before = _run(f"run {state.run}", state.manifest, metrics, theirs, judge)
        after = _run("this run", exports.manifest, judge.metrics, mine, judge)
        return compare_runs(
            before, after, judge.contract, resamples=judge.resamples, seed=judge.seed
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    title: str,
    manifest: Mapping[str, Any],
    metrics: Mapping[str, Any],
    files: Sequence[Path],
    judge: Judge,
) -> ScoredRun:
    from quickstack.models.modeling.fit import class_names

    contract = judge.contract
    return ScoredRun(
        title=title,
        dataset=manifest.get("dataset"),
        task=manifest.get("task", contract.task),
        target=manifest.get("target", contract.target),
        positive=manifest.get("positive", contract.positive),
        classes=manifest.get("classes", class_names(contract)),
        metrics=metrics,
        files=files or None,
    )


def _fetched(place: ReadersPlace, state: State, folder: Path) -> list[Path]:
    """Bring the published predictions; none where one is missing."""
    names = [file["path"] for file in (state.manifest or {}).get("files", ())]
    found = []
    for name in sorted(name for name in names if PREDICTIONS.fullmatch(name)):
        content = place.read(run_path(str(state.run)) + name)
        if content is None:
            return []
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        found.append(path)
    return found
