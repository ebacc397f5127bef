"""Commands beside servers that do wrong: one sentence, and nothing is waited for in vain.

`make prove-servers` runs all commands beside all of them.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prove.servers import COMMANDS, make, point, state, wrong
from quickstack.cli.main import app
from quickstack.facts.errors import StorageError
from quickstack.guard.verifying import transfers
from quickstack.runtime.stores.diagnosis import StoreError
from quickstack.runtime.stores.object_stores import require_answer
from quickstack.runtime.stores.remotes import Remote, read_remote
from servers import S3Server
from servers.hostile import listening

SENTENCES = {
    "hangs": "takes the connection and does not answer within 0.5 s",
    "drips": "takes the connection and does not answer within 0.5 s",
    "resets": "breaks the connection off",
    "other region": "lies in another region",
    "web page": "not as an S3 server does",
    "wrong keys": "does not know this access key id",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make(tmp_path / "project")
    monkeypatch.chdir(root)
    monkeypatch.setenv("QUICKSTACK_PATIENCE", "0.5")
    return root


@pytest.mark.parametrize("behaviour", SENTENCES)
def test_each_remote_is_asked_before_anything_waits_for_it(
    project: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if behaviour not in ("hangs", "drips"):
        monkeypatch.setenv("QUICKSTACK_PATIENCE", "30")
    with listening(behaviour) as address:
        point(project, address)
        before = state(project)
        for name in ("runs", "rollback", "push", "pull", "land s3"):
            command = [word.format(address=address) for word in COMMANDS[name]]
            done = CliRunner().invoke(app, command)
            assert SENTENCES[behaviour] in done.output.replace("\n", " "), name
            assert not wrong(done.exit_code, done.output, state(project) == before), name
    assert "region eu-north-1`" in done.output or behaviour != "other region"


@pytest.mark.parametrize("behaviour", ["hangs", "drips", "answers 500"])
def test_a_file_that_does_not_come(project: Path, behaviour: str) -> None:
    with listening(behaviour) as address:
        done = CliRunner().invoke(app, ["land", "http", "orders", f"{address}/orders.csv"])
    assert not wrong(done.exit_code, done.output, same=True)
    expected = "out of order" if behaviour == "answers 500" else "does not answer within 0.5 s"
    assert expected in done.output


def test_a_silent_server_is_asked_once_for_all_its_buckets(project: Path) -> None:
    with listening("hangs") as address:
        point(project, address)
        with pytest.raises(StoreError, match="does not answer"):
            require_answer(read_remote(project, "storage"))
    # It is gone now, and would be refused.
    with pytest.raises(StoreError, match=r"remote restricted: .* does not answer"):
        require_answer(read_remote(project, "restricted"))


def test_why_a_push_failed_is_said_by_the_health_check(project: Path) -> None:
    with listening("no bucket") as address:
        point(project, address)
        with pytest.raises(StorageError, match=r"remote storage: The bucket bucket does not exist"):
            transfers._require_writable(read_remote(project, "storage"))


@contextmanager
def relay(server: S3Server) -> Iterator[tuple[str, threading.Event]]:
    """Stand before a real server; it no longer answers once the event is set."""
    dead = threading.Event()
    target = server.endpoint.removeprefix("http://").split(":")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)

        def pump(source: socket.socket, sink: socket.socket) -> None:
            try:
                while piece := source.recv(1 << 16):
                    if dead.is_set():
                        threading.Event().wait(30)
                    sink.sendall(piece)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def serve() -> None:
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return
                far = socket.create_connection((target[0], int(target[1])))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", dead


def test_a_server_that_dies_meanwhile_ends_the_transfer(
    project: Path, monkeypatch: pytest.MonkeyPatch, seaweedfs: S3Server
) -> None:
    """DVC itself would wait for minutes; a living server is waited for."""
    monkeypatch.setattr(transfers, "_INTERVAL", 0.2)
    keys = {"access_key_id": seaweedfs.access_key, "secret_access_key": seaweedfs.secret_key}
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    with relay(seaweedfs) as (address, dead):
        remote = Remote("storage", "watched", "", {"endpointurl": address, **keys}, True)
        monkeypatch.setenv("QUICKSTACK_PATIENCE", "60")
        from quickstack.runtime.stores.s3 import create_buckets

        create_buckets([remote])
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"]) as transfer:
            assert transfers._watched(transfer, [remote]) is None
        monkeypatch.setenv("QUICKSTACK_PATIENCE", "0.5")
        dead.set()
        with subprocess.Popen(sleeping) as transfer:
            found = transfers._watched(transfer, [remote])
            transfer.kill()
    assert "does not answer" in str(found)
