"""Publishing that is killed, or whose server breaks off, while readers look all the time."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3

from publishing.cases import look, make_job
from quickstack.facts.errors import QuickstackError
from quickstack.results.publishing.published_runs import rollback
from quickstack.results.publishing.publisher import publish
from quickstack.results.publishing.readers_place import BucketPlace, FolderPlace
from quickstack.runtime.stores.remotes import Remote

#: Processes begin as copies of this one, so that a kill hits publishing and not its imports.
PROCESSES = multiprocessing.get_context("fork")
#: Larger files of each run, and their bytes.
FILES, SIZE = 10, 200_000


@dataclass(frozen=True)
class Where:
    """A place that a process can open: a folder, or a bucket's settings."""

    folder: Path | None = None
    remote: Remote | None = None

    def open(self) -> Any:
        """Open it for a publisher."""
        return FolderPlace(self.folder) if self.folder else BucketPlace(self.remote)

    def reader(self) -> Callable[[str], bytes | None]:
        """Give what reads a file as a consumer does, without this project's code."""
        if self.folder:
            folder = self.folder

            def read_file(path: str) -> bytes | None:
                try:
                    return (folder / path).read_bytes()
                except FileNotFoundError:
                    return None

            return read_file
        remote = self.remote
        s3 = boto3.client(
            "s3",
            endpoint_url=remote.settings["endpointurl"],
            aws_access_key_id=remote.settings["access_key_id"],
            aws_secret_access_key=remote.settings["secret_access_key"],
            region_name="us-east-1",
        )

        def read_object(path: str) -> bytes | None:
            try:
                return s3.get_object(Bucket=remote.bucket, Key=remote.key(path))["Body"].read()
            except s3.exceptions.NoSuchKey:
                return None

        return read_object


