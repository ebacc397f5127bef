"""What the health check says about a remote: everything well, and each way in which it is not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, SSOTokenLoadError

from helpers import make_repository
from quickstack.runtime.storage.health_check import (
    CHECKS,
    Result,
    Status,
    check_remote,
    failure,
)
from quickstack.runtime.stores.diagnosis import CODES, diagnose
from quickstack.runtime.stores.remotes import Remote, read_remote
from quickstack.runtime.stores.s3 import masked
from servers import S3Server

SECRET = "s3cr3t-never-shown-0123456789"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each server its time; what never answers is a test of its own, with little patience."""
    monkeypatch.setenv("QUICKSTACK_PATIENCE", "600")


def settings_of(server: S3Server, **other: str) -> dict[str, str]:
    return {
        "url": "s3://checked/dvc",
        "endpointurl": server.endpoint,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        **other,
    }


def remote_with(tmp_path: Path, settings: dict[str, str]) -> Remote:
    return read_remote(make_repository(tmp_path, {"storage": settings}))


def run(remote: Remote) -> dict[str, Result]:
    results = check_remote(remote)
    assert [result.check for result in results] == list(CHECKS)
    secret = remote.settings.get("secret_access_key")
    for result in results:
        assert "Traceback" not in result.sentence
        assert SECRET not in result.sentence
        assert secret is None or secret not in result.sentence
        if result.status == Status.FAILED:
            assert "To fix it: " in result.sentence
    return {result.check: result for result in results}


def statuses(results: dict[str, Result]) -> str:
    """Return the outcome of all checks as letters, in order: o(k), f(ailed), n(ot checked)."""
    return "".join(result.status.value[0] for result in results.values())


def s3_of(server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
    )


@pytest.fixture(scope="module")
def checked(s3_server: S3Server) -> S3Server:
    s3_of(s3_server).create_bucket(Bucket="checked")
    return s3_server


def test_all_well(tmp_path: Path, checked: S3Server) -> None:
    results = run(remote_with(tmp_path, settings_of(checked)))
    assert statuses(results) == "oooooo"
    assert failure(results.values()) is None
    assert masked(checked.access_key) in results["identity"].sentence
    assert checked.access_key not in results["identity"].sentence
    assert ".dvc/config.local" in results["identity"].sentence.replace("\\", "/")
    assert checked.endpoint in results["endpoint"].sentence
    assert s3_of(checked).list_objects_v2(Bucket="checked")["KeyCount"] == 0, "its object stayed"


@pytest.mark.parametrize(
    ("wrong", "check", "expected", "fix"),
    [
        ({"secret_access_key": SECRET}, "identity", "secret key is not that of", "AWS variables"),
        ({"access_key_id": "UNKNOWN0123456789"}, "identity", "does not know this", "AWS variables"),
        ({"url": "s3://nowhere/dvc"}, "bucket", "bucket nowhere does not exist", "storage start"),
        ({"url": "s3://no bucket/dvc"}, "bucket", "is not allowed", "3 to 63 small letters"),
    ],
)
def test_refused_by_the_server(
    tmp_path: Path, checked: S3Server, wrong: dict[str, str], check: str, expected: str, fix: str
) -> None:
    results = run(remote_with(tmp_path, settings_of(checked, **wrong)))
    assert results[check].status == Status.FAILED
    assert expected in results[check].sentence
    assert fix in results[check].sentence
    if "not allowed" not in expected:  # which boto3 finds before it asks
        assert results["endpoint"].status == Status.OK
    others = [results[name] for name in ("list", "read", "write")]
    assert {result.status for result in others} == {Status.NOT_CHECKED}


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Listen, take connections, and send these bytes, or nothing at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                taken.append(connection)
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in taken:
            connection.close()


