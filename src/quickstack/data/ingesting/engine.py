"""Ingest all tables of a contract: file by file, then what only all files together show."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from quickstack.data.ingesting.cache import ResultCache, code_digest
from quickstack.data.ingesting.check import Checks, Problem
from quickstack.data.ingesting.cross_file_checks import (
    FileRefusals,
    orphans,
    refuse,
    repetitions,
    small_groups,
    target_name,
)
from quickstack.data.ingesting.leak_check import find_leaked_values, find_personal_columns
from quickstack.data.ingesting.outcome import IngestJob, Outcome
from quickstack.data.ingesting.parallel import map_jobs
from quickstack.data.ingesting.partition import ingest_partition
from quickstack.data.privacy.pseudonym_keys import fingerprint
from quickstack.data.quality.counts import RowCounts
from quickstack.data.quality.quality_report import (
    Evidence,
    FileCounts,
    TableCounts,
    quality_report,
    require_usable,
)
from quickstack.data.readers.partitions import Partition, find_partitions
from quickstack.data.readers.unread import beside, copies, unmatched
from quickstack.facts.contract import Contract
from quickstack.facts.contract.model import Severity
from quickstack.facts.notices import Notice
from quickstack.facts.params import ComputeParams

#: So many places are shown of each rule that too many rows break.
_PLACES = 3
Progress = Callable[[str, int, int], None]


@dataclass
class TableRun:
    """One table while it is ingested."""

    contract: Contract
    partitions: list[Partition]
    targets: tuple[tuple[str, ...], ...]
    outcomes: list[Outcome] = field(default_factory=list)
    whole_table: RowCounts = field(default_factory=RowCounts)
    recalled: int = 0
    findings: list[Notice] = field(default_factory=list)


def ingest(
    contract: Contract,
    *,
    key: bytes | None,
    interim: Path,
    quarantine: Path,
    block_bytes: int,
    compute: ComputeParams,
    cache: Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ingest every source file of a contract's tables.

    Parameters
    ----------
    key
        Of the pseudonyms; None where the contract needs none.
    interim, quarantine
        Existing folders for the clean rows and the refused ones. Those of further tables get a
        folder of their own in each.
    block_bytes
        About how many bytes are read at a time. It decides where Parquet's row groups end, not
        what is in them.
    cache
        Where the results of single files are remembered.
    progress
        Called with a file's name, and the rows and bytes that were added.

    Returns
    -------
    dict
        The quality report.

    Raises
    ------
    SourceError
        Where a file cannot be read as the contract says.
    DataError
        Where the data break the contract so that they cannot be used, or hold personal data
        where nobody expects them.
    """
    base = "\0".join(
        (repr(contract), code_digest(), fingerprint(key) if key else "", str(block_bytes))
    )
    store = ResultCache(cache, hashlib.blake2b(base.encode(), digest_size=16).hexdigest())
    tables = (*contract.tables, contract)
    runs = {table.id: _table_run(table, tables) for table in tables}
    for run in runs.values():
        _first_pass(run, key, block_bytes, compute, store, progress)
        run.findings += beside(run.contract, run.partitions)
        run.findings += copies(run.contract, run.partitions, store.content)
    read = {partition.path for run in runs.values() for partition in run.partitions}
    runs[contract.id].findings += unmatched(tables, read, contract.id)
    refusals = {name: _refusals(run, runs) for name, run in runs.items()}
    for name, run in runs.items():
        _second_pass(run, refusals[name], key, block_bytes, store)
    for run in runs.values():
        find_leaked_values(run.outcomes, Checks(run.contract, key), run.whole_table)
        find_personal_columns(run.outcomes, run.contract, run.whole_table)
        own = run.contract is contract
        _place(run, interim if own else interim / run.contract.id, "clean")
        _place(run, quarantine if own else quarantine / run.contract.id, "quarantine")
    report = quality_report(
        contract,
        [_counts(runs[table.id]) for table in (contract, *contract.tables)],
        fingerprint(key) if key else None,
    )
    require_usable(
        [_counts(runs[table.id]) for table in tables], lambda name: _evidence(runs[name])
    )
    store.tidy()
    return report


def _table_run(table: Contract, tables: tuple[Contract, ...]) -> TableRun:
    targets = {r.to for other in tables for r in other.references if r.table == table.id}
    return TableRun(table, find_partitions(table), tuple(sorted(targets)))