@dataclass
class Tally:
    """What happened."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """Return it as one line."""
        return ", ".join(f"{name} {count:,}" for name, count in sorted(self.counts.items()))


def child(where: Where, folder: Path, number: int, ready: Any) -> None:
    """Publish run `number`; `ready` is set at the start, or for even ones when sending begins."""
    job = make_job(where.open(), folder, number, size=SIZE, files=FILES)

    def begin(_: int) -> Callable[[int], None]:
        ready.set()
        return lambda _: None

    if number % 2:
        ready.set()
    publish(replace(job, begin=begin))


def begun(where: Where, folder: Path, number: int) -> Any:
    """Give a process that has just begun to publish run `number`."""
    ready = PROCESSES.Event()
    process = PROCESSES.Process(target=child, args=(where, folder, number, ready))
    process.start()
    assert ready.wait(1200), f"run {number} did not begin"
    return process


def reader(where: Where, stop: Any, found: Any) -> None:
    """Look until told to stop; put how often, how many different runs, and what was wrong."""
    read, looks, runs, wrong = where.reader(), 0, dict[str, str](), []
    while not stop.is_set():
        try:
            shown = look(read)
        except AssertionError as error:
            wrong.append(str(error))
            continue
        looks += 1
        time.sleep(0.02)  # leaves the processors to the publisher
        if shown is not None and runs.setdefault(*shown) != shown[1]:
            wrong.append(f"{shown[0]}: its bytes changed")
    found.put((looks, len(runs), wrong))


@contextlib.contextmanager
def watched(where: Where, tally: Tally, readers: int = 2) -> Iterator[None]:
    """Let readers look until the end of the block."""
    stop, found = PROCESSES.Event(), PROCESSES.Queue()
    looking = [
        PROCESSES.Process(target=reader, args=(where, stop, found), daemon=True)
        for _ in range(readers)
    ]
    for process in looking:
        process.start()
    try:
        yield
    finally:
        stop.set()
        for _ in looking:
            looks, runs, wrong = found.get(timeout=1200)
            tally.counts["looks"] += looks
            tally.counts["different runs seen by readers"] += runs
            tally.wrong += wrong
        for process in looking:
            process.join()


def killed(where: Where, folder: Path, kills: int, dice: random.Random) -> Tally:
    """Kill so many publications at random moments, finish each, and roll all back."""
    tally, read = Tally(), where.reader()
    history: list[tuple[str, str]] = []
    lasts = [0.0, 0.0]
    for number in (1, 2, 3, 4):
        process = begun(where, folder, number)
        began = time.monotonic()
        process.join()
        lasts[number % 2] = time.monotonic() - began
        history.append(look(read))
    with watched(where, tally):
        number = 4
        while tally.counts["killed"] < kills:
            number += 1
            process = begun(where, folder, number)
            process.join(dice.uniform(0, 1.2 * lasts[number % 2]))
            process.kill()
            process.join()
            hit = process.exitcode == -9
            tally.counts["killed" if hit else "ended before the kill"] += 1
            shown = look(read)
            job = make_job(where.open(), folder, number, size=SIZE, files=FILES)
            outcome = publish(job)
            after = look(read)
            if shown == history[-1]:
                tally.counts["kills before the switch"] += 1
                again = outcome.sent <= len(outcome.built.files)
                tally.counts["reruns that went on where it stopped"] += again
            elif shown == after and outcome.built is None:
                tally.counts["kills after the switch"] += hit
            else:
                tally.wrong.append(f"after kill {number}: neither the old run nor the new one")
            if after[0] != outcome.run or after in history:
                tally.wrong.append(f"the rerun of {number} did not complete")
            history.append(after)
        for before in reversed(history[:-1]):
            rollback(where.open(), tell=lambda _: None)
            if look(read) != before:
                tally.wrong.append(f"rollback to {before[0]} did not return the earlier bytes")
            tally.counts["rollbacks to the earlier bytes"] += 1
    return tally


class Cutter:
    """A proxy in front of a server that cuts each connection after some bytes, both ways counted.

    Parameters
    ----------
    budget
        Called for each connection: the bytes after which it is cut, or None.
    """

    def __init__(self, target: tuple[str, int], budget: Callable[[], int | None]) -> None:
        self._target, self._budget = target, budget
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        left = self._budget()
        lock = threading.Lock()
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return

        def end() -> None:
            for one in (client, server):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

        def pump(source: socket.socket, sink: socket.socket) -> None:
            nonlocal left
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 14):
                    with lock:
                        if left is not None:
                            data, left = data[: max(left, 0)], left - len(data)
                            cut = left <= 0
                        else:
                            cut = False
                    sink.sendall(data)
                    if cut:
                        self.cuts += 1
                        break
            end()

        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)


def broken(where: Where, folder: Path, rounds: int, dice: random.Random) -> Tally:
    """Publish through a server that breaks off: at first four times, then more or less often."""
    tally, read = Tally(), where.reader()
    remote = where.remote
    assert remote is not None
    host, port = remote.settings["endpointurl"].removeprefix("http://").split(":")
    publish(make_job(where.open(), folder, 1, size=SIZE, files=FILES))
    before = look(read)
    with watched(where, tally):
        for number in range(2, rounds + 2):
            early = number == 2
            share, first = (0.0, iter(range(4))) if early else (dice.random(), iter(()))

            def budget(
                early: bool = early, share: float = share, first: Iterator[int] = first
            ) -> int | None:
                cut = next(first, None) is not None or dice.random() < share
                return dice.randrange(200, 60_000 if early else 300_000) if cut else None

            cutter = Cutter((host, int(port)), budget)
            settings = {**remote.settings, "endpointurl": f"http://127.0.0.1:{cutter.port}"}
            through = Remote(remote.name, remote.bucket, remote.prefix, settings, local_keys=True)
            try:
                publish(make_job(BucketPlace(through), folder, number, size=SIZE, files=FILES))
                tally.counts["published in spite of cuts"] += 1
            except QuickstackError as error:
                tally.counts["ended with a sentence"] += 1
                if "To fix it" not in error.sentence():
                    tally.wrong.append(error.sentence())
            cutter.close()
            tally.counts["connections cut"] += cutter.cuts
            shown = look(read)
            outcome = publish(make_job(where.open(), folder, number, size=SIZE, files=FILES))
            after = look(read)
            if shown not in (before, after) or after[0] != outcome.run:
                tally.wrong.append(f"round {number}: neither the old run nor the new one")
            before = after
    return tally
