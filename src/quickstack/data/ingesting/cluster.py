"""Ingest files on a Dask cluster that shares nothing with this machine but, at most, S3.

Each task carries the library's own source, so that a worker runs exactly this checkout and needs
only the packages of requirements.txt. Results come back through S3 where `compute.exchange` names
a place there, and through the scheduler otherwise.
"""

from __future__ import annotations

import io
import pickle
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import quickstack
from quickstack.data.ingesting.cache import ResultCache, code_digest
from quickstack.data.ingesting.outcome import IngestJob, Outcome
from quickstack.data.ingesting.partition import ingest_partition
from quickstack.facts.errors import QuickstackError, SourceError
from quickstack.facts.params import ComputeParams
from quickstack.runtime.compute.partition_map import results

#: Seconds until a scheduler that does not answer is given up.
_PATIENCE = 20
_HERE = "run it without compute.scheduler_address, and QUICKSTACK_TRACEBACK=1 shows more"
#: A task that lost its worker is begun anew this often.
_RETRIES = 3


def ingest_on_cluster(
    jobs: Sequence[tuple[str, IngestJob]],
    compute: ComputeParams,
    store: ResultCache,
    progress: Callable[[str, int, int], None] | None,
) -> list[Outcome]:
    """Ingest files on a cluster; see `quickstack.data.ingesting.parallel.spread`.

    Raises
    ------
    SourceError
        Where no scheduler answers, or the workers fail for good.
    """
    import cloudpickle
    from distributed import Client, KilledWorker, as_completed

    address, code, digest = compute.scheduler_address, _own_code(), code_digest(None)
    try:
        client = Client(address, set_as_default=False, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError):
        raise SourceError(
            "no Dask scheduler answers there",
            where=str(address),
            fix="start it, or set compute.scheduler_address in params.yaml to null",
        ) from None
    done: dict[int, Outcome | QuickstackError] = {}
    try:
        with client:
            futures = {
                client.submit(
                    cloudpickle.loads,
                    _task(code, digest, pickle.dumps((name, job)), compute.exchange),
                    retries=_RETRIES,
                    pure=False,
                ): index
                for index, (name, job) in enumerate(jobs)
            }
            for future, answer in as_completed(futures, loop=client.loop, with_results=True):
                index = futures[future]
                name, job = jobs[index]
                done[index] = _take(answer, name, compute.exchange, store)
                # What is here already must not be made again when its worker is lost.
                future.release()
                if progress is not None and isinstance(taken := done[index], Outcome):
                    progress(job.partition.shown, taken.counts.read, job.partition.size)
    except KilledWorker:
        raise SourceError(
            "the cluster lost its workers again and again over one file",
            where=str(address),
            fix="look at the workers' logs; more memory, or a smaller ingest.block_bytes, may help",
        ) from None
    if compute.exchange:
        _clear(compute.exchange, [name for name, _ in jobs])
    return results([done[index] for index in range(len(jobs))], "file")


def _clear(exchange: str, names: list[str]) -> None:
    """Remove what tasks left that were begun again after their result was here."""
    for name in names:
        store, root = _exchange(exchange, name)
        if store.exists(root):
            store.rm(root, recursive=True)


class _Call:
    """A call that is made where it is unpickled."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call[0], self._call[1:]


def _task(*arguments: Any) -> bytes:
    """Return a pickle whose loading calls `_run` with its code, not with its name.

    A worker knows no function of this library by name, since it may not have the library; Dask
    would fail, or wait forever, over one.
    """
    import cloudpickle

    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(_Call(_run, *arguments))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _run(code: bytes, digest: str, work: bytes, exchange: str | None) -> dict[str, Any]:
    """Begin a task on a worker: put the library in place, then work. Uses nothing but stdlib."""
    import importlib
    import sys
    import tempfile
    from pathlib import Path

    mark = f"quickstack-{digest}"
    if mark not in sys.modules:
        try:
            cache = importlib.import_module("quickstack.data.ingesting.cache")
            own = cache.code_digest(None) == digest
        except (ImportError, OSError, TypeError):
            own = False
        if not own:
            for name in [n for n in sys.modules if n.split(".")[0] == "quickstack"]:
                del sys.modules[name]
            folder = Path(tempfile.mkdtemp(prefix=mark))
            (folder / "quickstack.zip").write_bytes(code)
            importlib.import_module("zipfile").ZipFile(folder / "quickstack.zip").extractall(folder)
            sys.path.insert(0, str(folder))
            importlib.invalidate_caches()
        sys.modules[mark] = importlib.import_module("quickstack")
    cluster = importlib.import_module("quickstack.data.ingesting.cluster")
    return cluster.work_here(work, exchange)


def work_here(work: bytes, exchange: str | None) -> dict[str, Any]:
    """Ingest one file on a worker.

    Returns
    -------
    dict
        `files`: names to bytes, or to None where they are at the exchange; or `error`.
    """
    name, job = pickle.loads(work)  # noqa: S301 - the driver of this very run pickled it
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            ingest_partition(replace(job, folder=folder))
        except QuickstackError as error:
            kind = type(error).__name__
            return {"error": (kind, error.what, error.where, error.fix)}
        except Exception as error:  # its message may quote a value, and a worker's log is read
            what = f"unexpected {type(error).__name__} on a worker, whose message is withheld"
            return {"error": ("SourceError", what, job.partition.shown, _HERE)}
        files = sorted(path for path in folder.iterdir())
        if exchange is None:
            return {"files": {path.name: path.read_bytes() for path in files}}
        store, root = _exchange(exchange, name)
        for path in files:
            store.put_file(str(path), f"{root}/{path.name}")
        return {"files": {path.name: None for path in files}}


def _take(
    answer: dict[str, Any], name: str, exchange: str | None, store: ResultCache
) -> Outcome | QuickstackError:
    """Bring the result of a task here."""
    if "error" in answer:
        from quickstack.facts import errors

        kind, what, where, fix = answer["error"]
        return getattr(errors, kind)(what, where=where, fix=fix)

    def fetch(folder: Path) -> Outcome:
        remote, root = _exchange(exchange, name) if exchange else (None, "")
        for file, content in answer["files"].items():
            if remote is None:
                (folder / file).write_bytes(content)
            else:
                remote.get_file(f"{root}/{file}", str(folder / file))
        if remote is not None:
            remote.rm(root, recursive=True)
        return Outcome.load(folder)

    return store.make(name, fetch)


def _exchange(url: str, name: str) -> tuple[Any, str]:
    import fsspec

    store, root = fsspec.core.url_to_fs(f"{url.rstrip('/')}/{name}", use_listings_cache=False)
    return store, root


def _own_code() -> bytes:
    """Return the library's source, and the lists of words beside it, as a zip archive."""
    root = Path(quickstack.__file__).resolve().parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted({*root.rglob("*.py"), *root.rglob("data/**/*.txt*")}):
            archive.write(path, f"quickstack/{path.relative_to(root).as_posix()}")
    return buffer.getvalue()
