"""A small export, the facts of its run, and a reader who checks all that he is shown."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from helpers import ROOT
from projects import parquet, predictions
from quickstack.facts.contract import load_contract
from quickstack.facts.files import write_json
from quickstack.results.exporting.export_tables import METRICS
from quickstack.results.exporting.manifest import file_facts
from quickstack.results.exporting.write_tables import write_table
from quickstack.results.publishing.data_age import DataArrival
from quickstack.results.publishing.publication import read_exports
from quickstack.results.publishing.published_model import Judge
from quickstack.results.publishing.publisher import Job
from quickstack.results.publishing.run_metadata import Facts
from quickstack.runtime.stores.remotes import Remote

NOON = datetime(2026, 11, 24, 12)
PAGE = (
    '<!doctype html><title>Run</title><p>{text}</p>\n'
    '<script type="application/json" id="publication">null</script>\n'
)  # fmt: skip


def make_exports(folder: Path, content: int = 1, size: int = 0, files: int = 3) -> Path:
    """Write an export whose bytes depend on `content`, with some files of `size` bytes more."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = pd.DataFrame({field.name: [None] for field in METRICS.fields}, dtype=object)
    table = write_table(folder, METRICS, [rows.assign(metric=f"m{content}")])
    (folder / "index.html").write_text(PAGE.format(text=content))
    noise = random.Random(content)
    for number in range(files):
        path = folder / "model" / f"part{number}" / "page.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(noise.randbytes(size) + str(content).encode())
    manifest = {
        "dataset": "people",
        "tables": [table],
        "pages": [file_facts(folder / "index.html", folder)],
    }
    write_json(folder / "manifest.json", manifest)
    return folder


def make_facts(number: int = 1, **changes: Any) -> Facts:
    """Give the facts of a run; another number is another commit, model and data."""
    facts = Facts(
        dataset="people",
        revision=hashlib.sha1(str(number).encode()).hexdigest(),
        model_version=f"{number:012x}",
        data_version=f"{number:012x}",
        metric="roc_auc",
        higher_is_better=True,
        value=0.8,
        low=0.78,
        high=0.82,
        verdict="stable",
        drifted=0,
        clean=1000 + number,
        quarantined=3,
        newest_row=NOON - timedelta(days=10),
        arrived=DataArrival(NOON - timedelta(hours=5), "landing"),
        promise=timedelta(days=35),
        publish_promise=timedelta(days=1),
    )
    return replace(facts, **changes)


def make_job(place: Any, folder: Path, number: int = 1, **changes: Any) -> Job:
    """Give the job of publishing run `number`, an hour after the one before, from a clone."""
    clock: Callable[[], datetime] = changes.pop("clock", lambda: NOON + timedelta(hours=number))
    size, files = changes.pop("size", 0), changes.pop("files", 3)
    doubts, noise = changes.pop("doubts", ()), changes.pop("noise", None)
    made, judge = make_exports(folder / "exports", number, size, files), None
    if noise is not None:
        (made / "predictions.parquet").write_bytes(parquet(predictions(noise)))
        contract = load_contract(ROOT / "configuration/contracts/sample.odcs.yaml")
        judge = Judge(contract, {"roc_auc": 0.8}, resamples=100, seed=0)
    facts = make_facts(number, **changes)
    work, exports = folder / "work", read_exports(made)
    return Job(place, exports, facts, work, clock=clock, judge=judge, doubts=doubts)


def remote_of(server: Any, bucket: str, prefix: str = "published") -> Remote:
    """Give a bucket of a test's server as DVC has it in its configuration."""
    settings = {
        "endpointurl": server.endpoint,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        "region": "us-east-1",
    }
    return Remote(f"s3://{bucket}/{prefix}", bucket, prefix, settings, local_keys=True)


def look(read: Callable[[str], bytes | None]) -> tuple[str, str] | None:
    """Read what a reader is shown: pointer, manifest, all files; None where nothing is published.

    Returns
    -------
    tuple
        The run, and one hash of all its bytes.

    Raises
    ------
    AssertionError
        Where a file is missing, or is not the one that the manifest names.
    """
    body = read("current.json")
    if body is None:
        return None
    pointer = json.loads(body)
    manifest = read(pointer["path"] + "manifest.json")
    assert manifest is not None, f"{pointer['run']}: the manifest is missing"
    digest = hashlib.sha256(manifest).hexdigest()
    assert digest == pointer["manifest_sha256"], f"{pointer['run']}: another manifest"
    all_bytes = hashlib.sha256(manifest)
    for file in json.loads(manifest)["files"]:
        content = read(pointer["path"] + file["path"])
        assert content is not None, f"{pointer['run']}: {file['path']} is missing"
        found = hashlib.sha256(content).hexdigest()
        assert found == file["sha256"], f"{pointer['run']}: {file['path']} is a mixture"
        all_bytes.update(content)
    return pointer["run"], all_bytes.hexdigest()
