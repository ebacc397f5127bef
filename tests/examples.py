"""Small contracts and files that tests build on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quickstack.facts.contract import Column, Contract, Source, Split


def people_contract(**changes: Any) -> Contract:
    """Give a contract of five columns: a pseudonym, a dropped name, a class, a number, a date."""
    settings: dict[str, Any] = {
        "id": "people",
        "name": "People",
        "version": "1.0.0",
        "description": "",
        "grain": "One row per person.",
        "source": Source(path="data/raw/people/*.csv", max_quarantined_share=0.5),
        "columns": (
            Column("id", "string", key_position=1, required=True, classification="personal",
                   personal="pseudonym", domain="person"),
            Column("name", "string", classification="personal", personal="drop"),
            Column("kind", "string", allowed=("a", "b"), classification="public"),
            Column("amount", "number", minimum=0),
            Column("day", "date", format="yyyy-MM-dd"),
        ),
        "task": "binary",
        "target": "kind",
        "positive": "a",
        "split": Split(share=0.2),
    }  # fmt: skip
    return Contract(**(settings | changes))


HEADER = "id,name,kind,amount,day\n"


def write(path: Path, content: str | bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
