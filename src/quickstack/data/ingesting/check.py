"""Check one block against the contract and protect it: what may leave, and what may not."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from quickstack.data.privacy import anonymity, detect, leaked_values
from quickstack.data.privacy.generalise import generalise
from quickstack.data.privacy.leaked_values import Known, personal_values
from quickstack.data.privacy.normal_form import normal_forms
from quickstack.data.privacy.pseudonyms import codes, pseudonymise
from quickstack.data.quality.counts import RowCounts
from quickstack.data.quality.encoding_damage import damaged
from quickstack.data.quality.parse import cell_types, normalise, parse_column, parse_parts
from quickstack.data.quality.row_checks import check_column, count_metrics
from quickstack.data.quality.shapes import shape
from quickstack.data.readers.blocks import Block, RowLocation
from quickstack.facts.contract import Column, Contract

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Checks:
    """All that checking the blocks of one table needs.

    Attributes
    ----------
    key
        The key of its pseudonyms; None where the contract needs none.
    targets
        The columns that references of other tables point at.
    varied
        The text columns whose values seldom repeat.
    alone
        Whether no other block is likely to come, for which something could be remembered.
    """

    contract: Contract
    key: bytes | None
    targets: tuple[tuple[str, ...], ...] = ()
    varied: frozenset[str] = frozenset()
    alone: bool = False

    @cached_property
    def types(self) -> dict[str, Any]:
        """How the fast parser may type the cells."""
        return cell_types(self.contract.columns, self.contract.source, self.varied)

    @cached_property
    def secret(self) -> bytes:
        """What keys the digests that find leaked personal values."""
        seed = self.key or hashlib.blake2b(self.contract.id.encode(), digest_size=32).digest()
        return hashlib.blake2b(b"echo", key=seed, digest_size=32).digest()

    @cached_property
    def unique(self) -> dict[str, tuple[str, ...]]:
        """What must not occur twice: the primary key, and each unique column."""
        contract = self.contract
        rules = {"primary key": contract.key} if contract.key else {}
        rules |= {c.name: (c.name,) for c in contract.columns if c.unique}
        for name, rule in _duplicate_metrics(contract):
            rules.setdefault(name, rule)
        return rules

    @cached_property
    def searched(self) -> tuple[Column, ...]:
        """The text columns in which nobody expects personal data."""
        return tuple(
            c
            for c in self.contract.columns
            if c.type == "string" and c.personal is None and not c.allowed
        )

    @cached_property
    def leak_sources(self) -> tuple[Column, ...]:
        """The personal columns whose values must not turn up in others."""
        if not any("leaked_value" not in c.allowed_findings for c in self.searched):
            return ()
        return tuple(
            c
            for c in self.contract.columns
            if c.personal not in (None, "keep") and c.type in ("string", "integer")
        )

    @cached_property
    def known(self) -> dict[str, Known]:
        """What earlier blocks showed of the values of pseudonymous text columns."""
        if self.alone:
            return {}
        return {
            c.name: Known()
            for c in self.leak_sources
            if c.personal == "pseudonym" and c.type == "string"
        }

    @cached_property
    def harmless(self) -> dict[str, Any]:
        """By column, texts of an earlier block that hold no personal data."""
        return {}


def _duplicate_metrics(contract: Contract) -> list[tuple[str, tuple[str, ...]]]:
    found = [
        (f"metric {c.name}", (c.name,))
        for c in contract.columns
        for rule in c.quality
        if rule.metric == "duplicateValues"
    ]
    return found + [
        (f"metric {', '.join(rule.columns)}", rule.columns)
        for rule in contract.quality
        if rule.metric == "duplicateValues"
    ]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a row; no sentence quotes a value, nor does the shape."""

    column: str
    rule: str
    reason: str
    shape: str = ""


def quarantine_line(file: str, location: RowLocation, problems: Iterable[Problem]) -> str:
    """Return one row of the quarantine as a line of JSON."""
    row = {
        "file": file,
        **({"sheet": location.part} if location.part else {}),
        "line": location.line,
        "offset": location.offset,
        "problems": [
            {name: text for name, text in vars(p).items() if text or name != "shape"}
            for p in problems
        ],
        # Bytes that are no text stay readable as \xff, and the file stays UTF-8.
        "raw": location.raw.decode("utf-8", "backslashreplace"),
    }
    return json.dumps(row, ensure_ascii=False) + "\n"


