"""Write a drafted contract: short, one line a column, with a comment beside each guess."""

from __future__ import annotations

from typing import Any

import yaml

from quickstack.data.onboarding.describing import ColumnDraft
from quickstack.data.onboarding.drafting import Draft
from quickstack.facts.contract import Source
from quickstack.facts.contract.source import FIELDS

_SAID = "said when the contract was drafted"


def contract_text(draft: Draft, path: str) -> str:
    """Return the contract as YAML.

    Parameters
    ----------
    path
        Of its files, as a pattern.
    """
    target, task = draft.custom["target"], draft.custom["task"]
    lines = [
        "# Drafted by `quickstack init`. It is yours: correct what is wrong.",
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {_flow(draft.name)}",
        f"name: {_flow(draft.name.replace('_', ' ').capitalize())}",
        "version: 1.0.0",
        "status: draft",
        f"description: {_flow({'purpose': f'Predict {target} ({task}).'})}",
        "servers:",
        _line("  - ", _server(draft.source, path), _source_notes(draft)),
        "schema:",
        f"  - name: {_flow(draft.name)}",
        "    logicalType: object",
        "    physicalType: file",
        "    properties:",
    ]
    lines += [_line("      - ", _entry(column), column.notes) for column in draft.columns]
    lines.append("customProperties:")
    for name, value in draft.custom.items():
        note = draft.notes.get(name)
        lines.append(_line("  - ", {"property": name, "value": value}, [note] if note else []))
    return "\n".join(lines) + "\n"


def _line(start: str, value: dict[str, Any], notes: list[str]) -> str:
    comment = "; ".join(dict.fromkeys(notes))
    return f"{start}{_flow(value)}" + (f"  # {' '.join(comment.split())}" if comment else "")


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1 << 30, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _server(source: Source, path: str) -> dict[str, Any]:
    """Return the server, with the settings that are not what a contract means without them."""
    plain = Source(path="")
    settings = {}
    for name, field in FIELDS.items():
        value = getattr(source, field)
        if value != getattr(plain, field):
            settings[name] = list(value) if isinstance(value, tuple) else value
    server: dict[str, Any] = {
        "server": "raw",
        "type": "local",
        "path": path,
        "format": source.format,
    }
    if source.format in ("csv", "jsonl"):
        server["encoding"] = source.encoding
        if source.format == "csv":
            settings = {"delimiter": source.delimiter, **settings}
    properties = [{"property": k, "value": v} for k, v in settings.items()]
    return server | ({"customProperties": properties} if properties else {})


def _source_notes(draft: Draft) -> list[str]:
    return [
        draft.notes[n]
        for n in ("encoding", "skipLines", "header", "sheet", "key")
        if n in draft.notes
    ]


def _entry(column: ColumnDraft) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "logicalType": column.type}
    order = ("primaryKey", "primaryKeyPosition", "required", "classification", "description")
    entry |= {name: column.entry[name] for name in order if name in column.entry}
    options = dict(column.entry.get("logicalTypeOptions", {}))
    if column.format:
        options = {"format": column.format, **options}
    if options:
        entry["logicalTypeOptions"] = options
    if "enum" in column.entry:
        entry["enum"] = column.entry["enum"]
    custom: list[dict[str, Any]] = []
    for name, value in column.custom.items():
        said = {"description": _SAID} if name == "knownAt" else {}
        custom.append({"property": name, "value": value, **said})
    return entry | ({"customProperties": custom} if custom else {})
