"""A small version of `tests/prove/publish_kills.py`."""

from __future__ import annotations

import random

import boto3

from publishing.cases import remote_of
from publishing.kills import Where, broken, killed


def test_killed_on_a_folder_readers_see_whole_runs_only(tmp_path):
    tally = killed(Where(tmp_path / "place"), tmp_path / "work", 3, random.Random(1))
    assert tally.wrong == []
    assert tally.counts["killed"] == 3
    assert tally.counts["rollbacks to the earlier bytes"] >= 4
    assert tally.counts["looks"] > 0


def test_killed_and_cut_off_on_s3_readers_see_whole_runs_only(tmp_path, seaweedfs):
    s3 = boto3.client(
        "s3", endpoint_url=seaweedfs.endpoint, aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key, region_name="us-east-1",
    )  # fmt: skip
    for bucket in ("kills", "cuts"):
        s3.create_bucket(Bucket=bucket)
    dice = random.Random(2)
    tally = killed(Where(remote=remote_of(seaweedfs, "kills")), tmp_path / "a", 1, dice)
    cut = broken(Where(remote=remote_of(seaweedfs, "cuts")), tmp_path / "b", 1, dice)
    assert tally.wrong + cut.wrong == []
    assert tally.counts["killed"] == 1
    assert cut.counts["connections cut"] > 0
