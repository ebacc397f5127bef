"""Uniqueness over all partitions: the first of equal rows stays, later ones go to quarantine."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from quickstack.ingesting.partition import Job, Outcome, Quarantine, unique_rules
from quickstack.sources.delimited import DelimitedFile
from quickstack.writing import write_parquet

if TYPE_CHECKING:
    import numpy as np


def quarantine_duplicates(jobs: list[Job], outcomes: list[Outcome]) -> None:
    """Move every repetition out of the clean files, and correct the counts.

    Parameters
    ----------
    jobs, outcomes
        One per partition, in partition order, which decides which of two equal rows is the first.
    """
    if not jobs:
        return
    repeated: list[dict[int, list[str]]] = [{} for _ in jobs]
    for rule in unique_rules(jobs[0].contract):
        for found, positions in zip(repeated, _repetitions(outcomes, rule), strict=True):
            for row in positions.tolist():
                found.setdefault(row, []).append(rule)
    for job, outcome, rows in zip(jobs, outcomes, repeated, strict=True):
        if rows:
            _move(job, outcome, rows)


def _repetitions(outcomes: list[Outcome], rule: str) -> list[np.ndarray[Any, Any]]:
    """Return, per partition, the positions of rows whose digest occurred before."""
    import numpy as np

    parts = [np.concatenate(o.digests[rule]) for o in outcomes]
    digests = np.concatenate(parts)
    order = np.lexsort((np.arange(len(digests)), digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    again = np.zeros(len(digests), bool)
    again[order[1:]] = (ordered[1:] == ordered[:-1]).all(axis=1)
    # Rows without a value are no repetitions of each other.
    again &= digests.any(axis=1)
    edges = np.cumsum([0, *(len(part) for part in parts)])
    return [np.flatnonzero(again[a:b]) for a, b in pairwise(edges)]


def _move(job: Job, outcome: Outcome, rows: dict[int, list[str]]) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = {outcome.lines[row]: rules for row, rules in rows.items()}
    source = DelimitedFile(job.partition.path, job.contract.source)
    with Quarantine(job.quarantine_path, job.partition.path) as quarantine:
        for block in source.blocks(job.contract, job.block_rows):
            for line, raw in zip(block.lines, block.raw, strict=True):
                problems = [
                    {"column": rule, "rule": "unique", "reason": "it occurred before"}
                    for rule in wanted.get(line, ())
                ]
                if problems:
                    quarantine.add(line, problems, raw)
    table = pq.read_table(job.clean_path, use_threads=False)
    kept = np.ones(table.num_rows, bool)
    kept[list(rows)] = False
    dropped = table.filter(pa.array(~kept))
    write_parquet(job.clean_path, table.filter(pa.array(kept)))
    for name in table.column_names:
        outcome.counts.missing[name] -= dropped.column(name).null_count
    outcome.counts.clean -= len(rows)
    outcome.counts.quarantined += len(rows)
    for rules in rows.values():
        for rule in rules:
            outcome.counts.rules[(rule, "unique")] += 1
