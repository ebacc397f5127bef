"""Secrets come from the environment or `.env`, and leave in no message, record or file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from quickstack.facts.errors import SourceError

ENVIRONMENT_FILE = Path(".env")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")


def read_secret(variable: str, root: Path, form: str) -> str:
    """Return the value of an environment variable, or of its line in `.env`.

    Parameters
    ----------
    variable
        Its name.
    root
        Root of the repository, which holds `.env`.
    form
        How a value looks, for the message: never a real one.

    Raises
    ------
    SourceError
        Where it is set nowhere, or is empty.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", variable):
        # Most likely the secret itself was given in place of its name: it is not repeated.
        raise SourceError(
            "what was given is not a name of an environment variable",
            fix=f"put the value ({form}) into a variable, and name the variable",
        )
    value = os.environ.get(variable) or _from_file(root / ENVIRONMENT_FILE).get(variable)
    if not value:
        raise SourceError(
            "it is not set",
            where=f"environment variable {variable}",
            fix=f"export it as {form}, or write the line {variable}={form} into .env, "
            "which git ignores",
        )
    return value


def _from_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            value = match[2]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[match[1]] = value
    return found


def shown_url(url: str) -> str:
    """Return scheme, host, port and path of an address: no user, password, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