# Only equality counts here, so the key is no secret.
_KEY = b"quickstack: equality of rows ..."
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_STEPS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)


def row_digests(columns: list[pa.Array]) -> tuple[Any, Any]:
    """Return 128 bits per row that are equal where all values are.

    Parameters
    ----------
    columns
        Text (plain or as a dictionary), numbers, truth values, dates or timestamps.

    Returns
    -------
    digests : numpy.ndarray of uint64, shape (n, 2)
        For one column of whole numbers, dates or times the first half is the value itself, and
        the second is 0.
    present : numpy.ndarray of bool, shape (n,)
        False where a value is missing.
    """
    import numpy as np

    present = np.ones(len(columns[0]), bool)
    for column in columns:
        if column.null_count:
            present &= np.asarray(column.is_valid())
    halves = [_digest(column) for column in columns]
    if len(halves) == 1:
        return halves[0], present
    result = np.empty_like(halves[0])
    for side in (0, 1):
        state = np.zeros(len(result), np.uint64)
        for digest in halves:
            # What of a value is not in this half still counts for it: of a number all is in one.
            value = digest[:, side] if digest[:, 1].any() else digest[:, 0]
            state = _mixed(state * np.uint64(3) + value + np.uint64(_STEPS[side]))
        result[:, side] = state
    return result, present


