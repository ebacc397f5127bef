from __future__ import annotations

import gzip
import io
import random
import socket
import threading

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.streams import open_partition
from quickstack.facts.errors import SourceError
from quickstack.runtime.stores import pinned_object
from servers import free_ports

BUCKET = "pinned"
DATA = random.Random(3).randbytes(5_000_000)


@pytest.fixture(scope="module")
def s3(seaweedfs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(pinned_object, "_PAUSE", 0.01)


def put(s3, key, data, tmp_path):
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=data)["ETag"].strip('"')
    return Partition(tmp_path / "l.objects.jsonl", "x", f"s3://{BUCKET}/{key}", etag, len(data))


def read(partition, size=-1):
    with open_partition(partition) as stream:
        return stream.read(size)


@pytest.mark.parametrize("key", ["plain.csv", "with blank/ä+%25#?.csv"])
def test_an_object_is_read_where_it_lies(s3, tmp_path, key):
    partition = put(s3, key, DATA, tmp_path)
    with open_partition(partition) as stream:
        assert b"".join(iter(lambda: stream.read(777_777), b"")) == DATA


def test_a_packed_object(s3, tmp_path):
    assert read(put(s3, "a.csv.gz", gzip.compress(DATA), tmp_path)) == DATA


def test_an_empty_object(s3, tmp_path):
    assert read(put(s3, "empty", b"", tmp_path)) == b""


def test_seeking(s3, tmp_path):
    with open_partition(put(s3, "seek", DATA, tmp_path)) as stream:
        chance = random.Random(5)
        for _ in range(12):
            position, size = chance.randrange(len(DATA)), chance.randrange(2_000_000)
            stream.seek(position)
            assert stream.read(size) == DATA[position : position + size]
        stream.seek(-10, io.SEEK_END)
        assert stream.read() == DATA[-10:]


def test_parquet_is_read_in_ranges(s3, tmp_path):
    table = pa.table({"a": pa.array(range(1000)), "b": pa.array([DATA[:4000]] * 1000)})
    out = io.BytesIO()
    pq.write_table(table, out, use_dictionary=False, compression="none")
    with open_partition(put(s3, "a.parquet", out.getvalue(), tmp_path)) as stream:
        assert pq.ParquetFile(pa.PythonFile(stream, "r")).read(["a"]) == table.select(["a"])


CHANGED = "the object has changed since it was pinned. To fix it: run `quickstack land` again"


@pytest.mark.parametrize("new", [DATA[::-1], DATA[:100], b""])
def test_a_changed_object(s3, tmp_path, new):
    partition = put(s3, "changed", DATA, tmp_path)
    put(s3, "changed", new, tmp_path)
    with pytest.raises(SourceError) as caught:
        read(partition)
    assert CHANGED in str(caught.value)
    assert f"s3://{BUCKET}/changed: " in str(caught.value)


def test_an_object_that_changes_while_it_is_read(s3, tmp_path):
    partition = put(s3, "changing", DATA, tmp_path)
    with pytest.raises(SourceError, match="has changed"), open_partition(partition) as stream:
        stream.read(10)
        put(s3, "changing", DATA[::-1], tmp_path)
        stream.read()


def test_an_empty_object_that_grew(s3, tmp_path):
    partition = put(s3, "grown", b"", tmp_path)
    put(s3, "grown", b"x", tmp_path)
    with pytest.raises(SourceError, match="has changed"):
        read(partition)


def test_the_pinned_version_is_read(s3, tmp_path):
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="versions", Key="k", Body=b"old")
    s3.put_object(Bucket="versions", Key="k", Body=b"new")
    partition = Partition(
        tmp_path, "x", "s3://versions/k", old["ETag"].strip('"'), 3, old["VersionId"]
    )
    assert read(partition) == b"old"
    s3.delete_object(Bucket="versions", Key="k", VersionId=old["VersionId"])
    with pytest.raises(SourceError, match="the object, or its bucket, is missing on S3"):
        read(partition)


def test_a_missing_object(s3, tmp_path):
    partition = put(s3, "gone", b"abc", tmp_path)
    s3.delete_object(Bucket=BUCKET, Key="gone")
    with pytest.raises(SourceError, match="gone: the object, or its bucket, is missing on S3"):
        read(partition)


def test_a_missing_bucket(s3, tmp_path):
    with pytest.raises(SourceError, match=r"the bucket does not exist|or its bucket, is missing"):
        read(Partition(tmp_path, "x", "s3://no-such-bucket/k", "e", 5))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong" * 8, "The secret key is not that of the access key id"),
        ("AWS_ACCESS_KEY_ID", "UNKNOWN0UNKNOWN0", "does not know this access key id"),
        ("AWS_PROFILE", "nobody", "There is no AWS profile nobody"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "connection refused"),
    ],
)
def test_what_keeps_an_object_from_being_read(s3, tmp_path, monkeypatch, name, value, sentence):
    partition = put(s3, "mine", b"abc", tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(SourceError, match=sentence) as caught:
        read(partition)
    assert str(caught.value).startswith(f"s3://{BUCKET}/mine: ")
    assert value not in str(caught.value) or name in ("AWS_PROFILE", "AWS_ENDPOINT_URL")


class Dropping:
    """A server between client and S3 that breaks each answer off after some bytes."""

    def __init__(self, port, after):
        self.port, self.after, self.connections = port, after, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            server.sendall(client.recv(1 << 16))
            left = self.after
            while left > 0 and (data := server.recv(min(left, 1 << 16))):
                client.sendall(data)
                left -= len(data)


def test_a_dropped_connection_is_taken_up_where_it_broke_off(s3, tmp_path, monkeypatch, seaweedfs):
    partition = put(s3, "dropped", DATA, tmp_path)
    proxy = Dropping(int(seaweedfs.endpoint.rpartition(":")[2]), 700_000)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    try:
        assert read(partition) == DATA
        assert proxy.connections >= 7
    finally:
        proxy.listener.close()


def test_a_connection_that_always_breaks_off_ends_as_a_sentence(
    s3, tmp_path, monkeypatch, seaweedfs
):
    partition = put(s3, "dropped", DATA, tmp_path)
    proxy = Dropping(int(seaweedfs.endpoint.rpartition(":")[2]), 20)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    try:
        with pytest.raises(SourceError, match="s3://pinned/dropped: ") as caught:
            read(partition)
        assert "To fix it" in str(caught.value)
    finally:
        proxy.listener.close()


def test_a_server_that_is_not_there(s3, tmp_path, monkeypatch):
    partition = put(s3, "k", b"abc", tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(SourceError, match="Nothing listens at"):
        read(partition)
