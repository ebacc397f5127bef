"""Read the small JSON documents that earlier stages left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quickstack.facts.errors import SourceError


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON document.

    Raises
    ------
    SourceError
        Where it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        what = "there is no such result yet"
    except ValueError:
        what = "this is damaged"
    raise SourceError(what, where=path.as_posix(), fix="run `dvc repro`")
