"""Real S3 servers for the tests: SeaweedFS from PyPI, and Ceph RGW from Debian packages."""

from __future__ import annotations

import random
import secrets
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class S3Server:
    """A running S3 server of the tests: where it is, and the keys of its only user."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    folder: Path


def new_keys() -> tuple[str, str]:
    """Return a random access key id and secret."""
    return "TEST" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)


def free_ports(count: int, low: int = 12_000, high: int = 22_000) -> list[int]:
    """Return free loopback ports that follow each other, below every system's ephemeral range."""
    for _ in range(200):
        first = random.randrange(low, high - count)
        ports = list(range(first, first + count))
        if all(_is_free(port) for port in ports):
            return ports
    raise RuntimeError(f"no {count} free ports in a row between {low} and {high}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def end(processes: Sequence[subprocess.Popen[bytes]], patience: float = 5) -> None:
    """End processes one after the other: asked first, killed when they do not listen."""
    for process in processes:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
