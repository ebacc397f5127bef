"""Stores of objects: the same behaviour of a folder, S3 by boto3, and DVC's own file systems."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid

import boto3
import pytest

from examples import write
from helpers import make_repository
from quickstack.facts.errors import QuickstackError, StorageError
from quickstack.runtime.storage import health_check
from quickstack.runtime.storage.health_check import CHECKS, Status, check_remote, failure
from quickstack.runtime.stores.diagnosis import diagnose
from quickstack.runtime.stores.folder_store import FolderStore, as_file
from quickstack.runtime.stores.locking import process_lock
from quickstack.runtime.stores.object_stores import FileSystemStore, open_store, remote_store
from quickstack.runtime.stores.remotes import Remote, read_remote
from quickstack.runtime.stores.s3 import S3Store

KEY = "files/md5/ab/" + "c" * 30
OTHER = {"gs": "gs://bucket/dvc", "azure": "azure://container/dvc"}


def of_server(server, tmp_path):
    bucket = f"store-{uuid.uuid4().hex[:12]}"
    boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, region_name="us-east-1",
    ).create_bucket(Bucket=bucket)  # fmt: skip
    settings = {
        "url": f"s3://{bucket}/dvc",
        "endpointurl": server.endpoint,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
    }
    return read_remote(make_repository(tmp_path / "clone", {"storage": settings}))


@pytest.fixture(params=["folder", "boto3 seaweedfs", "boto3 ceph", "dvc seaweedfs", "dvc ceph"])
def store(request, tmp_path):
    """Give a store; DVC's own file system is tried on the S3 servers, as it is for gs and azure."""
    kind, _, server = request.param.partition(" ")
    if kind == "folder":
        (tmp_path / "remote").mkdir()
        return FolderStore("storage", tmp_path / "remote")
    remote = of_server(request.getfixturevalue(server), tmp_path)
    return S3Store(remote) if kind == "boto3" else FileSystemStore(remote)


def test_every_store_does_the_same(store, tmp_path):
    assert store.objects() == {}
    assert store.all_keys() == []
    path = write(tmp_path / "body", b"content")
    store.put(KEY, path)
    store.put("runs/x", path)
    assert store.all_keys() == [KEY, "runs/x"]
    assert list(store.objects("runs/")) == ["runs/x"]
    facts = store.objects()[KEY]
    assert (facts.size, facts.changed > 1_700_000_000) == (7, True)
    with store.open(KEY) as stream:
        assert (stream.read(3), stream.read()) == (b"con", b"tent")
    with as_file(store, KEY) as file:
        assert file.read_bytes() == b"content"
    path.write_bytes(b"another")
    store.put(KEY, path)
    with store.open(KEY) as stream:
        assert stream.read() == b"another"
    store.delete(KEY)
    store.delete(KEY)  # what is gone is no error
    assert store.all_keys() == ["runs/x"]


def with_remote(root, url):
    """Write an address into the committed configuration, in place of the one on S3."""
    make_repository(root)
    config = root / ".dvc/config"
    config.write_text(config.read_text().replace("s3://quickstack-storage/dvc", url))
    return root


@pytest.mark.parametrize("scheme", OTHER)
def test_another_kind_is_taken_and_its_missing_package_named(scheme, tmp_path):
    root = with_remote(tmp_path, OTHER[scheme])
    remote = read_remote(root)
    assert (remote.scheme, remote.address) == (scheme, OTHER[scheme])
    assert remote.settings["verify"] is True
    sentence = rf"remote storage: DVC's package for {scheme}:// is not installed.*dvc-{scheme}"
    with pytest.raises(StorageError, match=sentence):
        remote_store(root, "storage")
    failed = failure(check_remote(remote))
    assert failed is not None
    assert f"pip install dvc-{scheme}" in failed.sentence
    # DVC reads the committed configuration too, and lacks nothing but the package.
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    write(root / "a.txt", b"1")
    for command, expected in ((["add", "a.txt"], ""), (["push"], f"requires 'dvc-{scheme}'")):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command], cwd=root, capture_output=True, text=True
        )
        assert expected in done.stderr
        assert "config file error" not in done.stderr


def test_what_needs_s3_says_so(tmp_path):
    with pytest.raises(StorageError, match="storage is not in S3, and this is done in S3 only"):
        S3Store(read_remote(with_remote(tmp_path, OTHER["gs"])))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError("s3cr3t"), "gs://bucket/dvc does not exist. To fix it: create it"),
        (PermissionError("s3cr3t"), "You may not list gs://bucket/dvc. To fix it: log in there"),
        (
            TimeoutError("s3cr3t"),
            "gs://bucket/dvc does not answer within 60 s. To fix it: check",
        ),
        (ConnectionRefusedError("s3cr3t"), "gs://bucket/dvc cannot be reached. To fix it: check"),
        (RuntimeError("s3cr3t"), "cannot be used (RuntimeError). To fix it: see what `dvc status"),
    ],
)
def test_errors_of_another_kind_are_sentences_without_secrets(error, sentence):
    remote = Remote("storage", "me:s3cr3t@bucket", "dvc", {"url": "gs://"}, False, "gs")
    said = diagnose(error, remote, action="list").error(remote).sentence()
    assert sentence in said
    assert "s3cr3t" not in said


def test_health_of_a_folder(tmp_path):
    root = with_remote(tmp_path / "clone", "../../shared")
    failed = failure(check_remote(read_remote(root)))
    assert failed is not None
    assert (failed.check, "is not there. To fix it: mount it" in failed.sentence) == ("list", True)
    (tmp_path / "shared").mkdir()
    results = check_remote(read_remote(root))
    assert [result.check for result in results] == list(CHECKS)
    assert {result.status for result in results} == {Status.OK}
    assert open_store(read_remote(root)).all_keys() == []


def test_health_by_the_file_system_of_dvc(seaweedfs, tmp_path, monkeypatch):
    """The check of a store that is neither a folder nor S3, on a real server."""
    remote = of_server(seaweedfs, tmp_path)
    monkeypatch.setattr(health_check, "open_store", FileSystemStore)
    assert {result.status for result in check_remote(remote)} == {Status.OK}
    assert FileSystemStore(remote).all_keys() == []


def test_a_lock_is_held_by_one_and_ends_with_it(tmp_path):
    busy = QuickstackError("somebody works here", fix="wait")
    held, go = threading.Event(), threading.Event()

    def hold():
        with process_lock(tmp_path / "a" / "lock", busy):
            held.set()
            go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    with (
        pytest.raises(QuickstackError, match="somebody works here"),
        process_lock(tmp_path / "a" / "lock", busy),
    ):
        pass
    go.set()
    thread.join()
    with process_lock(tmp_path / "a" / "lock", busy):
        pass
