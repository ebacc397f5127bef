"""Ingest one source file: clean rows to Parquet, broken ones to quarantine, and the counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from quickstack.contract import Contract
from quickstack.privacy.pseudonyms import pseudonymise
from quickstack.quality.parse import parse_column
from quickstack.quality.rules import check_column
from quickstack.quality.summary import FileCounts
from quickstack.sources.arrow import arrow_schema
from quickstack.sources.delimited import Block, DelimitedFile
from quickstack.sources.raw import Partition

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Job:
    """What to do with one source file, and where its results go."""

    partition: Partition
    contract: Contract
    key: bytes | None
    block_rows: int
    interim: Path
    quarantine: Path

    @property
    def clean_path(self) -> Path:
        """The Parquet file of the clean rows."""
        return self.interim / f"{self.partition.name}.parquet"

    @property
    def quarantine_path(self) -> Path:
        """The JSON Lines file of the broken rows; absent where there are none."""
        return self.quarantine / f"{self.partition.name}.jsonl"


@dataclass
class Outcome:
    """The counts of one file, and what tells its rows apart.

    Attributes
    ----------
    lines : list of int
        The physical line of each clean row.
    digests : dict of str to list of numpy.ndarray
        Per uniqueness rule, 128 bits (two uint64 columns) of each clean row; zero for nulls.
    """

    counts: FileCounts
    lines: list[int]
    digests: dict[str, list[Any]]


def ingest_partition(job: Job) -> Outcome:
    """Read, check and protect one file, block by block.

    Raises
    ------
    SourceError
        Where the file cannot be read as the contract says.
    """
    import pyarrow.parquet as pq

    contract, path = job.contract, job.partition.path
    outcome = Outcome(
        FileCounts(path.as_posix()), [], {rule: [] for rule in unique_rules(contract)}
    )
    source = DelimitedFile(path, contract.source)
    with (
        pq.ParquetWriter(
            job.clean_path, interim_schema(contract), compression="zstd", store_schema=False
        ) as writer,
        Quarantine(job.quarantine_path, path) as quarantine,
    ):
        for block in source.blocks(contract, job.block_rows):
            table = _check_block(block, source.header, contract, outcome, quarantine)
            writer.write_table(_protect(table, contract, job.key))
    return outcome


def interim_schema(contract: Contract) -> pa.Schema:
    """Return names and types of what ingest writes."""
    return arrow_schema((c.name, c.interim_type) for c in contract.interim_columns)


def unique_rules(contract: Contract) -> dict[str, tuple[str, ...]]:
    """Return what must not occur twice: the primary key, and each unique column."""
    rules = {"primary key": contract.key} if contract.key else {}
    return rules | {c.name: (c.name,) for c in contract.columns if c.unique}


class Quarantine:
    """The JSON Lines file of one source file's broken rows, made when the first one comes."""

    def __init__(self, path: Path, source: Path) -> None:
        self._path, self._source = path, source
        self._stream: TextIO | None = None

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, line: int, problems: list[dict[str, str]], raw: str) -> None:
        """Keep one row: where it stands, all that is wrong with it, and its text."""
        if self._stream is None:
            self._stream = self._path.open("a", encoding="utf-8", newline="\n")
        row = {
            "file": self._source.as_posix(),
            "line": line,
            "problems": problems,
            # Bytes that are no text stay readable as \xff, and the file stays UTF-8.
            "raw": raw.rstrip("\r\n")
            .encode("utf-8", "surrogateescape")
            .decode("utf-8", "backslashreplace"),
        }
        self._stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _check_block(
    block: Block, header: list[str], contract: Contract, outcome: Outcome, quarantine: Quarantine
) -> pa.Table:
    """Return the block's clean rows, typed; its broken rows go to quarantine in line order."""
    import numpy as np
    import pyarrow as pa

    cells = dict(
        zip(
            header, zip(*block.rows, strict=True) if block.rows else [()] * len(header), strict=True
        )
    )
    columns: dict[str, pa.Array] = {}
    problems: dict[int, list[dict[str, str]]] = {}
    for column in contract.columns:
        values, wrong = parse_column(column, list(cells[column.name]), contract.source.missing)
        columns[column.name] = values
        for broken in check_column(column, values, wrong):
            outcome.counts.rules[(broken.column, broken.rule)] += len(broken.rows)
            problem = {"column": broken.column, "rule": broken.rule, "reason": broken.reason}
            for row in broken.rows.tolist():
                problems.setdefault(row, []).append(problem)
    kept = np.ones(len(block.rows), bool)
    kept[list(problems)] = False
    refused = [(block.lines[row], found, block.raw[row]) for row, found in problems.items()]
    for rejected in block.rejected:
        outcome.counts.rules[("", "layout")] += 1
        problem = {"column": "", "rule": "layout", "reason": rejected.reason}
        refused.append((rejected.line, [problem], rejected.raw))
    for line, found, raw in sorted(refused, key=lambda item: item[0]):
        quarantine.add(line, found, raw)
    table = pa.table(columns).filter(pa.array(kept))
    outcome.counts.clean += table.num_rows
    outcome.counts.quarantined += len(refused)
    outcome.counts.blank += block.blank
    outcome.lines += [line for line, keep in zip(block.lines, kept.tolist(), strict=True) if keep]
    for column in contract.interim_columns:
        outcome.counts.missing[column.name] += table.column(column.name).null_count
    for rule, names in unique_rules(contract).items():
        outcome.digests[rule].append(_digests(table.select(names)))
    return table


def _digests(table: pa.Table) -> Any:
    """Return 128 bits of each row, as two uint64 columns; zeros where a value is missing."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    texts = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        # The text of a value must not depend on what else is in its block.
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        texts[name] = column.cast(pa.string()).fill_null("").to_numpy()
    frame = pd.DataFrame(texts, dtype=object)
    halves = [
        pd.util.hash_pandas_object(frame, index=False, hash_key=key, categorize=False).to_numpy()
        for key in ("quickstack-keys1", "quickstack-keys2")
    ]
    digests = np.column_stack(halves)
    for name in table.column_names:
        digests[table.column(name).is_null().to_numpy(zero_copy_only=False)] = 0
    return digests


def _protect(table: pa.Table, contract: Contract, key: bytes | None) -> pa.Table:
    """Drop and replace the personal columns."""
    import pyarrow as pa

    columns = {}
    for column in contract.interim_columns:
        values = table.column(column.name).combine_chunks()
        if column.personal == "pseudonym":
            assert key is not None  # contract_key refuses a contract without one
            values = pseudonymise(values, key, column.domain)
        columns[column.name] = values
    return pa.table(columns, schema=interim_schema(contract))
