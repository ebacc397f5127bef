"""A small version of `tests/prove/kills.py`, and that its checks can fail."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from examples import write
from pipeline.test_storage import Buckets
from prove import kills
from quickstack.runtime.stores.remotes import read_remote
from quickstack.runtime.stores.s3 import create_buckets

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")


@pytest.mark.long
def test_after_a_kill_the_same_command_brings_all(small, seaweedfs):
    buckets = Buckets(seaweedfs)
    buckets.point(small.path, "storage", "restricted")
    create_buckets([read_remote(small.path, name) for name in ("storage", "restricted")])
    prover = kills.Prover(small, 7, (buckets.s3, buckets.storage, buckets.restricted), large=False)
    kill = None
    for seconds in (2.5, 1.5, 0.8):
        prover.seconds["quickstack push"] = seconds
        kill = kill or prover.one("quickstack push")
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


#: A command of DVC that dies when the first of two raw folders is noted, and the second not yet.
DYING = """\
import os, dvc_data.index as i, dvc_data.index.collect as c
whole, collect, raw = i.DataIndex.commit, c._collect_from_index, []
def noted(cache, prefix, index, place, *more, **options):
    raw.extend([place] if place[:2] == ("data", "raw") else [])
    return collect(cache, prefix, index, place, *more, **options)
c._collect_from_index = noted
i.DataIndex.commit = lambda self: (whole(self), raw and os.kill(os.getpid(), 9))
from dvc.cli import main; main(["COMMAND"])
"""


def die(small, command):
    code = DYING.replace("COMMAND", command)
    assert small.run(sys.executable, "-c", code, check=False).returncode == -9


@pytest.fixture
def killed_push(small, seaweedfs):
    """Kill a push while it collects; give what says which objects the buckets lack."""
    buckets = Buckets(seaweedfs)
    buckets.point(small.path, "storage", "restricted")
    create_buckets([read_remote(small.path, name) for name in ("storage", "restricted")])
    for name in ("one", "other"):
        write(small.path / f"data/raw/{name}/a.csv", f"{name}\n" * 100)
        small.run("quickstack", "add", f"data/raw/{name}")
    kills.commit(small, "two folders for the restricted remote")
    die(small, "push")
    objects = kills.Objects()
    names, _ = objects.wrong(kills.cached(small.path))
    wanted = kills.named(small, "HEAD", objects.folders)
    assert wanted <= names
    return lambda: (
        wanted - {*buckets.objects(buckets.storage), *buckets.objects(buckets.restricted)}
    )


def test_after_a_push_killed_while_it_collects_push_sends_all(small, killed_push):
    pushed = small.run("quickstack", "push", "--jobs", "2")
    assert killed_push() == set()
    assert "left out" not in pushed.stdout, "the list was not dropped"
    assert "Everything is up to date" in small.run("quickstack", "push").stdout


@pytest.mark.long
def test_after_one_of_dvc_it_looks_and_puts_there_what_is_missing(small, killed_push):
    small.run("dvc", "push")
    assert len(killed_push()) == 2, "DVC no longer does this: `dvc push` will do"
    small.run("quickstack", "push")
    assert killed_push() == set()


@pytest.mark.long
def test_after_a_pull_killed_while_it_collects_pull_brings_all(small, killed_push):
    small.run("quickstack", "push")
    raw = small.path / "data" / "raw"
    for place in (small.path / ".dvc" / "cache", raw / "one", raw / "other"):
        shutil.rmtree(place)
    die(small, "pull")
    small.run("quickstack", "pull")
    found = {path.parent.name: path.read_text(encoding="utf-8") for path in raw.glob("*/a.csv")}
    assert found == {name: f"{name}\n" * 100 for name in ("one", "other")}
