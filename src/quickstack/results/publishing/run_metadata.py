"""What publishing knows about a run: its revision, versions, main metric, drift, rows and times."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quickstack.facts import paths
from quickstack.facts.contract.service_levels import age_limit
from quickstack.facts.errors import QuickstackError
from quickstack.results.publishing.data_age import DataArrival, arrival, newest_row

#: Digits of a hash that people are shown.
SHORT = 12


@dataclass(frozen=True)
class Facts:
    """One run of the pipeline, as the repository holds it.

    Attributes
    ----------
    revision
        The git commit.
    model_version, data_version
        The first 12 digits of the SHA-256 of the model file and of the clean data.
    metric, higher_is_better
        The main metric of the test rows, and in which direction it is better.
    newest_row
        The newest time in the data, UTC; None without a time column.
    promise, publish_promise
        Service levels `freshness` and `timeToPublish` of the contract.
    """

    dataset: str
    revision: str
    model_version: str
    data_version: str
    metric: str
    higher_is_better: bool
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    drifted: int
    clean: int
    quarantined: int
    newest_row: datetime | None
    arrived: DataArrival
    promise: timedelta | None
    publish_promise: timedelta | None


def read_facts(root: Path) -> Facts:
    """Read the facts of the run in a repository from its export, reports, contract and git.

    Raises
    ------
    QuickstackError
        Where the pipeline has not run, or git has no commit.
    """
    from quickstack.facts.contract import load_contract
    from quickstack.facts.contract.model import HIGHER_IS_BETTER

    manifest, quality, metrics, drift = (
        _document(root, path)
        for path in (paths.EXPORTS / "manifest.json", paths.QUALITY, paths.METRICS, paths.DRIFT)
    )
    contract = load_contract(root / paths.contract_path(manifest["dataset"]))
    name = contract.main_metric
    ends = metrics["interval"].get(name) or {}
    return Facts(
        dataset=manifest["dataset"],
        revision=git(root, "rev-parse", "HEAD"),
        model_version=manifest["inputs"]["model"][:SHORT],
        data_version=manifest["inputs"]["data"][:SHORT],
        metric=name,
        higher_is_better=HIGHER_IS_BETTER[contract.task][name],
        value=metrics.get(name),
        low=ends.get("low"),
        high=ends.get("high"),
        verdict=drift["verdict"],
        drifted=drift["drifted_features"],
        clean=quality["rows"]["clean"],
        quarantined=quality["rows"]["quarantined"],
        newest_row=newest_row(quality, contract),
        arrived=arrival(root, manifest["dataset"]),
        promise=age_limit(contract.service_levels.get("freshness", "")),
        publish_promise=age_limit(contract.service_levels.get("timeToPublish", "")),
    )


def git(root: Path, *arguments: str) -> str:
    """Return what git prints, without its last line feed.

    Raises
    ------
    QuickstackError
        Where git fails.
    """
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise QuickstackError(
            f"git {arguments[0]} fails, so the revision of this run is not known",
            where=str(root),
            fix="commit the run first: git add --all && git commit",
        )
    return done.stdout.strip("\n")


def _document(root: Path, path: Path) -> Any:
    from quickstack.facts.files import read_json

    if not (root / path).is_file():
        raise QuickstackError(
            "there is no finished run here", where=path.as_posix(), fix="run `dvc repro`"
        )
    return read_json(root / path)
