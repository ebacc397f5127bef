"""The page's one script, from modules that import each other.

The modules are files of their own, so that a linter and an editor read them as they are. Joined,
each stands after those it imports, without the lines that only tie modules together, comments and
indentation. No name may stand twice among them; a test holds that.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import [^;]*? from "\./([a-z_]+)\.js";\n', re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)


def modules(folder: Path, entry: str) -> list[str]:
    """Return the names of a module and all that it imports, imported ones first."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            for imported in _IMPORT.findall((folder / f"{name}.js").read_text(encoding="utf-8")):
                visit(imported)
            found.append(name)

    visit(entry)
    return found


def joined(folder: Path, entry: str) -> str:
    """Return one script that does what the module `entry` does."""
    parts = []
    for name in modules(folder, entry):
        text = _IMPORT.sub("", (folder / f"{name}.js").read_text(encoding="utf-8"))
        text = re.sub(r"^export ", "", _COMMENT.sub("", text), flags=re.MULTILINE)
        parts.append(re.sub(r"^[ \t]+|\n(?=\n)", "", text, flags=re.MULTILINE).strip())
    return '"use strict";\n{\n' + "\n".join(parts) + "\n}\n"


def compact_style(path: Path) -> str:
    """Return a style sheet without comments, indentation and empty lines."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", text).strip()
