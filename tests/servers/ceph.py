"""Ceph RGW from Debian packages, started by hand: one monitor, one OSD, one gateway.

No root, no systemd, no manager daemon and no cephx. It is the stricter of the two servers:
it checks the signature and the hash of each body, and its access rules are real.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from . import S3Server, end, free_ports, new_keys

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph", "setpriv")

# One copy of everything on one disk; nothing asks for keys among the daemons, which only listen
# on loopback. The two paxos lines halve the start: each new pool waits for a round of it.
# The gateway's own section undoes the `secure` mode that it has built in, in which it hangs.
CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = {low}
ms_bind_port_max = {high}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_data = {folder}/mon
osd_data = {folder}/osd
run_dir = {folder}
admin_socket = {folder}/$name.$pid.sock
log_file = {folder}/$name.log
mon_cluster_log_file = {folder}/cluster.log
crash_dir = {folder}
osd_objectstore = bluestore
bluestore_block_size = 21474836480
bluestore_fsck_on_mkfs = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
mon_data_avail_warn = 0
mon_data_avail_crit = 0
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_thread_pool_size = 32
rgw_crypt_require_ssl = false
rgw_crypt_default_encryption_key = {encryption_key}
[client.rgw.a]
ms_mon_client_mode = crc
"""


@contextmanager
def running() -> Iterator[S3Server]:
    """Start Ceph RGW in a temporary folder; end it and remove the folder afterwards."""
    # Paths of Unix sockets end at 107 bytes, hence not in one of pytest's deep folders.
    folder = Path(tempfile.mkdtemp(prefix="ceph-"))
    daemons: list[subprocess.Popen[bytes]] = []
    access_key, secret_key = new_keys()
    port, mon, *others = free_ports(30)
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    text = CONFIGURATION.format(
        folder=folder,
        fsid=fsid,
        port=port,
        mon=mon,
        low=others[0],
        high=others[-1],
        encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    try:
        (folder / "ceph.conf").write_text(text, encoding="utf-8")
        for name in ("mon", "osd"):
            (folder / name).mkdir()
        address = f"[v2:127.0.0.1:{mon}]"
        _run(folder, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, "monmap")
        _run(folder, "ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        daemons.insert(0, _daemon(folder, "ceph-mon", "-i", "a"))
        number = _run(folder, "ceph", "osd", "new", osd).strip()
        _run(folder, "ceph-osd", "--mkfs", "-i", number, "--osd-uuid", osd)
        daemons.insert(0, _daemon(folder, "ceph-osd", "-i", number))
        keys = (f"--access-key={access_key}", f"--secret-key={secret_key}")
        user = ("user", "create", "--uid=dvc", "--display-name=dvc", *keys)
        _run(folder, "radosgw-admin", "-n", "client.rgw.a", *user)
        # First in the list, so ended first: it hangs when its OSD ends before it.
        daemons.insert(0, _daemon(folder, "radosgw", "-n", "client.rgw.a"))
        _wait_for_gateway(port, daemons[0], folder)
        yield S3Server("ceph", f"http://127.0.0.1:{port}", access_key, secret_key, folder)
    finally:
        end(daemons)
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}
    return {**clean, "CEPH_CONF": str(folder / "ceph.conf")}


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} exited {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def _daemon(folder: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / f"{program}.out").open("wb") as output:
        return subprocess.Popen(
            # It ends with us even if we are killed, when nobody is left to end it.
            ["setpriv", "--pdeathsig", "TERM", program, "-f", *arguments],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _wait_for_gateway(port: int, gateway: subprocess.Popen[bytes], folder: Path) -> None:
    while gateway.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            # Its list of buckets is open to everybody, and empty for them.
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    log = (folder / "radosgw.out").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"radosgw did not come up:\n{log[-2000:]}")
