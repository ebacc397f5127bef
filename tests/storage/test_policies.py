"""The policies for AWS grant what their README says, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from helpers import ROOT, make_repository
from quickstack.runtime.stores.object_stores import PROBE
from quickstack.runtime.stores.remotes import read_remote
from servers import S3Server

AWS = ROOT / "configuration" / "aws"
WRITE = {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}

# Per policy: its buckets, and what may be done to objects where.
EXPECTED: dict[str, tuple[set[str], dict[str, set[str]]]] = {
    "shared-read.json": ({"storage"}, {"dvc/*": {"s3:GetObject"}}),
    "shared-write.json": (
        {"storage"},
        {"dvc/*": WRITE, f"dvc/{PROBE}/*": {"s3:DeleteObject"}},
    ),
    "restricted.json": (
        {"restricted"},
        {"dvc/*": WRITE, f"dvc/{PROBE}/*": {"s3:DeleteObject"}},
    ),
    "delete.json": ({"storage", "restricted"}, {"dvc/*": {"s3:DeleteObject"}}),
}


def load(name: str) -> Any:
    return json.loads((AWS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
def test_policy_grants_exactly_this(name: str) -> None:
    remotes, objects = EXPECTED[name]
    policy = load(name)
    assert policy["Version"] == "2012-10-17"
    granted: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            bucket, _, path = resource.removeprefix("arn:aws:s3:::").partition("/")
            assert bucket in {f"quickstack-{remote}" for remote in remotes}
            if path:
                granted.setdefault(path, set()).update(statement["Action"])
            else:
                assert statement["Action"] == ["s3:ListBucket"]
                assert statement["Condition"] == {"StringLike": {"s3:prefix": ["dvc", "dvc/*"]}}
    assert granted == objects


def test_every_policy_is_tested_and_in_the_readme() -> None:
    names = {path.name for path in AWS.glob("*.json")}
    # What tests/publishing/test_access.py tests.
    published = {"publish.json", "readers-bucket-policy.json"}
    assert names == {*EXPECTED, "lifecycle.json", *published}
    readme = (AWS / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in names)


def test_policies_name_the_committed_buckets(tmp_path) -> None:
    root = make_repository(tmp_path)
    for name in ("storage", "restricted"):
        remote = read_remote(root, name)
        assert (remote.bucket, remote.prefix) == (f"quickstack-{name}", "dvc")


def test_lifecycle_is_accepted(s3_server: S3Server) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name="us-east-1",
    )
    s3.create_bucket(Bucket="lifecycle")
    s3.put_bucket_lifecycle_configuration(
        Bucket="lifecycle", LifecycleConfiguration=load("lifecycle.json")
    )
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket="lifecycle")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rule["Status"] == "Enabled"
