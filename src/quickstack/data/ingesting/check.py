"""Check one block against the contract and protect it: what may leave, and what may not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quickstack.data.ingesting.check_plan import Checks
from quickstack.data.ingesting.key_digests import row_digests
from quickstack.data.ingesting.pseudonymise import personal_findings, protect
from quickstack.data.ingesting.quarantine import Problem, quarantine_line
from quickstack.data.privacy import anonymity, cmac, leaked_values
from quickstack.data.privacy.personal_values import personal_values
from quickstack.data.quality.counts import Tally
from quickstack.data.quality.parse import normalise, parse_column
from quickstack.data.quality.quality_metrics import count_metrics
from quickstack.data.quality.row_checks import check_column
from quickstack.data.readers.blocks import Block
from quickstack.facts.contract import Column, Contract

if TYPE_CHECKING:
    import pyarrow as pa

#: What refuses a row because of other rows: position among the clean rows to what is wrong.
Refusals = Mapping[int, tuple[Problem, ...]]


@dataclass
class Checked:
    """What became of a block.

    Attributes
    ----------
    table : pyarrow.Table
        The clean rows, as they may leave.
    refused
        The lines of the quarantine, in file order.
    arrays
        What later tells rows of all files apart, by name; each a list of numpy arrays.
    """

    table: pa.Table
    refused: list[str]
    tally: Tally
    arrays: dict[str, list[Any]] = field(default_factory=dict)


def check_block(
    block: Block, checks: Checks, file: str, refusals: Refusals, first: int = 0
) -> Checked:
    """Check, count and protect the rows of one block.

    Parameters
    ----------
    file
        How the quarantine names the file.
    refusals
        Rows to refuse because of other rows, by their position among the file's clean rows.
    first
        The position of the block's first clean row there.
    """
    import numpy as np

    contract, tally = checks.contract, Tally(blank=block.blank)
    columns: dict[str, pa.Array] = {}
    problems: dict[int, list[Problem]] = {}
    for column in contract.columns:
        cells = _cells(block, column, contract)
        columns[column.name], wrong = parse_column(column, cells, contract.source)
        for broken in check_column(column, columns[column.name], wrong):
            severity = column.severity(broken.rule)
            counter = {"error": tally.rules, "warning": tally.warned, "stop": tally.stopped}
            counter[severity][(broken.column, broken.rule)] += len(broken.rows)
            if severity == "error":
                problem = Problem(broken.column, broken.rule, broken.reason)
                for row in broken.rows.tolist():
                    problems.setdefault(row, []).append(problem)
    kept = np.ones(block.table.num_rows, bool)
    kept[list(problems)] = False
    if refusals:
        rows = np.flatnonzero(kept)
        for row in range(len(rows)):
            for problem in refusals.get(first + row, ()):
                problems.setdefault(int(rows[row]), []).append(problem)
                tally.rules[(problem.column, problem.rule)] += 1
        kept[list(problems)] = False
    codes = _codes(columns, checks)
    echoed = [columns[c.name] for c in checks.echoed]
    if problems:
        columns = {name: _kept(values, kept) for name, values in columns.items()}
    arrays = _arrays(columns, checks)
    if echoed:
        arrays |= _personal(echoed, checks, codes)
    tally.clean = int(kept.sum())
    tally.quarantined = len(problems) + len(block.rejected)
    if block.rejected:
        tally.rules[("", "layout")] += len(block.rejected)
    count_metrics(contract, columns, tally.metrics)
    _describe(columns, contract, tally)
    personal_findings(columns, contract, tally.findings, checks.harmless)
    table = protect(columns, contract, checks.key, {} if problems else codes)
    anonymous = contract.anonymity
    if anonymous is not None:
        groups = table.select(list(anonymous.columns))
        arrays["classes"] = [anonymity.class_digests(groups, checks.secret)]
        if anonymous.subject:
            persons = table.select([anonymous.subject])
            arrays["subjects"] = [anonymity.class_digests(persons, checks.secret)]
    return Checked(table, _refused(block, problems, file), tally, arrays)


def _cells(block: Block, column: Column, contract: Contract) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = block.table.column(column.name)
    cells = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    text = pa.types.is_string(cells.type)
    if text and contract.source.format != "csv":
        absent = pc.is_in(cells, value_set=pa.array(contract.source.missing, pa.string()))
        cells = pc.if_else(absent, pa.scalar(None, pa.string()), cells)
    return cells if block.ascii or column.type != "string" else normalise(cells)


def _kept(values: pa.Array, kept: Any) -> pa.Array:
    """Take the clean rows; no dictionary keeps a value of the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.filter(pa.array(kept))
    if not pa.types.is_dictionary(values.type):
        return values
    return pc.dictionary_encode(values.dictionary.take(values.indices))


