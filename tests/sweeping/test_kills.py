"""A small version of `tests/prove/kills.py`, and that its checks can fail."""

from __future__ import annotations

import os
import shutil

import pytest

from pipeline.test_storage import Buckets
from prove import kills
from quickstack.storage.remotes import create_buckets, read_remote

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")


def test_after_a_kill_the_same_command_brings_all(small, seaweedfs):
    buckets = Buckets(seaweedfs)
    buckets.point(small.path, "storage", "restricted")
    create_buckets([read_remote(small.path, name) for name in ("storage", "restricted")])
    prover = kills.Prover(small, 7, (buckets.s3, buckets.storage, buckets.restricted), large=False)
    # The sweep is met while it trains, the push while it sends.
    prover.seconds |= {"dvc push": 2.5, "quickstack sweep": 6.0}
    found = [prover.one(what) for what in ("push", "sweep")]
    assert all(kill is None or kill.good for kill in found), found
    assert any(found), "both ended before they were killed"

    # What it looks for, planted.
    cache = small.path / ".dvc" / "cache" / "files" / "md5"
    objects = sorted(path for path in cache.glob("*/*") if not path.name.endswith(".dir"))
    one, other = objects[0], objects[-1]
    one.chmod(0o644)
    one.write_bytes(b"x" + one.read_bytes()[1:])
    other.unlink()
    names, wrong = prover.cache.wrong(kills.cached(small.path))
    assert wrong == [one.parent.name + one.name]
    everything = kills.named(small, "HEAD", prover.cache.folders)
    assert everything - names == {other.parent.name + other.name}
    bucket, key = next(
        (bucket, there[wrong[0]])
        for bucket in (buckets.storage, buckets.restricted)
        if wrong[0] in (there := buckets.objects(bucket))
    )
    buckets.s3.put_object(Bucket=bucket, Key=key, Body=b"cut")
    assert prover.remote.wrong(kills.stored(buckets.s3, bucket))[1] == wrong
    shutil.rmtree(cache)
    names, _ = prover.cache.wrong(kills.cached(small.path))
    assert names == set()
