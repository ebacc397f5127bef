"""Two Dask workers, in processes of their own, that share nothing with this one but S3.

`dask scheduler` and `dask worker` are started on loopback; the S3 server is SeaweedFS.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest

from examples import HEADER, people_contract, write
from quickstack.data.ingesting import engine
from quickstack.facts.errors import SourceError
from quickstack.facts.params import ComputeParams
from servers import S3Server, end, free_ports

KEY = b"k" * 32
FILES, ROWS = 8, 20_000
#: Allowed, and not.
KINDS = ("a", "z")


@dataclass
class Cluster:
    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def on_s3(seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (
        ("AWS_ENDPOINT_URL", seaweedfs.endpoint),
        ("AWS_ACCESS_KEY_ID", seaweedfs.access_key),
        ("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="cluster")
    yield
    boto3.resource("s3").Bucket("cluster").objects.delete()
    boto3.client("s3").delete_bucket(Bucket="cluster")


@pytest.fixture
def no_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Start a scheduler and two workers, each in an empty folder, with another `quickstack`."""
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    # What a worker has installed under that name is not what must run.
    write(tmp_path / "other" / "quickstack" / "__init__.py", "")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "other")}
    dask = [sys.executable, "-m", "dask"]
    processes = []

    def start(name: str, *command: str) -> subprocess.Popen[bytes]:
        folder = tmp_path / name
        folder.mkdir()
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [*dask, *command], cwd=folder, env=environment, stdout=log, stderr=log
        )
        processes.append(process)
        return process

    start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    workers = [
        start(f"worker{i}", "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for i in range(2)
    ]
    try:
        yield Cluster(address, workers)
    finally:
        end(processes)


def upload(folder: Path) -> None:
    """Put the files on S3, and pin them in a listing, as `quickstack land --in-place` does."""
    client, listing = boto3.client("s3"), []
    for number in range(FILES):
        first = number * ROWS
        body = "".join(
            f"{i},Name {i},{KINDS[i % 999 == 0]},{i % 50},2024-01-{i % 28 + 1:02}\n"
            for i in range(first, first + ROWS)
        )
        content = (HEADER + body).encode()
        answer = client.put_object(Bucket="cluster", Key=f"raw/{number}.csv", Body=content)
        listing.append(
            {
                "url": f"s3://cluster/raw/{number}.csv",
                "etag": answer["ETag"].strip('"'),
                "size": len(content),
            }
        )
    lines = "".join(json.dumps(entry) + "\n" for entry in listing)
    write(folder / "data" / "raw" / "people" / "all.objects.jsonl", lines)


def ingest(folder: Path, name: str, compute: ComputeParams, progress=None) -> tuple[dict, dict]:
    contract = people_contract()
    source = replace(contract.source, path="data/raw/people/all.objects.jsonl")
    interim, quarantine = folder / name / "interim", folder / name / "quarantine"
    interim.mkdir(parents=True)
    quarantine.mkdir()
    report = engine.ingest(
        replace(contract, source=source),
        key=KEY,
        interim=interim,
        quarantine=quarantine,
        block_bytes=1 << 18,
        compute=compute,
        cache=folder / name / "cache",
        progress=progress,
    )
    outputs = {
        str(p.relative_to(folder / name)): p.read_bytes()
        for part in (interim, quarantine)
        for p in part.iterdir()
    }
    return report, outputs


@pytest.mark.parametrize("exchange", ["s3://cluster/exchange", None])
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(
    tmp_path, monkeypatch, on_s3, cluster, exchange
):
    monkeypatch.chdir(tmp_path)
    upload(tmp_path)
    expected = ingest(tmp_path, "local", ComputeParams(workers=2))
    done = []

    def kill_one(file: str, rows: int, size: int) -> None:
        done.append(file)
        if len(done) == 2:
            cluster.workers[0].send_signal(signal.SIGKILL)
            cluster.workers[0].wait()

    compute = ComputeParams(workers=2, scheduler_address=cluster.address, exchange=exchange)
    assert ingest(tmp_path, "cluster", compute, kill_one) == expected
    assert cluster.workers[0].returncode == -signal.SIGKILL
    assert len(done) == FILES
    assert expected[0]["rows"]["read"] == FILES * ROWS
    assert expected[0]["rows"]["quarantined"] == len(range(0, FILES * ROWS, 999))
    left = boto3.client("s3").list_objects_v2(Bucket="cluster", Prefix="exchange/")
    assert left["KeyCount"] == 0


def test_a_bad_file_gets_its_sentence_from_the_cluster(tmp_path, monkeypatch, no_s3, cluster):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data" / "raw" / "people" / "all.objects.jsonl", json.dumps(
        {"url": "s3://cluster/raw/0.csv", "etag": "0" * 32, "size": 1}) + "\n")  # fmt: skip
    compute = ComputeParams(workers=2, scheduler_address=cluster.address)
    with pytest.raises(SourceError) as caught:
        ingest(tmp_path, "cluster", compute)
    assert "s3://cluster/raw/0.csv" in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_no_scheduler_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("quickstack.data.ingesting.cluster._PATIENCE", 1)
    write(tmp_path / "data" / "raw" / "people" / "all.objects.jsonl", json.dumps(
        {"url": "s3://cluster/raw/0.csv", "etag": "0" * 32, "size": 1}) + "\n")  # fmt: skip
    compute = ComputeParams(workers=2, scheduler_address="tcp://127.0.0.1:9")
    with pytest.raises(SourceError, match="no Dask scheduler answers there"):
        ingest(tmp_path, "cluster", compute)