KEYS = {"access_key_id": "AKIAQUITEINVENTED", "secret_access_key": SECRET}
HTML = b"<html><body>no S3 here</body></html>"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("answer", "expected", "fix"),
    [
        (b"", "breaks the connection off", "http or https"),
        (b"SSH-2.0-OpenSSH_9\r\n", "", "address"),
        (NOT_FOUND % (len(HTML), HTML), "answers, but not as S3", "correct the address"),
        (b"HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n", "out of order", "try again"),
    ],
)
def test_server_that_is_no_s3(tmp_path: Path, answer: bytes, expected: str, fix: str) -> None:
    with listening(answer) as address:
        results = run(remote_with(tmp_path, {"endpointurl": address, **KEYS}))
    assert statuses(results) == "ofnnnn"
    assert expected in results["endpoint"].sentence
    assert fix in results["endpoint"].sentence
    assert address in results["endpoint"].sentence


def test_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once: what is not checked after that costs no patience either."""
    monkeypatch.setenv("QUICKSTACK_PATIENCE", "1")
    with listening(None) as address:
        results = run(remote_with(tmp_path, {"endpointurl": address, **KEYS}))
    assert statuses(results) == "ofnnnn"
    assert "takes the connection and does not answer within 1 s" in results["endpoint"].sentence
    assert "restart that server" in results["endpoint"].sentence


def test_server_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out of reading never comes when a byte comes each second."""
    monkeypatch.setenv("QUICKSTACK_PATIENCE", "2")
    ended = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            while not ended.wait(1):
                self.wfile.write(b"<")
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Drip) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        results = run(remote_with(tmp_path, {"endpointurl": address, **KEYS}))
        ended.set()
        server.shutdown()
    assert "does not answer within 2 s" in results["endpoint"].sentence


@pytest.mark.parametrize(
    ("address", "expected", "fix"),
    [
        ("http://127.0.0.1:9", "connection refused", "quickstack storage start"),
        ("http://s3.invalid:9", "The name of http://s3.invalid:9 is unknown", "VPN"),
        ("http://me:pass-word@127.0.0.1:9", "Nothing listens at http://127.0.0.1:9", "start"),
        ("just-a-name", "address of the server is not a web address", "https://HOST:PORT"),
        ("http://127.0.0.1:notaport", "", "address"),
    ],
)
def test_address_that_nobody_answers(tmp_path: Path, address: str, expected: str, fix: str) -> None:
    results = run(remote_with(tmp_path, {"endpointurl": address, **KEYS}))
    failed = failure(results.values())
    assert failed is not None
    assert failed.check == "endpoint"
    assert expected in failed.sentence
    assert fix in failed.sentence
    assert "pass-word" not in failed.sentence


def test_tls_where_there_is_none(tmp_path: Path, seaweedfs: S3Server) -> None:
    address = seaweedfs.endpoint.replace("http:", "https:")
    results = run(remote_with(tmp_path, settings_of(seaweedfs, endpointurl=address)))
    assert "TLS" in results["endpoint"].sentence


def test_no_credentials(tmp_path: Path) -> None:
    results = run(remote_with(tmp_path, {}))
    assert statuses(results) == "fnnnnn"
    assert "No credentials were found" in results["identity"].sentence
    assert "AWS_PROFILE" in results["identity"].sentence
    results = run(remote_with(tmp_path, {"endpointurl": "http://127.0.0.1:9"}))
    assert "quickstack storage start" in results["identity"].sentence


def test_profile_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run(remote_with(tmp_path, {"profile": "no-team"}))
    assert statuses(results) == "fnnnnn"
    assert "There is no AWS profile no-team" in results["identity"].sentence
    monkeypatch.setenv("AWS_PROFILE", "also-none")
    results = run(remote_with(tmp_path, {}))
    assert "also-none" in results["identity"].sentence


def test_half_of_the_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAQUITEINVENTED")
    results = run(remote_with(tmp_path, {}))
    assert "The credentials lack AWS_SECRET_ACCESS_KEY" in results["identity"].sentence
    results = run(remote_with(tmp_path, {"access_key_id": "AKIAQUITEINVENTED"}))
    assert "The credentials lack" in results["identity"].sentence


