"""The quality report: counts that add up, and the limits that stop a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from quickstack.contract import Contract
from quickstack.contract.model import QualityRule
from quickstack.errors import DataError


@dataclass
class FileCounts:
    """The counts of one source file; they merge by addition.

    Attributes
    ----------
    rules
        (column, rule) to the number of rows that break it. A row may break several.
    missing
        Column to the number of clean rows without a value.
    """

    file: str
    clean: int = 0
    quarantined: int = 0
    blank: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """How many rows the file holds: each is clean or in quarantine."""
        return self.clean + self.quarantined


def quality_report(
    contract: Contract, files: list[FileCounts], key_fingerprint: str | None
) -> dict[str, Any]:
    """Add up the counts of all files.

    Returns
    -------
    dict
        Plain values without a row's content: `rows`, `files`, `rules`, `missing`, `warnings`
        and, where columns became pseudonyms, the fingerprint of their key.
    """
    rules: Counter[tuple[str, str]] = sum((f.rules for f in files), Counter())
    missing: Counter[str] = sum((f.missing for f in files), Counter())
    clean = sum(f.clean for f in files)
    return {
        "dataset": contract.id,
        "contract_version": contract.version,
        "rows": {
            "read": sum(f.read for f in files),
            "clean": clean,
            "quarantined": sum(f.quarantined for f in files),
        },
        "blank_lines": sum(f.blank for f in files),
        "files": [
            {
                "file": f.file,
                "read": f.read,
                "clean": f.clean,
                "quarantined": f.quarantined,
                "blank": f.blank,
            }
            for f in files
        ],
        "rules": [
            {"column": column, "rule": rule, "rows": rows}
            for (column, rule), rows in sorted(rules.items())
        ],
        "missing": {
            c.name: missing[c.name] for c in contract.interim_columns if missing[c.name] > 0
        },
        "warnings": _broken_limits(contract, clean, missing, stops=False),
        "pseudonym_key": key_fingerprint,
    }


def require_usable(contract: Contract, report: dict[str, Any]) -> None:
    """Stop where too many rows are broken, or a limit of the contract is.

    Raises
    ------
    DataError
        With the largest causes, by column and rule.
    """
    rows = report["rows"]
    share = rows["quarantined"] / rows["read"] if rows["read"] else 1.0
    limit = contract.source.max_quarantined_share
    if rows["read"] == 0:
        raise DataError(
            "the files hold no rows", where=contract.source.path, fix="deliver them again"
        )
    if share > limit:
        largest = sorted(report["rules"], key=lambda r: (-r["rows"], r["column"], r["rule"]))
        causes = "".join(
            f"\n  {r['column'] or 'whole row'}, {r['rule']}: {r['rows']} rows" for r in largest[:10]
        )
        raise DataError(
            f"{rows['quarantined']} of {rows['read']} rows ({share:.1%}) break the contract, and "
            f"it allows {limit:.1%}:{causes}\n",
            where=contract.source.path,
            fix="correct the data or the contract; the previous result is kept",
        )
    missing = Counter(report["missing"])
    broken = _broken_limits(contract, rows["clean"], missing, stops=True)
    if broken:
        raise DataError(
            "; ".join(broken), where=contract.source.path, fix="correct the data or the contract"
        )


def _broken_limits(
    contract: Contract, clean: int, missing: Counter[str], *, stops: bool
) -> list[str]:
    checks = [("", rule, float(clean)) for rule in contract.quality]
    for column in contract.interim_columns:
        checks += [(column.name, rule, float(missing[column.name])) for rule in column.quality]
    sentences = []
    for name, rule, counted in checks:
        value = 100 * counted / clean if rule.percent and clean else counted
        if rule.stops == stops and not _holds(rule, value):
            what = f"rows without a value in {name}" if name else "rows"
            unit = " %" if rule.percent else ""
            sentences.append(f"{what}: {value:g}{unit}, {_words(rule)}{unit}")
    return sentences


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
