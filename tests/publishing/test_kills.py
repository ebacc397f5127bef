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


def test_cut_off_on_s3_readers_see_whole_runs_only(tmp_path, seaweedfs):
    s3 = boto3.client(
        "s3", endpoint_url=seaweedfs.endpoint, aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key, region_name="us-east-1",
    )  # fmt: skip
    s3.create_bucket(Bucket="cuts")
    tally = broken(Where(remote=remote_of(seaweedfs, "cuts")), tmp_path, 1, random.Random(2))
    assert tally.wrong == []
    assert tally.counts["connections cut"] > 0
    assert tally.counts["looks"] > 0