def test_unreadable_aws_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(f"{SECRET}\n[")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    results = run(remote_with(tmp_path, {}))
    assert "AWS configuration file cannot be read" in results["identity"].sentence


def test_identity_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seaweedfs: S3Server
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    results = run(remote_with(tmp_path, {"url": "s3://nowhere/dvc"}))
    assert "from the AWS variables" in results["identity"].sentence
    assert seaweedfs.secret_key not in "".join(r.sentence for r in results.values())
    assert results["bucket"].status == Status.FAILED


@pytest.mark.parametrize(
    ("denied", "outcome", "failed"),
    [
        (("s3:ListBucket",), "oonfoo", {"list": "may not list guarded"}),
        (("s3:PutObject",), "oooonf", {"write": "may not write to guarded"}),
        (("s3:GetObject",), "oooofo", {"read": "may not read guarded"}),
        (("s3:DeleteObject",), "ooooof", {"write": "may not delete in guarded"}),
        (
            ("s3:ListBucket", "s3:PutObject", "s3:GetObject"),
            "oonfnf",
            {"list": "may not list", "write": "may not write"},
        ),
    ],
)
def test_access_denied(
    tmp_path: Path, ceph: S3Server, denied: tuple[str, ...], outcome: str, failed: dict[str, str]
) -> None:
    """On Ceph, whose access rules are real: all may do all, but for what is denied."""
    s3 = s3_of(ceph)
    s3.create_bucket(Bucket="guarded")
    resources = ["arn:aws:s3:::guarded", "arn:aws:s3:::guarded/*"]
    rule = {"Principal": "*", "Resource": resources}
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": list(denied), **rule}],
    }
    s3.put_bucket_policy(Bucket="guarded", Policy=json.dumps(policy))
    try:
        results = run(remote_with(tmp_path, settings_of(ceph, url="s3://guarded/dvc")))
    finally:
        s3.delete_bucket_policy(Bucket="guarded")
    assert statuses(results) == outcome
    for check, expected in failed.items():
        assert expected in results[check].sentence
        assert "configuration/aws/" in results[check].sentence


def test_reader_is_tried_on_an_object_that_exists(tmp_path: Path, ceph: S3Server) -> None:
    s3 = s3_of(ceph)
    s3.create_bucket(Bucket="for-readers")
    s3.put_object(Bucket="for-readers", Key="dvc/files/md5/aa/bb", Body=b"")
    rule = {"Principal": "*", "Resource": "arn:aws:s3:::for-readers/*"}
    statement = {"Effect": "Deny", "Action": "s3:PutObject", **rule}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="for-readers", Policy=json.dumps(policy))
    results = run(remote_with(tmp_path, settings_of(ceph, url="s3://for-readers/dvc")))
    assert statuses(results) == "ooooof"


@pytest.mark.parametrize("code", [*CODES, "404", "SomethingNew", "{curly}"])
def test_every_code_has_a_sentence(tmp_path: Path, code: str) -> None:
    remote = remote_with(tmp_path, KEYS)
    error = ClientError({"Error": {"Code": code, "Message": SECRET}}, "ListObjectsV2")
    found = diagnose(error, remote, action="list")
    sentence = str(found.error(remote))
    assert "{" not in sentence
    assert SECRET not in sentence
    assert sentence.startswith("remote storage: ")


def test_expired_log_in(tmp_path: Path) -> None:
    error = SSOTokenLoadError(error_msg=SECRET)
    sentence = diagnose(error, remote_with(tmp_path, KEYS)).what
    assert "session of these credentials is over" in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize(
    ("key", "shown"), [("AKIAIOSFODNN7EXAMPLE", "AKIA…MPLE"), ("short", "…"), ("", "…")]
)
def test_masked(key: str, shown: str) -> None:
    assert masked(key) == shown
