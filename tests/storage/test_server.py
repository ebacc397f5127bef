"""The local S3 server's life: start, find, recover, stop; and who gets in."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from quickstack.facts.errors import StorageError
from quickstack.runtime.storage import seaweedfs, server


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    server.stop(tmp_path)


def s3(info: server.ServerInfo) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=info.endpoint,
        aws_access_key_id=info.access_key,
        aws_secret_access_key=info.secret_key,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


def port_of(info: server.ServerInfo) -> int:
    return int(info.endpoint.rpartition(":")[2])


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_life_of_a_server(root: Path) -> None:
    assert server.status(root) is None

    first = server.start(root)
    assert not first.already_running
    s3(first).create_bucket(Bucket="objects")
    s3(first).put_object(Bucket="objects", Key="kept", Body=b"value")

    again = server.start(root)
    assert again.already_running
    assert (again.endpoint, again.pid) == (first.endpoint, first.pid)
    assert server.status(root) == again

    process = psutil.Process(first.pid)
    process.kill()
    process.wait()
    assert server.status(root) is None
    recovered = server.start(root)
    assert not recovered.already_running
    assert recovered.pid != first.pid
    assert (recovered.endpoint, recovered.access_key, recovered.secret_key) == (
        first.endpoint,
        first.access_key,
        first.secret_key,
    )
    assert s3(recovered).get_object(Bucket="objects", Key="kept")["Body"].read() == b"value"

    assert server.stop(root, patience=600)
    assert server.status(root) is None
    assert not server.stop(root)


def test_taken_port_moves_the_server_and_keeps_the_objects(root: Path) -> None:
    first = server.start(root)
    s3(first).create_bucket(Bucket="objects")
    s3(first).put_object(Bucket="objects", Key="kept", Body=b"value")
    server.stop(root)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port_of(first) + 2))
        taken.listen()
        moved = server.start(root)
    assert moved.endpoint != first.endpoint
    assert s3(moved).get_object(Bucket="objects", Key="kept")["Body"].read() == b"value"
    s3(moved).put_object(Bucket="objects", Key="new", Body=b"value")


def test_process_id_of_another_program_is_not_ours(root: Path) -> None:
    folder = root / server.FOLDER
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        (folder / "state.json").write_text(json.dumps({"port": 18_330, "pid": other.pid}))
        assert server.status(root) is None
        assert not server.stop(root)
        assert other.poll() is None, "the other program was ended"
        other.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x", "pid": 1}', '{"pid": 1}', "null"])
def test_damaged_state_counts_as_not_running(root: Path, text: str) -> None:
    folder = root / server.FOLDER
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(text)
    assert server.status(root) is None


def test_missing_program_says_how_to_install(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(seaweedfs.sysconfig, "get_path", lambda _: str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match=r"make storage.*tests/requirements\.txt"):
        server.start(root)


def test_failing_start_shows_the_end_of_the_log(root: Path) -> None:
    # A file where the server wants its folder.
    data = root / server.FOLDER / "data"
    data.mkdir(parents=True)
    (data / "filerldb2").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        server.start(root)
    sentence = str(caught.value)
    assert "ended as it started" in sentence
    assert "filerldb2" in sentence
    assert "output.log" in sentence
    assert "goroutine" not in sentence
    assert server.status(root) is None


def test_server_that_never_gets_ready_is_given_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_ready", lambda _: False)
    with pytest.raises(StorageError, match="does not answer"):
        server.start(root, timeout=0.5)
    assert server.status(root) is None


def test_no_free_ports(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seaweedfs, "_is_free", lambda _: False)
    with pytest.raises(StorageError, match=r"no free ports.*To fix it"):
        server.start(root)


# Who gets in: the holder of the keys, on this machine.


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.ServerInfo]:
    root = tmp_path_factory.mktemp("access")
    with pytest.MonkeyPatch.context() as patch:
        # SeaweedFS would let these in, and make this bucket.
        patch.setenv("AWS_ACCESS_KEY_ID", "DEVELOPER")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "developers-own-secret")
        patch.setenv("S3_BUCKET", "unwanted")
        info = server.start(root)
    s3(info).create_bucket(Bucket="objects")
    s3(info).put_object(Bucket="objects", Key="personal", Body=b"Ada Lovelace")
    yield info
    server.stop(root)


def test_only_loopback(info: server.ServerInfo) -> None:
    listening = [
        connection.laddr
        for connection in psutil.Process(info.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    first = port_of(info)
    expected = {first + i + step for i in range(seaweedfs.PORTS) for step in (0, seaweedfs.GRPC)}
    # The admin part may come up a moment after the server is ready.
    assert {first, first + seaweedfs.MASTER} <= {address.port for address in listening} <= expected


def test_keys_are_private(info: server.ServerInfo) -> None:
    assert info.secret_key not in repr(info)
    if sys.platform != "win32":
        for name in ("keys.json", "security.toml"):
            assert stat.S_IMODE((info.folder / name).stat().st_mode) == 0o600
        assert stat.S_IMODE((info.folder / "data").stat().st_mode) == 0o700
    logs = [info.folder / "output.log", *(info.folder / "logs").iterdir()]
    assert not [log for log in logs if info.secret_key in log.read_text(errors="replace")]
    arguments = psutil.Process(info.pid).cmdline()
    assert not [argument for argument in arguments if info.secret_key in argument]
    assert (info.folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (0, "/objects/personal"),
        (0, "/objects"),
        (3, "/buckets/objects/personal"),
        (3, "/buckets/"),
        (2, "/1,01"),
        (2, "/ui/index.html"),
    ],
)
def test_no_port_gives_objects_without_keys(info: server.ServerInfo, part: int, path: str) -> None:
    status, body = get(port_of(info) + part, path)
    assert status in (401, 403)
    assert b"Lovelace" not in body


@pytest.mark.parametrize(
    ("access_key", "secret_key", "code"),
    [
        (None, "wrong", "SignatureDoesNotMatch"),
        ("QUICKSTACKUNKNOWN", None, "InvalidAccessKeyId"),
        ("DEVELOPER", "developers-own-secret", "InvalidAccessKeyId"),
    ],
)
def test_wrong_keys_are_refused(
    info: server.ServerInfo, access_key: str | None, secret_key: str | None, code: str
) -> None:
    other = server.ServerInfo(
        info.endpoint,
        access_key or info.access_key,
        secret_key or info.secret_key,
        info.pid,
        info.folder,
        True,
    )
    with pytest.raises(ClientError) as caught:
        s3(other).list_buckets()
    assert caught.value.response["Error"]["Code"] == code


def test_no_bucket_that_nobody_made(info: server.ServerInfo) -> None:
    assert [bucket["Name"] for bucket in s3(info).list_buckets()["Buckets"]] == ["objects"]
    with pytest.raises(ClientError) as caught:
        s3(info).put_object(Bucket="mistyped", Key="key", Body=b"")
    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"
    with pytest.raises(ClientError) as caught:
        s3(info).delete_bucket(Bucket="objects")
    assert caught.value.response["Error"]["Code"] == "BucketNotEmpty"
