"""One line about what is being done, on a terminal only."""

from __future__ import annotations

import sys


def step(text: str) -> None:
    """Say what begins, on stderr; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr, flush=True)
