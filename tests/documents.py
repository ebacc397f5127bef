"""README and docs: their commands, each with what it is said to print, and their links."""

from __future__ import annotations

import re
from pathlib import Path

from helpers import ROOT

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
#: Every page for people that links are followed from.
ALL = [
    README,
    *PAGES,
    *(ROOT / "configuration" / "aws").glob("*.md"),
    *ROOT.glob("benchmarks/*.md"),
]


def console(page: Path) -> list[tuple[str, list[str]]]:
    """Return the commands of a page's console blocks, each with the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def expected_pattern(lines: list[str]) -> re.Pattern[str]:
    """Build a pattern of the lines; `...` alone is any lines, inside a line any text."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(part) for part in line.split("...")) + r"\n")
    return re.compile("".join(parts))


def check_printed(command: str, printed: str, lines: list[str]) -> None:
    """Hold what a command printed against what its page says."""
    assert expected_pattern(lines).fullmatch(printed), f"$ {command}\n{printed}\nis not\n{lines}"


def links(page: Path) -> list[str]:
    """Return where the page's links and pictures lead."""
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in words}
