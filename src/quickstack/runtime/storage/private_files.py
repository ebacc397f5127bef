"""Write files that hold keys."""

from __future__ import annotations

import os
from pathlib import Path

from quickstack.facts.files import whole_file


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at no moment readable by others.

    On Windows the rights of the folder apply: those of the user's own folder, as a rule.
    """
    with whole_file(path) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
