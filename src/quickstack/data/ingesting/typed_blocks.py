"""The checked blocks of a file, in its order, whoever checked them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from quickstack.data.ingesting.check import Checked, Checks, check_block
from quickstack.data.quality.parse import record_test, regular, repeats
from quickstack.data.readers.chunks import Chunk, count
from quickstack.data.readers.delimited import DelimitedFile, Parsed, open_delimited

if TYPE_CHECKING:
    import pyarrow as pa

    from quickstack.data.ingesting.partition import Job

#: Blocks that wait for their turn besides those that are worked on.
_AHEAD = 1
#: Rows of a block, where a format counts in rows.
_ROWS = 1 << 16
#: A column is worth a dictionary where a value occurs this often at the beginning of the file,
#: which is at most so many bytes.
_REPEATS, _BEGINNING = 4, 1 << 20
#: A first chunk smaller than this share of a block is most likely the whole file.
_WHOLE = 0.9


@contextmanager
def checked_blocks(
    job: Job, executor: Executor
) -> Iterator[tuple[Checks, Iterator[tuple[int, int, Checked]]]]:
    """Open a file; give what checks its blocks, and an iterator over them.

    The iterator yields where each block begins, its bytes, and what became of it. Memory holds no
    more blocks than threads and a few.
    """
    checks = Checks(job.contract, job.key, job.targets)
    if job.contract.source.format != "csv":
        yield checks, _others(job, checks, executor)
        return
    with open_delimited(
        job.partition, job.contract, job.block_bytes, record_test(job.contract)
    ) as file:
        first = file.chunker.peek()
        alone = first is None or len(first.data) < job.block_bytes * _WHOLE
        checks = replace(checks, varied=_varied(file, first, checks), alone=alone)
        yield checks, _delimited(file, job, checks, executor)


def _varied(file: DelimitedFile, chunk: Chunk | None, checks: Checks) -> frozenset[str]:
    """Return the columns whose values seldom repeat at the beginning of the file."""
    import pyarrow as pa

    if chunk is None:
        return frozenset()
    end = chunk.data.rfind(b"\n", 0, _BEGINNING) + 1
    head = chunk.data[:end] if end and len(chunk.data) > _BEGINNING else chunk.data
    beginning = replace(chunk, data=head, line_ends=count(head, b"\n"))
    table = as_typed(file.parse(beginning, checks.types).block.table, checks)
    return frozenset(
        c.name
        for c in checks.contract.columns
        if repeats(c)
        and not c.allowed
        and pa.types.is_dictionary(table.schema.field(c.name).type)
        and len(table.column(c.name).combine_chunks().dictionary) * _REPEATS > table.num_rows
    )


def _others(job: Job, checks: Checks, executor: Executor) -> Iterator[tuple[int, int, Checked]]:
    from quickstack.data.readers.read import read_blocks

    file = job.partition.shown
    waiting: deque[tuple[int, Future[Checked]]] = deque()
    for index, block in enumerate(read_blocks(job.partition, job.contract, _ROWS)):
        block.table = as_typed(block.table, checks)
        first = job.starts.get(index, 0)
        waiting.append(
            (index, executor.submit(check_block, block, checks, file, job.refusals, first))
        )
        if len(waiting) > job.threads + _AHEAD:
            at, future = waiting.popleft()
            yield at, 0, future.result()
    for at, future in waiting:
        yield at, 0, future.result()


def _delimited(
    file: DelimitedFile, job: Job, checks: Checks, executor: Executor
) -> Iterator[tuple[int, int, Checked]]:
    """Parse chunks side by side, as if each ended with a row; begin anew where one did not."""
    waiting: deque[tuple[Chunk, Future[tuple[Parsed, Checked]]]] = deque()

    def submit(chunk: Chunk) -> Future[tuple[Parsed, Checked]]:
        return executor.submit(_parse_and_check, file, chunk, job, checks)

    while True:
        while len(waiting) <= job.threads + _AHEAD and (chunk := file.chunker.next()) is not None:
            waiting.append((chunk, submit(chunk)))
        if not waiting:
            return
        chunk, future = waiting.popleft()
        parsed, checked = future.result()
        if parsed.used or not chunk.data:
            yield chunk.offset, parsed.used, checked
        if parsed.used == len(chunk.data):
            continue
        rest = Chunk(
            chunk.data[parsed.used :],
            chunk.offset + file.chunker.text.length(chunk.data[: parsed.used]),
            chunk.line + parsed.lines,
            chunk.final,
            chunk.line_ends - parsed.lines,
        )
        if any(following.too_long for following, _ in waiting):
            # What follows is no part of any row, so nothing can complete this one.
            rest = replace(rest, final=True)
            waiting.appendleft((rest, submit(rest)))
            continue
        for _, future in waiting:
            future.cancel()
        file.chunker.give_back([c for c, _ in waiting], rest.data, rest.offset, rest.line)
        waiting.clear()
        # What the blocks that are given up had seen was not kept.
        checks = replace(checks)


def _parse_and_check(
    file: DelimitedFile, chunk: Chunk, job: Job, checks: Checks
) -> tuple[Parsed, Checked]:
    import pyarrow as pa

    parsed = file.parse(chunk, checks.types)
    if parsed.typed and not all(regular(c.chunk(0)) for c in parsed.block.table.columns):
        text = dict.fromkeys(checks.types, pa.string())
        parsed = replace(file.parse(chunk, text), typed=False)
    if not parsed.typed:
        parsed.block.table = as_typed(parsed.block.table, checks)
    first = job.starts.get(chunk.offset, 0)
    return parsed, check_block(parsed.block, checks, job.partition.shown, job.refusals, first)


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
