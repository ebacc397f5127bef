"""Map a function over partitions: on this machine's threads, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from quickstack.params import ComputeParams

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_partitions(
    function: Callable[[Item], Result], items: Sequence[Item], compute: ComputeParams
) -> list[Result]:
    """Apply `function` to each item and return the results in the order of the items.

    Parameters
    ----------
    function
        Pure, and picklable where a cluster is used.
    items
        One per partition.
    compute
        How many threads, or the address of a Dask scheduler.
    """
    from dask import compute as run
    from dask import delayed

    tasks = [delayed(function, pure=False)(item) for item in items]
    if compute.scheduler_address is None:
        settings: dict[str, Any] = {"scheduler": "threads", "num_workers": compute.workers}
        return list(run(*tasks, **settings))
    from distributed import Client

    with Client(compute.scheduler_address, set_as_default=False) as client:
        return list(client.gather(client.compute(tasks)))
