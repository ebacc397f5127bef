"""Ingest one file through the real engine, and compare what became of it with what must."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from quickstack.data.ingesting.engine import ingest
from quickstack.facts.contract import Column, Contract, Source, Split
from quickstack.facts.contract.model import FINDINGS
from quickstack.facts.errors import QuickstackError
from quickstack.facts.params import ComputeParams
from torture.expectations import Case

_FORMATS = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%dT%H:%M:%S"}
#: Python's directives, which the other tools take too, as the contract writes them.
_LETTERS = {
    "T": "'T'", "%Y": "yyyy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss",
}  # fmt: skip


@dataclass
class Result:
    """What became of a file.

    Attributes
    ----------
    rows
        The clean rows, typed, in file order; None where ingest refused the file.
    refused
        The rows in quarantine.
    report
        The quality report.
    error
        Why the file was refused.
    """

    rows: list[dict[str, Any]] | None = None
    refused: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    error: QuickstackError | None = None


def contract_of(case: Case) -> Contract:
    """Make the contract that a team would write for a case."""
    columns = []
    for name, kind in case.columns.items():
        settings: dict[str, Any] = {"format": _FORMATS.get(kind), "classification": "public"}
        if kind == "string":
            settings["allowed_findings"] = FINDINGS
        settings |= case.rules.get(name, {})
        for directive, letters in _LETTERS.items():
            settings["format"] = settings["format"] and settings["format"].replace(
                directive, letters
            )
        columns.append(Column(name, kind, **settings))
    return simple_contract(tuple(columns), case.source, **case.contract)


def simple_contract(
    columns: tuple[Column, ...], source: dict[str, Any] | None = None, **changes: Any
) -> Contract:
    """Make a contract about `data/raw/one/*` that lets every share of broken rows pass."""
    settings: dict[str, Any] = {
        "id": "one",
        "name": "One file",
        "version": "1.0.0",
        "description": "",
        "grain": "One row.",
        "source": Source(
            **({"path": "data/raw/one/*", "max_quarantined_share": 1.0} | (source or {}))
        ),
        "columns": columns,
        "task": "regression",
        "target": columns[-1].name,
        "split": Split(share=0.2),
    }
    return Contract(**(settings | changes))


def ingest_file(
    file: Path | bytes,
    contract: Contract,
    folder: Path,
    *,
    name: str = "data.csv",
    block_bytes: int = 1 << 20,
    workers: int = 1,
) -> Result:
    """Ingest one file, given by its path or content, in an empty folder.

    Raises
    ------
    Exception
        Whatever is none of Quickstack's own errors: that is what must not happen.
    """
    raw = folder / "data/raw/one"
    raw.mkdir(parents=True, exist_ok=True)
    if isinstance(file, bytes):
        (raw / name).write_bytes(file)
    else:
        shutil.copyfile(file, raw / file.name)
    return ingest_folder(folder, contract, block_bytes=block_bytes, workers=workers)


def ingest_folder(
    folder: Path, contract: Contract, *, block_bytes: int = 1 << 20, workers: int = 1
) -> Result:
    """Ingest what lies in `data/raw/one` of a folder."""
    places = [folder / "interim", folder / "quarantine"]
    for place in places:
        place.mkdir(exist_ok=True)
    with contextlib.chdir(folder):
        try:
            report = ingest(
                contract,
                key=b"k" * 32,
                interim=places[0],
                quarantine=places[1],
                block_bytes=block_bytes,
                compute=ComputeParams(workers=workers),
                cache=folder / "cache",
            )
        except QuickstackError as error:
            return Result(error=error)
    tables = [pq.read_table(path) for path in sorted(places[0].glob("*.parquet"))]
    lines = [
        json.loads(line)
        for path in sorted(places[1].glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    ]
    return Result([row for table in tables for row in table.to_pylist()], lines, report)


def complaints(case: Case, result: Result, root: Path) -> list[str]:
    """Return every way in which a result is not what the case expects; nothing where it is."""
    if case.expect == "refused":
        if result.error is None:
            return ["it was not refused"]
        sentence = str(result.error)
        found = [] if case.says in sentence else [f"the sentence is: {sentence}"]
        return found if result.error.fix else [*found, "the sentence names no remedy"]
    if result.error is not None or result.rows is None:
        return [f"it was refused: {result.error}"]
    found = _counts(case, result, root)
    assert case.truth is not None
    truth = case.truth(root)
    wanted = [{name: typed(case, name, row[name]) for name in case.columns} for row in truth]
    if len(wanted) != len(result.rows):
        return [*found, f"{len(result.rows)} clean rows, not {len(wanted)}"]
    for number, (is_, must) in enumerate(zip(result.rows, wanted, strict=True)):
        wrong = [name for name in must if not same(is_[name], must[name])]
        if wrong:
            found.append(f"row {number} differs in {', '.join(wrong)}")
    return found


def _counts(case: Case, result: Result, root: Path) -> list[str]:
    found = []
    rows = result.report["rows"]
    if rows["read"] != rows["clean"] + rows["quarantined"]:
        found.append("the counts do not add up")
    if (rows["clean"], rows["quarantined"]) != (len(result.rows or ()), len(result.refused)):
        found.append("the counts are not those of the files")
    lines = tuple(row["line"] for row in result.refused)
    if lines != case.lines(root):
        found.append(f"in quarantine are lines {lines}, not {case.lines(root)}")
    if any(not row["problems"] or not row["problems"][0]["reason"] for row in result.refused):
        found.append("a row in quarantine has no reason")
    if result.report["blank_lines"] != case.blank:
        found.append(f"{result.report['blank_lines']} blank lines, not {case.blank}")
    if case.expect == "reported" and not lines:
        said = " ".join(result.report["warnings"]) + " ".join(result.report["missing"])
        if case.says not in said:
            found.append(f"nothing in the report says {case.says!r}")
    return found


def typed(case: Case, name: str, cell: str | None) -> Any:
    """Turn the text of a truth into a value, by Python's own means."""
    kind, source = case.columns[name], {} if case.plain else case.source
    if cell is None or cell in source.get("missing", ("",)):
        return None
    if kind == "string":
        return unicodedata.normalize("NFC", cell)
    if kind in ("integer", "number"):
        text = cell.replace(source.get("thousands") or "\0", "")
        text = text.replace(source.get("decimal", "."), ".").strip()
        # A workbook's whole numbers are floats; its truth writes `1.0`.
        return float(text) if kind == "number" else int(text.removesuffix(".0"))
    if kind == "boolean":
        return cell in source.get("true_values", ("true", "True", "TRUE", "1"))
    pattern = case.rules.get(name, {}).get("format") or _FORMATS[kind]
    try:
        moment = datetime.strptime(cell, pattern)
    except ValueError:
        moment = datetime.fromisoformat(cell)
    return moment.date() if kind == "date" else moment


def same(left: Any, right: Any) -> bool:
    """Compare two values of one row, NaN equal to itself."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, date) and isinstance(right, date):
        return left == right
    return type(left) is type(right) and left == right
