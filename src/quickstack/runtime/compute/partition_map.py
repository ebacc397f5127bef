"""Map a function over partitions: on this machine's threads, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from quickstack.facts.errors import QuickstackError
from quickstack.facts.params import ComputeParams

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

    Raises
    ------
    QuickstackError
        That of the first item that has one, whichever came first in time.
    """
    from dask import compute as run
    from dask import delayed

    if compute.scheduler_address is None:
        tasks = [delayed(_outcome, pure=False)(function, item) for item in items]
        settings: dict[str, Any] = {"scheduler": "threads", "num_workers": compute.workers}
        return results(run(*tasks, **settings))
    import cloudpickle
    from distributed import Client

    # Dask sends code by its name; a model of the team's own has none that workers can import.
    pickled = cloudpickle.dumps(function)
    tasks = [delayed(_pickled_outcome, pure=False)(pickled, item) for item in items]
    with Client(compute.scheduler_address, set_as_default=False) as client:
        return results(client.gather(client.compute(tasks)))


def _outcome(function: Callable[[Item], Result], item: Item) -> Result | QuickstackError:
    try:
        return function(item)
    except QuickstackError as error:
        return error


def _pickled_outcome(pickled: bytes, item: Any) -> Any:
    import cloudpickle

    return _outcome(cloudpickle.loads(pickled), item)


def results(outcomes: Sequence[Result | QuickstackError], unit: str = "partition") -> list[Result]:
    """Return the results, or raise the first error, which says how many more `unit`s failed."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, QuickstackError)]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        first, others = errors[0], len(errors) - 1
        more = f"{others} more {unit}{'s' if others > 1 else ''} failed, too"
        fix = f"{first.fix}. {more}" if first.fix else more
        raise type(first)(first.what, where=first.where, fix=fix)
    return [outcome for outcome in outcomes if not isinstance(outcome, QuickstackError)]
