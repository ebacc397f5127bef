"""Read a contract file; a wrong one gets every mistake at once, each with its line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as FilePath
from typing import Any, get_args

import yaml

from quickstack.contract.columns import read_columns, read_quality
from quickstack.contract.model import Contract, Source, Split, Task
from quickstack.contract.standard import structural_mistakes
from quickstack.contract.vocabulary import LEARNING, READING, Mistakes, custom_values
from quickstack.errors import ContractError
from quickstack.yaml_lines import LinedDocument, Path

_PERIODS = ("hour", "day", "week", "month", "quarter", "year")


def load_contract(path: FilePath | str) -> Contract:
    """Read and check a data contract.

    Parameters
    ----------
    path
        An ODCS v3 file, `configuration/contracts/<dataset>.odcs.yaml`.

    Returns
    -------
    Contract

    Raises
    ------
    ContractError
        Where the file is missing, is not YAML, or says something wrong: all mistakes at once,
        each with its line and what to write instead.
    """
    path = FilePath(path)
    shown = path.as_posix()
    try:
        document = LinedDocument(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ContractError(
            "there is no such contract",
            where=shown,
            fix="check `dataset` in params.yaml, or write this file after the example of "
            "configuration/contracts/sample.odcs.yaml",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
        what = f"this is not YAML: {getattr(error, 'problem', None) or 'not UTF-8 text'}"
        raise ContractError(what, where=where, fix="correct the line") from None
    mistakes = Mistakes()
    for repeated in document.repeated:
        mistakes.add(repeated, f"'{repeated[-1]}' stands here twice; keep one")
    mistakes.found += structural_mistakes(document.value)
    try:
        contract = _read(document.value, path, mistakes)
    except (AttributeError, KeyError, TypeError, ValueError):
        # What the standard refuses may be of any shape; its own mistakes say so.
        if not mistakes.found:
            raise
    if mistakes.found:
        raise _refusal(shown, document, mistakes)
    return contract


def _refusal(shown: str, document: LinedDocument, mistakes: Mistakes) -> ContractError:
    lined = sorted({(document.line(path), sentence) for path, sentence in mistakes.found})
    if len(lined) == 1:
        line, sentence = lined[0]
        return ContractError(sentence, where=f"{shown}:{line}")
    listed = "".join(f"\n  {shown}:{line}: {sentence}" for line, sentence in lined)
    return ContractError(f"the contract has {len(lined)} mistakes:{listed}\n", where=shown)


def _read(document: dict[str, Any], path: FilePath, mistakes: Mistakes) -> Contract:
    name = path.name.removesuffix(".yaml").removesuffix(".odcs")
    if document["id"] != name:
        mistakes.add(("id",), f"id is '{document['id']}', and the file is named for '{name}'")
    tables = document.get("schema") or []
    if len(tables) != 1:
        mistakes.add(("schema",), f"one table is needed under `schema`; here are {len(tables)}")
    table = tables[0] if tables else {}
    columns = read_columns(table, ("schema", 0), mistakes)
    custom = custom_values(document, (), LEARNING, mistakes)
    description = document.get("description") or {}
    contract = Contract(
        id=document["id"],
        name=document.get("name") or document["id"],
        version=str(document["version"]),
        description=" ".join(str(description.get("purpose") or "").split()),
        grain=str(table.get("dataGranularityDescription") or table.get("description") or ""),
        source=_source(document, mistakes),
        columns=columns,
        task=custom.get("task", "binary"),
        target=custom.get("target", ""),
        split=Split(custom.get("testFrom"), custom.get("testFromRow"), custom.get("testShare")),
        positive=custom.get("positiveLabel"),
        time_column=custom.get("timeColumn"),
        period=custom.get("period"),
        rows_per_period=custom.get("rowsPerPeriod"),
        key_fingerprint=custom.get("pseudonymKey"),
        quality=read_quality(table, ("schema", 0), mistakes),
        owners=_owners(document),
        service_levels={
            str(sla["property"]): f"{sla['value']} {sla.get('unit', '')}".strip()
            for sla in document.get("slaProperties") or []
        },
    )
    _check_learning(contract, mistakes)
    return contract


def _source(document: dict[str, Any], mistakes: Mistakes) -> Source:
    servers = document.get("servers") or []
    raw = [i for i, server in enumerate(servers) if server["server"] == "raw"]
    origin = next((s.get("location") for s in servers if s["server"] == "origin"), None)
    if len(raw) != 1:
        mistakes.add(("servers",), "one server named 'raw' must say where the data come from")
        return Source(path="")
    here: Path = ("servers", raw[0])
    server = servers[raw[0]]
    if server["type"] != "local":
        mistakes.add((*here, "type"), "the server 'raw' must be of type local: a path in data/raw")
    if server.get("format") != "csv":
        mistakes.add((*here, "format"), "the format must be csv")
    custom = custom_values(server, here, READING, mistakes)
    delimiter = custom.get("delimiter", ",")
    if len(delimiter) != 1:
        mistakes.add(here, 'the delimiter must be one character; write a tab as "\\t"')
    share = float(custom.get("maxQuarantinedShare", 0.05))
    if not 0 <= share <= 1:
        mistakes.add(here, "maxQuarantinedShare must lie between 0 and 1")
    path, folder = str(server.get("path", "")), f"data/raw/{document['id']}/"
    # dvc.yaml declares that folder as the stage's dependency, and no other.
    if not path.startswith(folder) or ".." in path:
        mistakes.add((*here, "path"), f"the path must lie in {folder}")
    encoding = server.get("encoding", "utf-8")
    try:
        "".encode(encoding)
    except LookupError:
        mistakes.add((*here, "encoding"), f"'{encoding}' is no encoding; write utf-8, latin-1, …")
    return Source(
        path=path,
        delimiter=delimiter,
        encoding=encoding,
        missing=tuple(str(value) for value in custom.get("missingValues", [""])),
        max_quarantined_share=share,
        origin=origin,
    )


def _owners(document: dict[str, Any]) -> dict[str, str]:
    team = document.get("team") or {}
    members = team.get("members") or [] if isinstance(team, dict) else team
    return {str(m.get("role")): str(m.get("name") or m.get("username")) for m in members}


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_learning(contract: Contract, mistakes: Mistakes) -> None:
    """Check what the contract says about the task against its own columns."""
    here: Path = ("customProperties",)
    columns = {column.name: column for column in contract.columns}
    if contract.task not in get_args(Task):
        mistakes.add(here, f"task must be one of: {', '.join(get_args(Task))}")
    target = columns.get(contract.target)
    if target is None:
        mistakes.add(here, f"target '{contract.target}' is no column; name the column to predict")
    elif contract.task == "regression" and target.type not in ("integer", "number"):
        mistakes.add(here, f"regression needs a number as its target; '{target.name}' is none")
    elif contract.task != "regression" and not target.allowed and target.type != "boolean":
        mistakes.add(here, f"the target '{target.name}' needs its classes as `enum` values")
    if target is not None and target.personal:
        mistakes.add(here, f"the target '{target.name}' cannot be personal data")
    if contract.task == "binary" and target is not None:
        classes = target.allowed or (False, True)
        if len(classes) != 2:
            mistakes.add(here, f"binary needs a target of two classes; here are {len(classes)}")
        if contract.positive not in classes:
            mistakes.add(here, "positiveLabel must name one of the target's two classes")
    time = contract.time_column
    temporal = {name for name, column in columns.items() if column.type in ("date", "timestamp")}
    if time is not None and time not in temporal:
        mistakes.add(here, f"timeColumn '{time}' must be a column of type date or timestamp")
    if time is not None and contract.period not in _PERIODS:
        mistakes.add(here, f"a timeColumn needs a period: one of {', '.join(_PERIODS)}")
    split = contract.split
    chosen = [v for v in (split.from_time, split.from_row, split.share) if v is not None]
    if len(chosen) != 1:
        mistakes.add(here, "one of testFrom, testFromRow and testShare must choose the test rows")
    if split.from_time is not None and not _is_moment(split.from_time):
        mistakes.add(here, f"testFrom '{split.from_time}' is no ISO 8601 date or time")
    if split.from_time is not None and time is None:
        mistakes.add(here, "testFrom needs a timeColumn")
    if split.from_row is not None and contract.rows_per_period is None:
        mistakes.add(here, "testFromRow needs rowsPerPeriod: it says that row order is time")
    if split.share is not None and (contract.ordered or not 0 < split.share < 1):
        mistakes.add(here, "testShare must lie between 0 and 1, for data without an order in time")
    if split.share is not None and not contract.key:
        mistakes.add(here, "testShare needs a primaryKey: rows are chosen by the hash of their key")
