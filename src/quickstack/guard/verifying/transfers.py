"""Push and pull as DVC does, and whole also after one that was killed.

DVC 3.67 (dvc-data 3.18) notes on disk which objects a version consists of, output by output, and
the next command takes whatever is noted for the whole. After a push or pull that was killed
meanwhile, plain `dvc push` sends a part and succeeds. No setting of DVC changes that, so here the
note is dropped first, and afterwards the remotes are looked at.

A server that is silent holds DVC for minutes. So each remote is asked before, and again and again
meanwhile: one that is slow is waited for, one that no longer answers ends the transfer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

from quickstack.facts.errors import StorageError
from quickstack.guard.verifying.stored_objects import put_back, sentences, unpushed
from quickstack.runtime.repository.killed_writes import works_here
from quickstack.runtime.repository.needed_objects import WORKSPACE, needs
from quickstack.runtime.storage.health_check import check_remote, failure
from quickstack.runtime.stores.diagnosis import patience
from quickstack.runtime.stores.object_stores import require_answer
from quickstack.runtime.stores.remotes import RESTRICTED, SHARED, Remote, dvc_config, read_remote

#: Seconds between two looks at the remotes, and the looks in a row that end a transfer.
_INTERVAL, _SILENCES = 3, 3


def forget_collected(root: Path) -> None:
    """Let DVC's next command collect anew which objects a version consists of.

    Raises
    ------
    QuickstackError
        Where another command of DVC is at work.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo, repo.lock:
            repo.drop_data_index()
    except LockError:
        raise works_here(root) from None


def transfer(root: Path, what: Literal["push", "pull"], arguments: list[str]) -> int:
    """Call `dvc push` or `dvc pull` with the same arguments, and return its exit code.

    Raises
    ------
    StorageError
        Where a remote does not answer, or no longer.
    """
    forget_collected(root)
    remotes = _asked(root, [what, *arguments])
    for remote in remotes:
        _require(remote, what)
    command = [sys.executable, "-m", "dvc", what, *arguments]
    # DVC draws its bars on a terminal only, and its errors go through here.
    shown = {"DVC_IGNORE_ISATTY": "1"} if sys.stderr.isatty() else {}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **shown}) as process:
        held: list[bytes] = []
        reader = threading.Thread(target=_forward, args=(process, held))
        reader.start()
        try:
            silent = _watched(process, remotes)
        finally:
            process.kill()
        reader.join()
    if silent is not None:
        raise silent
    if process.returncode:
        for remote in remotes:
            _require(remote, what)
            if what == "push":
                _require_writable(remote)
        text = b"".join(held).decode("utf-8", "replace").partition("\nHaving any troubles?")[0]
        sys.stderr.write(f"{text.strip()}\n")
    return process.returncode


def _asked(root: Path, arguments: list[str]) -> list[Remote]:
    """Return the remotes that a transfer goes to."""
    from dvc.cli import parse_args

    asked = parse_args(arguments).remote
    default = asked or str(dvc_config(root)["core"].get("remote", SHARED))
    named = {need.remote for need in needs(root, {WORKSPACE: ""}, default, lambda _: None)}
    return [read_remote(root, name) for name in sorted({asked} if asked else {default, *named})]


def _require(remote: Remote, what: str) -> None:
    try:
        require_answer(remote)
    except StorageError as error:
        if what == "pull" and remote.name == RESTRICTED:
            error.fix = (
                f"{error.fix}; to bring what needs no access to it: quickstack pull "
                f"--remote {SHARED} --allow-missing"
            )
        raise


def _require_writable(remote: Remote) -> None:
    """Say why a server that answers takes nothing: DVC's own words do not."""
    if failed := failure(check_remote(remote)):
        raise StorageError(failed.sentence.removesuffix("."), where=f"remote {remote.name}")


def _watched(process: subprocess.Popen[bytes], remotes: list[Remote]) -> StorageError | None:
    """Wait for DVC; return what a remote's silence means, when it lasts."""
    silences = 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_INTERVAL)
            return None
        try:
            for remote in remotes:
                # A server that is busy with this transfer takes its time.
                require_answer(remote, _INTERVAL * patience())
            silences = 0
        except StorageError as error:
            silences += 1
            if silences == _SILENCES:
                return error


def _forward(process: subprocess.Popen[bytes], held: list[bytes]) -> None:
    """Show what DVC says of its progress; hold back what it says of errors."""
    assert process.stderr is not None
    while piece := os.read(process.stderr.fileno(), 1 << 16):
        before, error, after = piece.partition(b"ERROR:") if not held else (b"", b"", piece)
        if before:
            sys.stderr.write(before.decode("utf-8", "replace"))
            sys.stderr.flush()
        if error or after:
            held.append(error + after)


def lacking(root: Path, arguments: list[str]) -> tuple[int, list[str]]:
    """Look, after a push, whether the remotes hold what the workspace pins; put back what is here.

    Parameters
    ----------
    arguments
        Of the push. One of chosen targets is not looked at, one to a named remote only there.

    Returns
    -------
    int
        How many objects were put back, which DVC had left out.
    list of str
        One sentence for each output that a remote still lacks.
    """
    from dvc.cli import parse_args

    asked = parse_args(["push", *arguments])
    if asked.targets:
        return 0, []
    missing = unpushed(root, {WORKSPACE: "this state"}, asked.remote)
    still = list(put_back(root, missing))
    said = [sentence.rpartition("; ")[0] for sentence in sentences(still)]
    return len(missing) - len(still), said