def _digest(column: pa.Array) -> Any:
    """Return (n, 2) uint64."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        distinct = _digest(column.dictionary)
        indices = np.asarray(pc.fill_null(column.indices, 0))
        return distinct[indices] if len(distinct) else np.zeros((len(column), 2), np.uint64)
    if pa.types.is_string(column.type):
        return codes(pc.fill_null(column, ""), _KEY, "row").view(np.uint64)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    if pa.types.is_timestamp(column.type) or pa.types.is_date32(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers = np.asarray(pc.fill_null(column, 0))
    if numbers.dtype == np.float64:
        words = (numbers + 0.0).view(np.uint64)  # -0.0 equals 0.0
    else:
        words = numbers.astype(np.int64).view(np.uint64)
    return np.column_stack([words, np.zeros_like(words)])


def _mixed(words: Any) -> Any:
    """Spread every bit over all others: the finaliser of splitmix64 (Steele et al., 2014)."""
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX[0])
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX[1])
    return words ^ (words >> np.uint64(31))


#: So many distinct texts are worth keeping, to see that the next block has no others.
_FEW = 1000


def leaving_columns(
    columns: dict[str, pa.Array],
    contract: Contract,
    key: bytes | None,
    computed: dict[str, np.ndarray],
) -> pa.Table:
    """Return the columns that leave, in contract order.

    Parameters
    ----------
    columns
        Typed columns of clean rows.
    key
        Of the pseudonyms; `contract_key` refuses a contract that needs one and has none.
    computed
        The codes behind the pseudonyms of a column, where they are known already.
    """
    import pyarrow as pa

    leaving = {}
    for column in contract.interim_columns:
        values = columns[column.name]
        if column.personal == "pseudonym":
            assert key is not None
            known = computed.get(column.name)
            spelled = values if known is not None else _pseudonymised(values, contract)
            values = pseudonymise(spelled, key, column.domain, known)
        elif column.generalisation is not None:
            if pa.types.is_dictionary(values.type):
                values = values.dictionary.take(values.indices)
            values = generalise(values, column.generalisation)
        leaving[column.name] = values
    return pa.table(leaving)


def personal_findings(
    columns: dict[str, pa.Array],
    contract: Contract,
    counts: RowCounts,
    harmless: dict[str, pa.Array],
) -> None:
    """Count the rows in which a column that is not personal holds personal data after all.

    Every value is looked at: text with no list of allowed values, and whole numbers.

    Parameters
    ----------
    counts
        Its findings are added to.
    harmless
        By column, the few distinct texts of an earlier block in which nothing was found; updated.
    """
    import numpy as np
    import pyarrow as pa

    searched = [c for c in contract.columns if c.personal is None and not c.allowed]
    for column in searched:
        values = columns[column.name]
        encoded = pa.types.is_dictionary(values.type)
        for kind, mask in _kinds(column, values, harmless).items():
            if kind in column.allowed_findings or not mask.any():
                continue
            rows = mask[np.asarray(values.indices.drop_null())] if encoded else mask
            if count := int(rows.sum()):
                counts.findings[(column.name, kind)] += count


def _kinds(
    column: Column, values: pa.Array, harmless: dict[str, pa.Array]
) -> dict[str, np.ndarray]:
    """Tell by kind of personal data which values hold it: distinct texts, or whole numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == "integer":
        return detect.detect_integers(values.drop_null(), column.name)
    if column.type != "string":
        return {}
    encoded = pa.types.is_dictionary(values.type)
    distinct = values.dictionary if encoded else values.drop_null()
    before = harmless.get(column.name)
    if before is not None and encoded and pc.all(pc.is_in(distinct, before)).as_py():
        return {}
    kinds = detect.detect(distinct, column.name)
    if len(distinct) <= _FEW and not any(mask.any() for mask in kinds.values()):
        harmless[column.name] = distinct
    return kinds


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
    counts: RowCounts
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

    contract = checks.contract
    counts = RowCounts(blank=block.blank, noticed=Counter(block.noticed))
    columns, problems = _checked_columns(block, contract, counts)
    kept = np.ones(block.table.num_rows, bool)
    kept[list(problems)] = False
    if refusals:
        _refuse(np.flatnonzero(kept).tolist(), refusals, first, problems, counts)
        kept[list(problems)] = False
    codes = _codes(columns, checks)
    leak_sources = [columns[c.name] for c in checks.leak_sources]
    if problems:
        columns = {name: _kept(values, kept) for name, values in columns.items()}
    arrays = _arrays(columns, checks)
    if leak_sources:
        arrays |= _personal(leak_sources, checks, codes)
    counts.clean = int(kept.sum())
    counts.quarantined = len(problems) + len(block.rejected)
    if block.rejected:
        counts.rules[("", "layout")] += len(block.rejected)
    count_metrics(contract, columns, counts.metrics)
    _describe(columns, contract, counts)
    if not block.ascii:
        for name, values in columns.items():
            if contract.column(name).type == "string":
                for (kind, codec), rows in damaged(values).items():
                    counts.noticed[(kind, name, codec)] += rows
    personal_findings(columns, contract, counts, checks.harmless)
    table = leaving_columns(columns, contract, checks.key, {} if problems else codes)
    arrays |= _classes(table, checks)
    return Checked(table, _refused(block, problems, file), counts, arrays)


def _checked_columns(
    block: Block, contract: Contract, counts: RowCounts
) -> tuple[dict[str, pa.Array], dict[int, list[Problem]]]:
    """Give the typed columns, and what is wrong with rows by their position in the block."""
    columns: dict[str, pa.Array] = {}
    problems: dict[int, list[Problem]] = {}
    counter = {"error": counts.rules, "warning": counts.warned, "stop": counts.stopped}
    for column in sorted(contract.columns, key=lambda c: bool(c.parts)):
        if column.parts:
            columns[column.name], wrong = parse_parts(column, columns)
        else:
            iso = block.iso.get(column.name, ())
            cells = _cells(block, column)
            columns[column.name], wrong = parse_column(column, cells, contract.source, iso)
        for broken in check_column(column, columns[column.name], wrong):
            severity = column.severity(broken.rule)
            counter[severity][(broken.column, broken.rule)] += len(broken.rows)
            if severity == "error":
                problem = Problem(broken.column, broken.rule, broken.reason)
                for row in broken.rows.tolist():
                    problems.setdefault(row, []).append(problem)
    return columns, problems


def _refuse(
    clean: list[int],
    refusals: Refusals,
    first: int,
    problems: dict[int, list[Problem]],
    counts: RowCounts,
) -> None:
    """Add the refusals of clean rows, which stand at `first` and after among the file's."""
    for position, row in enumerate(clean, start=first):
        for problem in refusals.get(position, ()):
            problems.setdefault(row, []).append(problem)
            counts.rules[(problem.column, problem.rule)] += 1


