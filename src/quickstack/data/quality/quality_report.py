"""The quality report: counts that add up, and the limits that stop a run."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstack.data.quality.counts import RowCounts
from quickstack.facts.contract import Contract
from quickstack.facts.contract.model import QualityRule
from quickstack.facts.errors import DataError
from quickstack.facts.notices import Notice, said
from quickstack.facts.paths import REJECTED

#: (column, rule) to some places where a row breaks it, each with the shape of the cell.
Evidence = Mapping[tuple[str, ...], Sequence[str]]


@dataclass(frozen=True)
class FileCounts:
    """The counts of one source file."""

    file: str
    counts: RowCounts


@dataclass(frozen=True)
class TableCounts:
    """The counts of one table: those of its files, and what only all of them together show.

    Attributes
    ----------
    findings
        What was found beside the files that were read.
    """

    contract: Contract
    files: list[FileCounts]
    whole_table: RowCounts
    findings: Sequence[Notice] = ()

    @property
    def whole(self) -> RowCounts:
        """All counts added up."""
        total = copy.deepcopy(self.whole_table)
        for file in self.files:
            total.add(file.counts)
        return total


def quality_report(
    contract: Contract, tables: list[TableCounts], key_fingerprint: str | None
) -> dict[str, Any]:
    """Add up the counts of all files.

    Parameters
    ----------
    tables
        The contract's own table first.

    Returns
    -------
    dict
        Plain values without a row's content: `rows`, `blank_lines`, `files`, `rules`, `warned`,
        `missing`, `warnings`, `findings`, `newest` (where there is a time column), `tables` (where
        there are several) and, where columns became pseudonyms, the fingerprint of their key.
    """
    main, others = tables[0], tables[1:]
    report: dict[str, Any] = {
        "dataset": contract.id,
        "contract_version": contract.version,
        **_table(main),
    }
    if others:
        report["tables"] = {table.contract.id: _table(table) for table in others}
    report["pseudonym_key"] = key_fingerprint
    return report


def _table(table: TableCounts) -> dict[str, Any]:
    total = table.whole
    columns = table.contract.interim_columns
    document: dict[str, Any] = {
        "rows": {"read": total.read, "clean": total.clean, "quarantined": total.quarantined},
        "blank_lines": total.blank,
        "files": [
            {
                "file": file.file,
                "read": file.counts.read,
                "clean": file.counts.clean,
                "quarantined": file.counts.quarantined,
                "blank": file.counts.blank,
            }
            for file in table.files
        ],
        "rules": _listed(total.rules),
        "warned": _listed(total.warned),
        "missing": {
            c.name: total.missing[(c.name,)] for c in columns if total.missing[(c.name,)] > 0
        },
        "warnings": _broken_limits(table.contract, total, stops=False) + _remarks(table, total),
        "findings": [
            finding._asdict()
            for finding in (
                *table.findings,
                *(f for file in table.files for f in said(file.file, file.counts.noticed)),
            )
        ],
    }
    if total.times:
        document["newest"] = total.times[2]
    return document


def _listed(counts: Counter[tuple[str, ...]]) -> list[dict[str, Any]]:
    return [{"column": c, "rule": rule, "rows": rows} for (c, rule), rows in sorted(counts.items())]


def _remarks(table: TableCounts, total: RowCounts) -> list[str]:
    """Say what is no mistake, and yet seldom meant."""
    remarks = []
    names = [c.name for c in table.contract.interim_columns]
    empty = [n for n in names if total.clean and total.missing[(n,)] == total.clean]
    constant = [n for n in names if total.clean > 1 and n not in total.varied and n not in empty]
    constant = [n for n in constant if not total.missing[(n,)]]
    if empty:
        remarks.append(f"without any value: {', '.join(empty)}")
    if constant:
        remarks.append(f"the same value in every row: {', '.join(constant)}")
    if not total.in_order:
        remarks.append(f"rows are not in the order of {table.contract.time_column}")
    by_rule: dict[str, int] = {}
    for (_, rule), rows in total.warned.items():
        by_rule[rule] = by_rule.get(rule, 0) + rows
    remarks += [f"rows that break the rule {r}: {n}" for r, n in sorted(by_rule.items())]
    return remarks


def require_usable(
    tables: list[TableCounts], evidence: Callable[[str], Evidence] = lambda _: {}
) -> None:
    """Stop where too many rows are broken, a limit of the contract is, or personal data leak.

    Parameters
    ----------
    evidence
        Returns, for a table's id, where its broken rows stand.

    Raises
    ------
    DataError
        With the largest causes, by column and rule.
    """
    for table in tables:
        where = table.contract.source.path
        total = table.whole
        if total.read == 0:
            raise DataError("the files hold no rows", where=where, fix="deliver them again")
        if total.findings:
            raise DataError(
                f"personal data where the contract expects none:{_causes(total.findings)}\n",
                where=where,
                fix="declare the column `classification: personal` with personalData, or, where "
                "you looked and it is none, list the kind in its allowedFindings",
            )
        if total.stopped:
            raise DataError(
                f"rows break rules of severity stop:{_causes(total.stopped)}\n",
                where=where,
                fix="correct the data or the contract; the previous result is kept",
            )
        _require_share(table, total, evidence)
        broken = _broken_limits(table.contract, total, stops=True)
        if broken:
            raise DataError("; ".join(broken), where=where, fix="correct the data or the contract")


def _require_share(
    table: TableCounts, total: RowCounts, evidence: Callable[[str], Evidence]
) -> None:
    limit = table.contract.source.max_quarantined_share
    # Rows suppressed for k-anonymity are right; they say nothing against the data.
    wrong = total.quarantined - total.rules[("", "k-anonymity")]
    share = wrong / total.read
    if share > limit:
        raise DataError(
            f"{wrong} of {total.read} rows ({share:.1%}) break the contract, and "
            f"it allows {limit:.1%}:{_causes(total.rules, evidence(table.contract.id))}\n",
            where=table.contract.source.path,
            fix=f"look at the rows in {REJECTED.as_posix()}, and correct the data or the contract; "
            "the previous result is kept",
        )


def _causes(counts: Counter[tuple[str, ...]], evidence: Evidence | None = None) -> str:
    lines = []
    for (column, rule), rows in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]:
        lines.append(f"\n  {column or 'whole row'}, {rule}: {rows} rows")
        lines += [f"\n    {place}" for place in (evidence or {}).get((column, rule), ())]
    return "".join(lines)


def _broken_limits(contract: Contract, total: RowCounts, *, stops: bool) -> list[str]:
    checks: list[tuple[str, QualityRule, float]] = []
    for rule in contract.quality:
        counted = total.clean
        if rule.metric == "duplicateValues":
            counted = total.metrics[(f"metric {', '.join(rule.columns)}", "duplicateValues")]
        checks.append(("", rule, float(counted)))
    for column in contract.columns:
        for index, rule in enumerate(column.quality):
            if rule.metric == "nullValues":
                counted = total.missing[(column.name,)]
            elif rule.metric == "duplicateValues":
                counted = total.metrics[(f"metric {column.name}", "duplicateValues")]
            else:
                counted = total.metrics[(column.name, str(index))]
            checks.append((column.name, rule, float(counted)))
    sentences = []
    for name, rule, counted_ in checks:
        value = 100 * counted_ / total.clean if rule.percent and total.clean else counted_
        if rule.stops == stops and not _holds(rule, value):
            what = _METRICS[rule.metric] + (f" in {name}" if name else "")
            unit = " %" if rule.percent else ""
            sentences.append(f"{what}: {value:g}{unit}, {_words(rule)}{unit}")
    return sentences


_METRICS = {
    "nullValues": "rows without a value",
    "missingValues": "rows with a missing value",
    "invalidValues": "rows with an invalid value",
    "duplicateValues": "repeated rows",
    "rowCount": "rows",
}


def _holds(rule: QualityRule, value: float) -> bool:
    limit: Any = rule.value
    return {
        "mustBe": lambda: value == limit,
        "mustNotBe": lambda: value != limit,
        "mustBeGreaterThan": lambda: value > limit,
        "mustBeGreaterOrEqualTo": lambda: value >= limit,
        "mustBeLessThan": lambda: value < limit,
        "mustBeLessOrEqualTo": lambda: value <= limit,
        "mustBeBetween": lambda: limit[0] <= value <= limit[1],
        "mustNotBeBetween": lambda: not limit[0] <= value <= limit[1],
    }[rule.operator]()


def _words(rule: QualityRule) -> str:
    """Turn `mustBeLessThan` into `must be less than …`."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in rule.operator)
    value = " and ".join(f"{v:g}" for v in rule.value) if isinstance(rule.value, tuple) else ""
    return f"{spaced} {value or f'{rule.value:g}'}"
