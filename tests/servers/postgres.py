"""PostgreSQL from Debian packages, started by hand on loopback in a temporary folder."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import end, free_ports

#: Where Debian keeps the programs of each version, which are not on PATH.
FOLDER = Path("/usr/lib/postgresql")
USER = "landing"


@dataclass(frozen=True)
class Database:
    """A running PostgreSQL of the tests, and the password of its only user."""

    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """Its address as `quickstack land` takes it."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, the newest where there are several."""
    found = sorted(FOLDER.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    return Path(shutil.which("initdb") or "initdb").resolve().parent


@contextmanager
def running(folder_of_programs: Path) -> Iterator[Database]:
    """Start PostgreSQL; end it and remove its folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    password = secrets.token_urlsafe(18)
    (port,) = free_ports(1)
    (folder / "password").write_text(password, encoding="ascii")
    start: list[str] = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("nobody")
        start += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
    server: subprocess.Popen[bytes] | None = None
    try:
        made = subprocess.run(
            [*start, str(folder_of_programs / "initdb"), "--pgdata", "data", "--username", USER,
             "--pwfile", "password", "--auth", "scram-sha-256", "--encoding", "UTF8",
             "--locale", "C", "--no-sync"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb exited {made.returncode}:\n{made.stderr[-2000:]}")
        settings = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "",
            "fsync": "off", "max_connections": 30,
        }  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*start, str(folder_of_programs / "postgres"), "-D", "data",
                 *(f"--{name}={value}" for name, value in settings.items())],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        database = Database(port, password)
        _wait(database, server, folder / "log")
        yield database
    finally:
        if server is not None:
            server.send_signal(2)  # ends without waiting for connections
            end([server])
        shutil.rmtree(folder, ignore_errors=True)


def _wait(database: Database, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    while server.poll() is None:
        try:
            database.run("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not come up:\n{log.read_text(errors='replace')[-2000:]}")
