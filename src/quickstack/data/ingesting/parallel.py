"""Spread files over this machine's threads or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from quickstack.data.ingesting.cache import ResultCache
from quickstack.data.ingesting.outcome import IngestJob, Outcome
from quickstack.data.ingesting.partition import ingest_partition
from quickstack.facts.errors import QuickstackError
from quickstack.facts.params import ComputeParams
from quickstack.runtime.compute.partition_map import results


def map_jobs(
    jobs: Sequence[tuple[str, IngestJob]],
    compute: ComputeParams,
    store: ResultCache,
    progress: Callable[[str, int, int], None] | None,
) -> list[Outcome]:
    """Ingest files side by side; their results do not depend on where that was.

    Parameters
    ----------
    jobs
        The name of each result, and what makes it.
    compute
        How many threads, or the address of a Dask scheduler. Few large files share the threads.

    Raises
    ------
    QuickstackError
        That of the first file that has one.
    """
    if compute.scheduler_address is not None and jobs:
        from quickstack.data.ingesting.cluster import ingest_on_cluster

        return ingest_on_cluster(jobs, compute, store, progress)

    at_once = max(1, min(len(jobs), compute.workers))
    threads = max(1, compute.workers // at_once)

    def one(item: tuple[str, IngestJob]) -> Outcome | QuickstackError:
        name, job = item
        shown = job.partition.shown

        def note(rows: int, size: int) -> None:
            if progress is not None:
                progress(shown, rows, size)

        try:
            return store.make(
                name,
                lambda folder: ingest_partition(replace(job, folder=folder, threads=threads), note),
            )
        except QuickstackError as error:
            return error

    with ThreadPoolExecutor(at_once) as pool:
        return results(list(pool.map(one, jobs)), "file")
