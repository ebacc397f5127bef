"""A page in the browser, and what it asked for and complained about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Opened:
    """An open page: `page` of Playwright, `requests` beyond the file itself, `complaints`."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def text(self, identity: str) -> str:
        """Return the text of an element as the script sees it."""
        return self.page.evaluate(f"document.getElementById('{identity}').textContent")

    def choose(self, period: str = "", segment: str = "") -> None:
        """Choose a filter by the text of its options."""
        for name, wanted in (("period", period), ("segment", segment)):
            self.page.evaluate(
                """([name, wanted]) => {
                    const select = document.getElementById(name);
                    const found = [...select.options].find((o) => o.textContent === wanted);
                    select.value = wanted === "" ? "" : found.value;
                    select.dispatchEvent(new Event("change"));
                }""",
                [name, wanted],
            )

    def threshold(self, wanted: float) -> float:
        """Move the slider to the edge next to a probability, and return the edge."""
        return self.page.evaluate(
            """(wanted) => {
                const edges = JSON.parse(document.getElementById("data").textContent).cells.edges;
                const away = edges.slice(0, -1).map((edge) => Math.abs(edge - wanted));
                const slider = document.getElementById("threshold");
                slider.value = away.indexOf(Math.min(...away));
                slider.dispatchEvent(new Event("input"));
                return edges[slider.value];
            }""",
            wanted,
        )


@contextmanager
def opened(browser: Any, html: str, folder: Path, **settings: Any) -> Iterator[Opened]:
    """Open a page as somebody does who got the file."""
    file = folder / "index.html"
    file.write_text(html, encoding="utf-8")
    context = browser.new_context(**settings)
    try:
        context.set_default_timeout(1_200_000)
        found = Opened(context.new_page())
        found.page.goto(file.as_uri())
        found.requests.remove(file.as_uri())
        yield found
    finally:
        context.close()