def _codes(columns: dict[str, pa.Array], checks: Checks) -> dict[str, Any]:
    """Return the codes behind pseudonyms of plain text columns without nulls."""
    import pyarrow as pa

    return {
        name: cmac.codes(columns[name], checks.key or b"", checks.contract.column(name).domain)
        for name in checks.known
        if pa.types.is_string(columns[name].type) and not columns[name].null_count
    }


def _personal(
    columns: list[pa.Array], checks: Checks, codes: dict[str, Any]
) -> dict[str, list[Any]]:
    """Return the digests of personal values that must not turn up in other columns."""
    import numpy as np
    import pyarrow as pa

    table = pa.table(columns, names=[column.name for column in checks.echoed])
    # Detection finds every e-mail address by itself, unless a column is allowed to hold some.
    emails = any("email" in column.allowed_findings for column in checks.searched)
    # Half a code tells values apart: two of 2^32 have the same by chance.
    seen = {name: (checks.known[name], code.view(np.uint64)[:, 0]) for name, code in codes.items()}
    values = personal_values(table, checks.secret, emails=emails, seen=seen)
    return {
        "personal:single": [values.single],
        "personal:several": [values.several],
        "personal:ends": [values.ends],
        "personal:longest": [np.array([values.longest], np.uint64)],
    }


def _arrays(columns: dict[str, pa.Array], checks: Checks) -> dict[str, list[Any]]:
    """Return the digests of what must be unique or refers elsewhere, and the words of texts."""
    import numpy as np

    wanted = {f"unique:{name}": names for name, names in checks.unique.items()}
    for index, reference in enumerate(checks.contract.references):
        wanted[f"reference:{index}"] = reference.columns
    for names in checks.targets:
        wanted[f"target:{','.join(names)}"] = names
    arrays: dict[str, list[Any]] = {}
    for name, names in wanted.items():
        digests, present = row_digests([columns[n] for n in names])
        arrays[name] = [digests]
        if not present.all():
            arrays[name] = [np.where(present[:, None], digests, 0)]
        arrays[f"absent:{name}"] = [np.flatnonzero(~present)]
    if checks.echoed:
        for column in checks.searched:
            if "echo" not in column.allowed_findings:
                words = leaked_values.vocabulary(columns[column.name], checks.secret)
                arrays[f"words:{column.name}"] = [words]
    return arrays


def _describe(columns: dict[str, pa.Array], contract: Contract, tally: Tally) -> None:
    """Note what is missing, what never varies, and how far the data go in time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in contract.interim_columns:
        values = columns[column.name]
        if values.null_count:
            tally.missing[(column.name,)] = values.null_count
        if not len(values):
            continue
        one = values[0]
        if values[-1] != one or values[len(values) // 2] != one or len(pc.unique(values)) > 1:
            tally.varied.add(column.name)
        text = repr(one.as_py()).encode()
        tally.first[column.name] = hashlib.blake2b(text, digest_size=8).hexdigest()
    if contract.time_column is not None and tally.clean:
        times = columns[contract.time_column].drop_null()
        if len(times):
            steps = np.asarray(times.cast(pa.int32() if times.type == pa.date32() else pa.int64()))
            tally.in_order = bool((np.diff(steps) >= 0).all())
            newest = pc.max(times)
            tally.times = tuple(str(t.as_py()) for t in (times[0], times[-1], newest))


def _refused(block: Block, problems: dict[int, list[Problem]], file: str) -> list[str]:
    rows = sorted(problems)
    placed = list(zip(block.places(rows) if rows else [], [problems[r] for r in rows], strict=True))
    placed += [(r.place, [Problem("", "layout", r.reason)]) for r in block.rejected]
    placed.sort(key=lambda item: item[0].line)
    return [quarantine_line(file, place, found) for place, found in placed]
