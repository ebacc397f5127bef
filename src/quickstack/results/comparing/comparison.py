"""All that differs between two revisions, as one plain object without a value of the data."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quickstack.facts import paths
from quickstack.facts.contract import Contract, load_contract
from quickstack.facts.errors import ContractError
from quickstack.results.comparing.document_differences import (
    compare_params,
    compare_quality,
    compare_raw,
)
from quickstack.results.comparing.metric_differences import compare_metrics
from quickstack.results.comparing.revision_objects import RevisionObjects
from quickstack.results.comparing.table_differences import TableFacts, compare_table, group_tables
from quickstack.results.exporting.export_tables import DRIFT, IMPORTANCE, METRICS, QUALITY
from quickstack.results.exporting.predictions import safe_names
from quickstack.runtime.repository.revisions import Revision

#: What identifies a row of the exported tables that have no key of the contract.
KEYS = {layout.name: layout.key for layout in (METRICS, DRIFT, IMPORTANCE, QUALITY)}
KEYS["quality_rules"] = ("column", "rule")  # either may be missing, which no key may be
_PREDICTIONS = "predictions"


def diff(before: Revision, after: Revision, *, offline: bool = False) -> dict[str, Any]:
    """Compare two revisions.

    Returns
    -------
    dict
        JSON-able: `before`, `after` (names), `dataset`, `parameters`, `metrics` (as
        `metrics.compare_metrics`), `quality`, `raw`, `drift`, `code` (files that
        differ, by stage) and
        `tables`, each as `tables.compare_table` with its `name`. The same revisions give the same
        object.
    """
    objects = RevisionObjects(before.root, offline)
    contracts = [_contract(side) for side in (before, after)]
    return {
        "before": before.title,
        "after": after.title,
        "dataset": _pair(side.params.get("dataset") for side in (before, after)),
        "parameters": compare_params(before.params, after.params),
        "code": _changed_code(before, after),
        "metrics": compare_metrics(before, after, objects, contracts[1]),
        "drift": _pair(side.json(paths.DRIFT).get("verdict") for side in (before, after)),
        "quality": compare_quality(before.json(paths.QUALITY), after.json(paths.QUALITY)),
        "raw": compare_raw(objects, before, after),
        "tables": [
            *_output(objects, paths.INTERIM, before, after, contracts),
            *_output(objects, paths.EXPORTS, before, after, contracts),
        ],
    }


def _pair(values: Any) -> dict[str, Any]:
    before, after = values
    return {"before": before, "after": after}


def _contract(revision: Revision) -> Contract | None:
    """Read the contract as the revision has it; None where it has none that can be read."""
    place = paths.contract_path(str(revision.params.get("dataset")))
    text = revision.text(place)
    if text is None:
        return None
    with TemporaryDirectory() as folder:
        copy = Path(folder) / place.name
        copy.write_text(text, encoding="utf-8")
        try:
            return load_contract(copy)
        except ContractError:  # of another version of the library
            return None


def _changed_code(before: Revision, after: Revision) -> dict[str, int]:
    """Return the stages whose code or packages differ, with how many dependencies do."""
    found = {}
    for name in sorted(before.stages.keys() & after.stages.keys()):
        one, other = (_code(side.stages[name]) for side in (before, after))
        if one != other:
            found[name] = sum(one.get(p) != other.get(p) for p in one.keys() | other.keys())
    return found


def _code(stage: dict[str, Any]) -> dict[str, str]:
    return {
        dep["path"]: dep.get("md5", "")
        for dep in stage.get("deps") or ()
        if dep["path"].startswith("src/") or dep["path"] == paths.REQUIREMENTS.as_posix()
    }


def _output(
    objects: RevisionObjects,
    output: Path,
    before: Revision,
    after: Revision,
    contracts: list[Contract | None],
) -> list[dict[str, Any]]:
    """Compare the tables in one output; one entry says so where it cannot be had."""
    if after.commit is not None and before.output(output) == after.output(output):
        return [{"name": output.as_posix(), "status": "same"}]
    sides = (before, after)
    found = [objects.listing(side, output) for side in sides]
    missing = [s.title for s, listing in zip(sides, found, strict=True) if listing is None]
    if missing:
        sentence = f"the list of its files at {', '.join(missing)} is in no cache or shared remote"
        return [{"name": output.as_posix(), "status": "not available", "notes": [sentence]}]
    interim = output == paths.INTERIM
    known = next((contract for contract in reversed(contracts) if contract is not None), None)
    names = [contract.id for contract in contracts if contract is not None] or ["main"]
    tables = [
        group_tables(listing or {}, name if interim else None)
        for listing, name in zip(found, (names[0], names[-1]), strict=True)
    ]
    entries = []
    for name in sorted(tables[0].keys() | tables[1].keys()):
        facts = (
            _interim_facts(objects, name, before, after, known)
            if interim
            else _export_facts(name, known)
        )
        files = tables[0].get(name, {}), tables[1].get(name, {})
        compared = compare_table(objects, output, sides, files, facts)
        entries.append({"name": f"{output.as_posix()}/{name}", **compared})
    return entries


def _interim_facts(
    objects: RevisionObjects,
    name: str,
    before: Revision,
    after: Revision,
    contract: Contract | None,
) -> TableFacts:
    of_table = [t for t in (contract, *(contract.tables if contract else ())) if t and t.id == name]
    if not of_table:
        return TableFacts()
    table = of_table[0]
    reports = [side.json(paths.QUALITY) for side in (before, after)]
    fingerprints = [report.get("pseudonym_key") for report in reports]
    own = [r if table is contract else (r.get("tables") or {}).get(name, {}) for r in reports]
    columns = {c.name: c for c in table.columns}
    key = tuple(k for k in table.key if not columns[k].dropped)
    notes: tuple[str, ...] = ()
    if fingerprints[0] != fingerprints[1] and any(columns[k].personal for k in key):
        key = ()
        notes = ("pseudonyms were made with another key: rows cannot be matched",)
    reference = objects.document(before, paths.REFERENCE) if table is contract else None
    counts = [(report.get("rows") or {}).get("clean") for report in own]
    categories = {c.name: tuple(str(v) for v in c.allowed) for c in table.columns if c.allowed}
    return TableFacts(
        key=key if len(key) == len(table.key) else (),
        categories=categories,
        rows=(counts[0], counts[1]),
        reference=reference,
        notes=notes,
    )


def _export_facts(name: str, contract: Contract | None) -> TableFacts:
    if name != _PREDICTIONS or contract is None:
        return TableFacts(key=KEYS.get(name, ()))
    key = [k for k in contract.key if not contract.column(k).dropped]
    whole = bool(key) and len(key) == len(contract.key)
    return TableFacts(key=tuple(safe_names(key)) if whole else ("row",))
