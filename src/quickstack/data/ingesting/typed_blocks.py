"""The checked blocks of a file, in its order, whoever checked them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from quickstack.data.ingesting.check import Checked, Checks, check_block
from quickstack.data.ingesting.outcome import IngestJob
from quickstack.data.quality.parse import record_test, regular, repeats
from quickstack.data.readers.blocks import Block, ReadOptions
from quickstack.data.readers.read import read_blocks

if TYPE_CHECKING:
    import pyarrow as pa

#: Blocks that wait for their turn besides those that are worked on.
_AHEAD = 1
#: A column is worth a dictionary where a value occurs this often at the beginning of the file.
_REPEATS = 4


@contextmanager
def checked_blocks(
    job: IngestJob, executor: Executor
) -> Iterator[tuple[Checks, Iterator[tuple[int, Checked]]]]:
    """Open a file; give what checks its blocks, and an iterator over them.

    The iterator yields the bytes of each block, and what became of it. Memory holds no more
    blocks than threads and a few.
    """
    checks = Checks(job.contract, job.key, job.targets)

    def types(head: pa.Table, whole: bool) -> dict[str, pa.DataType]:
        nonlocal checks
        checks = replace(checks, varied=_varied(head, checks), alone=whole)
        return checks.types

    options = ReadOptions(
        size=job.block_bytes,
        executor=executor,
        # To check a block takes longer than to parse it.
        ahead=1 + job.threads // 2,
        types=types,
        fits=regular,
        record_test=record_test(job.contract),
    )
    with closing(read_blocks(job.partition, job.contract, options)) as blocks:
        # The first block opens the file, and so decides on the types.
        first = deque(islice(blocks, 1))
        yield checks, _checked(chain(_taken(first), blocks), job, checks, executor)


def _taken(blocks: deque[Block]) -> Iterator[Block]:
    """Yield blocks without holding them any longer."""
    while blocks:
        yield blocks.popleft()


def _varied(head: pa.Table, checks: Checks) -> frozenset[str]:
    """Return the columns whose values seldom repeat in the first rows, given as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return frozenset(
        c.name
        for c in checks.contract.columns
        if repeats(c)
        and not c.allowed
        and pa.types.is_dictionary(checks.types[c.name])
        and pc.count_distinct(head.column(c.name)).as_py() * _REPEATS > head.num_rows
    )


def _checked(
    blocks: Iterator[Block], job: IngestJob, checks: Checks, executor: Executor
) -> Iterator[tuple[int, Checked]]:
    waiting: deque[tuple[int, Future[Checked]]] = deque()
    for index, block in enumerate(blocks):
        future = executor.submit(_check, block, index, job, checks)
        waiting.append((block.size, future))
        if len(waiting) > job.threads + _AHEAD:
            size, future = waiting.popleft()
            yield size, future.result()
    for size, future in waiting:
        yield size, future.result()


def _check(block: Block, index: int, job: IngestJob, checks: Checks) -> Checked:
    block.table = as_typed(block.table, checks)
    shown, first = job.partition.shown, job.starts.get(index, 0)
    return check_block(block, checks, shown, job.refusals, first)


def as_typed(table: pa.Table, checks: Checks) -> pa.Table:
    """Encode the columns that the fast parser would have given as dictionaries."""
    import pyarrow as pa

    for index, name in enumerate(table.column_names):
        if pa.types.is_dictionary(checks.types[name]) and pa.types.is_string(
            table.schema.field(index).type
        ):
            encoded = table.column(index).combine_chunks().dictionary_encode()
            table = table.set_column(index, name, encoded)
    return table
