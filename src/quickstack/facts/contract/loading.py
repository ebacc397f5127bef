"""Read a contract file; a wrong one gets every mistake at once, each with its line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import yaml

from quickstack.facts.contract.custom_properties import (
    CONTRACT_PROPERTIES,
    Mistakes,
    custom_values,
    place_of,
)
from quickstack.facts.contract.model import Contract, Split
from quickstack.facts.contract.privacy import read_anonymity
from quickstack.facts.contract.service_levels import read_service_levels
from quickstack.facts.contract.source import read_server
from quickstack.facts.contract.splitting import read_rows
from quickstack.facts.contract.standard import closest, structural_mistakes
from quickstack.facts.contract.standard_keys import check_standard_keys, where_it_belongs
from quickstack.facts.contract.tables import read_tables
from quickstack.facts.contract.task import (
    check_main_metric,
    check_task,
    read_decision,
    read_segments,
    read_span,
)
from quickstack.facts.errors import ContractError
from quickstack.facts.yaml_lines import LinedDocument, Path, UnboundedError

#: So many mistakes are listed.
_SHOWN = 100


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
            fix=_missing(path),
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
        told = getattr(error, "problem", None) or _not_text(error)
        what = told if isinstance(error, UnboundedError) else f"this is not YAML: {told}"
        raise ContractError(what, where=where, fix="correct the line") from None
    mistakes = Mistakes()
    for repeated in document.repeated:
        mistakes.add(repeated, f"'{repeated[-1]}' stands here twice; keep one")
    mistakes.found += structural_mistakes(document.value, where_it_belongs)
    check_standard_keys(document.value, mistakes)
    contract = None
    try:
        contract = _read(document.value, path, mistakes)
    except (AttributeError, KeyError, TypeError, ValueError):
        # What the standard refuses may be of any shape; its own mistakes say so.
        if not mistakes.found:
            raise
    if mistakes.found or contract is None:
        raise _refusal(shown, document, mistakes)
    return contract


def _not_text(error: Exception) -> str:
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "a control character"


def _missing(path: FilePath) -> str:
    """Say how a contract that is not there comes to be: by its right name, or from a copy."""
    there = sorted(p.name.removesuffix(".odcs.yaml") for p in path.parent.glob("*.odcs.yaml"))
    near = closest(path.name.removesuffix(".odcs.yaml"), there)
    example = next((name for name in ("sample", *there) if name in there), None)
    written = (
        "write this file as docs/contract.md describes it" if example is None else
        f"write this file after {(path.parent / example).as_posix()}.odcs.yaml"
    )  # fmt: skip
    choices = f" to one of: {', '.join(there)}" if there else ""
    return f"set `dataset` in params.yaml{choices}, or {written}{near}"


def _refusal(shown: str, document: LinedDocument, mistakes: Mistakes) -> ContractError:
    lined = sorted({(document.line(path), sentence) for path, sentence in mistakes.found})
    if len(lined) == 1:
        line, sentence = lined[0]
        return ContractError(sentence, where=f"{shown}:{line}")
    listed = "".join(f"\n  {shown}:{line}: {sentence}" for line, sentence in lined[:_SHOWN])
    listed += f"\n  … and {len(lined) - _SHOWN} more" if len(lined) > _SHOWN else ""
    return ContractError(f"the contract has {len(lined)} mistakes:{listed}\n", where=shown)


def _read(document: dict[str, Any], path: FilePath, mistakes: Mistakes) -> Contract | None:
    name = path.name.removesuffix(".yaml").removesuffix(".odcs")
    if document["id"] != name:
        mistakes.add(("id",), f"id is '{document['id']}', and the file is named for '{name}'")
    server = read_server(document, mistakes)
    tables = read_tables(document, server, mistakes)
    custom = custom_values(document, (), CONTRACT_PROPERTIES, mistakes)
    key, version = custom.get("pseudonymKey"), custom.get("pseudonymVersion", 2)
    if version not in (1, 2):
        place_there = place_of(document, (), "pseudonymVersion") or ("customProperties",)
        mistakes.add(place_there, "pseudonymVersion must be 1 or 2")
    owners = _owners(document)
    common = {"owners": owners, "key_fingerprint": key, "pseudonym_version": version}
    further = tuple(replace(t, **common) for t in tables[1:])
    description = document.get("description") or {}
    if not tables:
        return None
    contract = replace(
        tables[0],
        id=document["id"],
        name=document.get("name") or document["id"],
        description=" ".join(str(description.get("purpose") or "").split()),
        task=custom.get("task", "binary"),
        target=custom.get("target", ""),
        split=Split(custom.get("testFrom"), custom.get("testFromRow"), custom.get("testShare")),
        weight=custom.get("sampleWeight"),
        positive=custom.get("positiveLabel"),
        chosen_metric=custom.get("mainMetric"),
        time_column=custom.get("timeColumn"),
        period=custom.get("period"),
        rows_per_period=custom.get("rowsPerPeriod"),
        group=custom.get("group"),
        **common,
        service_levels=read_service_levels(document, mistakes),
        tables=further,
    )

    def place(name: str) -> Path:
        return place_of(document, (), name) or ("customProperties",)

    contract = read_rows(custom, contract, place, mistakes)
    check_task(contract, place, mistakes)
    check_main_metric(contract, place("mainMetric"), mistakes)
    anonymity = read_anonymity(custom.get("kAnonymity"), contract, place("kAnonymity"), mistakes)
    return replace(
        contract,
        anonymity=anonymity,
        decision=read_decision(custom.get("decision"), contract, place("decision"), mistakes),
        segments=read_segments(custom.get("segments"), contract, place("segments"), mistakes),
        horizon=read_span("horizon", custom.get("horizon"), contract, place, mistakes),
        season=read_span("season", custom.get("season"), contract, place, mistakes),
    )


def _owners(document: dict[str, Any]) -> dict[str, str]:
    team = document.get("team") or {}
    members = team.get("members") or [] if isinstance(team, dict) else team
    return {str(m.get("role")): str(m.get("name") or m.get("username")) for m in members}