def _classes(table: pa.Table, checks: Checks) -> dict[str, list[Any]]:
    """Give the digests by which k-anonymity counts rows, and subjects where it counts those."""
    anonymous = checks.contract.anonymity
    if anonymous is None:
        return {}
    groups = table.select(list(anonymous.columns))
    found = {"classes": [anonymity.class_digests(groups, checks.secret)]}
    if anonymous.subject:
        persons = table.select([anonymous.subject])
        found["subjects"] = [anonymity.class_digests(persons, checks.secret)]
    return found


def _cells(block: Block, column: Column) -> pa.Array:

    chunks = block.table.column(column.name)
    cells = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    return cells if block.ascii or column.type != "string" else normalise(cells)


def _kept(values: pa.Array, kept: Any) -> pa.Array:
    """Take the clean rows; no dictionary keeps a value of the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.filter(pa.array(kept))
    if not pa.types.is_dictionary(values.type):
        return values
    return pc.dictionary_encode(values.dictionary.take(values.indices))


def _pseudonymised(values: pa.Array, contract: Contract) -> pa.Array:
    """Return what a contract's pseudonyms are made from."""
    return values if contract.pseudonym_version == 1 else normal_forms(values)


def _codes(columns: dict[str, pa.Array], checks: Checks) -> dict[str, Any]:
    """Return the codes behind pseudonyms of plain text columns without nulls."""
    import pyarrow as pa

    return {
        name: codes(
            _pseudonymised(columns[name], checks.contract),
            checks.key or b"",
            checks.contract.column(name).domain,
        )
        for name in checks.known
        if pa.types.is_string(columns[name].type) and not columns[name].null_count
    }


def _personal(
    columns: list[pa.Array], checks: Checks, codes: dict[str, Any]
) -> dict[str, list[Any]]:
    """Return the digests of personal values that must not turn up in other columns."""
    import numpy as np
    import pyarrow as pa

    table = pa.table(columns, names=[column.name for column in checks.leak_sources])
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
    if checks.leak_sources:
        for column in checks.searched:
            if "leaked_value" not in column.allowed_findings:
                words = leaked_values.vocabulary(columns[column.name], checks.secret)
                arrays[f"words:{column.name}"] = [words]
    return arrays


def _describe(columns: dict[str, pa.Array], contract: Contract, counts: RowCounts) -> None:
    """Note what is missing, what never varies, and how far the data go in time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in contract.interim_columns:
        values = columns[column.name]
        if values.null_count:
            counts.missing[(column.name,)] = values.null_count
        if not len(values):
            continue
        one = values[0]
        if values[-1] != one or values[len(values) // 2] != one or len(pc.unique(values)) > 1:
            counts.varied.add(column.name)
        text = repr(one.as_py()).encode()
        counts.first[column.name] = hashlib.blake2b(text, digest_size=8).hexdigest()
    if contract.time_column is not None and counts.clean:
        times = columns[contract.time_column].drop_null()
        if len(times):
            steps = np.asarray(times.cast(pa.int32() if times.type == pa.date32() else pa.int64()))
            counts.in_order = bool((np.diff(steps) >= 0).all())
            newest = pc.max(times)
            counts.times = tuple(str(t.as_py()) for t in (times[0], times[-1], newest))


def _refused(block: Block, problems: dict[int, list[Problem]], file: str) -> list[str]:
    rows = sorted(problems)
    locations = block.locations(rows) if rows else []
    shaped = [[_with_shape(p, r, block) for p in problems[r]] for r in rows]
    placed = list(zip(locations, shaped, strict=True))
    placed += [(r.location, [Problem("", "layout", r.reason)]) for r in block.rejected]
    placed.sort(key=lambda item: item[0].line)
    return [quarantine_line(file, place, found) for place, found in placed]


def _with_shape(problem: Problem, row: int, block: Block) -> Problem:
    if problem.column not in block.table.column_names:
        return problem
    cell = block.table.column(problem.column)[row].as_py()
    if isinstance(cell, (date, datetime)):
        cell = cell.isoformat()
    return replace(problem, shape=shape("" if cell is None else str(cell)))
