"""A small version of `tests/prove/kills.py`, and that its checks can fail."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from examples import write
from pipeline.test_storage import Buckets
from prove import kills
from quickstack.storage.remotes import create_buckets, read_remote

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")


@pytest.mark.long
def test_after_a_kill_the_same_command_brings_all(small, seaweedfs):
    buckets = Buckets(seaweedfs)
    buckets.point(small.path, "storage", "restricted")
    create_buckets([read_remote(small.path, name) for name in ("storage", "restricted")])
    prover = kills.Prover(small, 7, (buckets.s3, buckets.storage, buckets.restricted), large=False)
    kill = None
    for seconds in (2.5, 1.5, 0.8):
        prover.seconds["dvc push"] = seconds
        kill = kill or prover.one("push")
    assert kill is not None, "it ended before it was killed"
    assert kill.good, kill

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


def test_a_push_killed_while_it_collects_is_whole_after_restore(small, seaweedfs):
    """At a moment after which the next plain push of DVC 3.67 sends a part and succeeds."""
    buckets = Buckets(seaweedfs)
    buckets.point(small.path, "storage", "restricted")
    create_buckets([read_remote(small.path, name) for name in ("storage", "restricted")])
    for name in ("one", "other"):
        write(small.path / f"data/raw/{name}/a.csv", f"{name}\n" * 100)
        small.run("quickstack", "add", f"data/raw/{name}")
    kills.commit(small, "two folders for the restricted remote")
    # When the first of the two folders is noted, and before the second is.
    killed = (
        "import os, dvc_data.index as i, dvc_data.index.collect as c\n"
        "whole, collect, raw = i.DataIndex.commit, c._collect_from_index, []\n"
        "def noted(cache, prefix, index, place, *more, **options):\n"
        "    raw.extend([place] if place[:2] == ('data', 'raw') else [])\n"
        "    return collect(cache, prefix, index, place, *more, **options)\n"
        "c._collect_from_index = noted\n"
        "i.DataIndex.commit = lambda self: (whole(self), raw and os.kill(os.getpid(), 9))\n"
        "from dvc.cli import main; main(['push'])"
    )

    def push_killed():
        done = small.run(sys.executable, "-c", killed, check=False)
        assert done.returncode == -9

    def lacking():
        return wanted - {*buckets.objects(buckets.storage), *buckets.objects(buckets.restricted)}

    objects = kills.Objects()
    names, _ = objects.wrong(kills.cached(small.path))
    wanted = kills.named(small, "HEAD", objects.folders)
    assert wanted <= names
    push_killed()
    small.run("dvc", "push")
    assert len(lacking()) == 2, "DVC no longer does this: take `forget_collected` out"
    for key in (found := buckets.objects(buckets.restricted)).values():
        buckets.s3.delete_object(Bucket=buckets.restricted, Key=key)
    assert found
    push_killed()
    small.run("quickstack", "restore")
    small.run("dvc", "push")
    assert lacking() == set()
