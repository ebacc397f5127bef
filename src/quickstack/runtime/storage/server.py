"""The local S3 server: a real one, SeaweedFS, on loopback, with its own keys.

Everything it needs lies in `.quickstack/storage/`, which git ignores: the objects, the key file,
the logs, and `state.json`, which says at which port and under which process id it runs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path
from typing import Any

from quickstack.facts.errors import StorageError
from quickstack.runtime.storage import seaweedfs

FOLDER = Path(".quickstack/storage")


@dataclass(frozen=True)
class ServerInfo:
    """A running local S3 server."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    pid: int
    folder: Path
    already_running: bool


def start(root: Path, *, timeout: float = 30) -> ServerInfo:
    """Start the server of a repository in the background, or find it running.

    Keys and objects of an earlier start are used again, and so is its port where it is free.

    Parameters
    ----------
    root
        Root of the repository.
    timeout
        Seconds to wait until it answers.

    Returns
    -------
    ServerInfo
        Where it is and its keys.

    Raises
    ------
    StorageError
        When it is not installed, finds no free ports, or does not come up.
    """
    running = status(root)
    if running is not None:
        port = int(running.endpoint.rpartition(":")[2])
        _wait(port, lambda: _process(root) is not None, root, timeout)
        return running
    program, folder = seaweedfs.program(), _folder(root)
    (folder / seaweedfs.DATA).mkdir(parents=True, exist_ok=True, mode=0o700)
    # Raw data may lie here: never to be added to git, whatever the repository ignores.
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    seaweedfs.read_or_make_keys(folder)
    for port in islice(seaweedfs.free_ports(_state(root).get("port")), 3):
        try:
            _launch(root, [str(program), *seaweedfs.arguments(folder, port)], port, timeout)
        except StorageError:
            # Another program may have taken a port between our look and the start.
            if "Port allocation failed" in _log(root):
                continue
            stop(root)
            raise
        return _info(root, already_running=False)
    raise StorageError(
        "The local S3 server found no free ports",
        where=f"ports {seaweedfs.FIRST_PORT} to {seaweedfs.LAST_PORT} of 127.0.0.1",
        fix="end other programs that listen there, then run `quickstack storage start` again",
    )


def stop(root: Path, *, patience: float = 10) -> bool:
    """End the server of a repository; its objects and keys stay.

    Returns
    -------
    bool
        Whether it was running.
    """
    import psutil

    process = _process(root)
    if process is None:
        return False
    try:
        # On Windows this ends it at once; no acknowledged object is lost by that either.
        process.terminate()
        process.wait(patience)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(patience)
    except psutil.NoSuchProcess:
        pass
    return True


def status(root: Path) -> ServerInfo | None:
    """Return the running server of a repository, or None."""
    return _info(root, already_running=True) if _process(root) is not None else None


def _folder(root: Path) -> Path:
    return root.resolve() / FOLDER


def _state(root: Path) -> dict[str, int]:
    try:
        state = json.loads((_folder(root) / "state.json").read_text(encoding="utf-8"))
        return {"port": int(state["port"]), "pid": int(state["pid"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _info(root: Path, *, already_running: bool) -> ServerInfo:
    state, folder = _state(root), _folder(root)
    access_key, secret_key = seaweedfs.read_or_make_keys(folder)
    endpoint = f"http://127.0.0.1:{state['port']}"
    return ServerInfo(endpoint, access_key, secret_key, state["pid"], folder, already_running)


def _process(root: Path) -> Any:
    """Return the server's process, unless its id now belongs to another program."""
    import psutil

    pid = _state(root).get("pid")
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        ours = f"-dir={_folder(root) / seaweedfs.DATA}" in process.cmdline()
    except psutil.Error:
        return None
    return process if ours else None


def _launch(root: Path, command: list[str], port: int, timeout: float) -> None:
    folder = _folder(root)
    shutil.rmtree(folder / seaweedfs.LOGS, ignore_errors=True)
    (folder / seaweedfs.LOGS).mkdir()
    # It looks for this file in the folder where it runs.
    seaweedfs.write_tokens(folder / "security.toml")
    process = _detached(command, folder)
    state = json.dumps({"port": port, "pid": process.pid})
    (folder / "state.json").write_text(state, encoding="utf-8")
    _wait(port, lambda: process.poll() is None, root, timeout)


def _detached(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that lives on when this one, or its terminal, ends."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with (folder / "output.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=seaweedfs.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=flags,
        )


def _wait(port: int, alive: Callable[[], bool], root: Path, timeout: float) -> None:
    """Wait until the server is ready: its ports are open well before that."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not alive():
            break
        if _ready(port):
            return
        time.sleep(0.1)
    what = "does not answer" if alive() else "ended as it started"
    raise StorageError(
        f"The local S3 server {what}. The end of its log:\n{_log(root)}\n",
        where=str(_folder(root) / "output.log"),
        fix="read the log, free its ports or disk space, and run `quickstack storage start` again",
    )


def _ready(port: int) -> bool:
    """Say whether S3 asks for keys, and the master has found the part that holds the objects.

    On a busy machine the second comes seconds after the first; until then every object fails.
    """
    if ask(port, "/")[0] != 403:
        return False
    answer, body = ask(port + seaweedfs.MASTER, "/dir/status")
    try:
        return answer == 200 and json.loads(body)["Topology"]["Max"] > 0
    except (ValueError, LookupError, TypeError):
        return False


def ask(port: int, path: str, seconds: float = 2) -> tuple[int, bytes]:
    """Return status and body of an answer on this machine; 0 where there is none in time."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def _log(root: Path, lines: int = 8) -> str:
    """Return the end of the log: its errors, where there are some, without Go's stack traces."""
    try:
        text = (_folder(root) / "output.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    written = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in written if line[:1] in "EF" and line[1:5].isdigit()]
    return "\n".join((errors or written)[-lines:]) or "(the log is empty)"