def _first_pass(
    run: TableRun,
    key: bytes | None,
    block_bytes: int,
    compute: ComputeParams,
    store: ResultCache,
    progress: Progress | None,
) -> None:
    names = [store.name(partition) for partition in run.partitions]
    known = [store.recall(name) for name in names]
    todo = [i for i, outcome in enumerate(known) if outcome is None]
    run.recalled = len(names) - len(todo)
    jobs = [
        (
            names[i],
            IngestJob(run.partitions[i], run.contract, key, block_bytes, Path(), run.targets),
        )
        for i in todo
    ]
    for index, outcome in zip(todo, map_jobs(jobs, compute, store, progress), strict=True):
        known[index] = outcome
    run.outcomes = [outcome for outcome in known if outcome is not None]


def _refusals(run: TableRun, runs: dict[str, TableRun]) -> FileRefusals:
    """Find the rows that are refused because of others, and count those that only count."""
    contract = run.contract
    found: FileRefusals = [{} for _ in run.outcomes]
    checks = Checks(contract, None)
    for name, columns in checks.unique.items():
        if name.startswith("metric "):
            rows = sum(len(r) for _, r in repetitions(run.outcomes, name))
            run.whole_table.metrics[(name, "duplicateValues")] += rows
            continue
        severity: Severity = "error"
        if name != "primary key":
            severity = contract.column(columns[0]).severity("unique")
        problem = Problem(name, "unique", "it occurred before")
        _note(run, found, repetitions(run.outcomes, name), problem, severity)
    for index, reference in enumerate(contract.references):
        parents = runs[reference.table].outcomes
        lost = orphans(run.outcomes, index, parents, target_name(reference))
        reason = f"table {reference.table} has no such row"
        problem = Problem(", ".join(reference.columns), "reference", reason)
        _note(run, found, lost, problem, reference.severity)
    if contract.anonymity is not None:
        problem = Problem("", "k-anonymity", f"fewer than {contract.anonymity.k} share its group")
        _note(run, found, small_groups(run.outcomes, contract, found), problem, "error")
    return found


def _note(
    run: TableRun, found: FileRefusals, rows: Any, problem: Problem, severity: Severity
) -> None:
    name = (problem.column, problem.rule)
    if severity == "error":
        refuse(found, rows, problem)
    else:
        counter: Counter[tuple[str, ...]] = (
            run.whole_table.warned if severity == "warning" else run.whole_table.stopped
        )
        counter[name] += sum(len(positions) for _, positions in rows)


def _second_pass(
    run: TableRun, refusals: FileRefusals, key: bytes | None, block_bytes: int, store: ResultCache
) -> None:
    """Ingest the files again that hold rows to refuse."""
    for index, refused in enumerate(refusals):
        if not refused:
            continue
        partition, first = run.partitions[index], run.outcomes[index]
        name = store.name(partition, repr(sorted(refused.items())))
        job = IngestJob(
            partition, run.contract, key, block_bytes, Path(), run.targets,
            refusals=refused, starts=first.starts,
        )  # fmt: skip
        run.outcomes[index] = store.recall(name) or store.make(name, partial(_ingest_in, job))


def _ingest_in(job: IngestJob, folder: Path) -> Outcome:
    return ingest_partition(replace(job, folder=folder))


def _place(run: TableRun, folder: Path, kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    suffix = {"clean": ".parquet", "quarantine": ".jsonl"}[kind]
    for partition, outcome in zip(run.partitions, run.outcomes, strict=True):
        source = outcome.clean if kind == "clean" else outcome.quarantine
        target = folder / f"{partition.name}{suffix}"
        if not source.exists():
            continue
        try:
            os.link(source, target)  # DVC copies it where it keeps it; nobody writes to it here
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, target)


def _counts(run: TableRun) -> TableCounts:
    files = [FileCounts(outcome.file, outcome.counts) for outcome in run.outcomes]
    return TableCounts(run.contract, files, run.whole_table, run.findings)


def _evidence(run: TableRun) -> Evidence:
    """Return the first places at which each rule is broken, and what the cells look like."""
    found: dict[tuple[str, ...], list[str]] = {}
    wanted = {rule for outcome in run.outcomes for rule in outcome.counts.rules}
    for row in _refused_rows(run):
        for problem in row["problems"]:
            places = found.setdefault((problem["column"], problem["rule"]), [])
            if len(places) < _PLACES:
                part = f", sheet {row['sheet']}" if "sheet" in row else ""
                column = f", column {problem['column']}" if problem["column"] else ""
                said = problem.get("shape") or problem["reason"]
                places.append(f"{row['file']}{part}, line {row['line']}{column}: {said}")
        if wanted <= {rule for rule, places in found.items() if len(places) == _PLACES}:
            break
    return found


def _refused_rows(run: TableRun) -> Iterator[dict[str, Any]]:
    for outcome in run.outcomes:
        if outcome.quarantine.exists():
            with outcome.quarantine.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)
