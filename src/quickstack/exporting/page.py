"""One self-contained web page: what the model does, how good it is, and what it stands on.

No script, no network, no row of the data. Jinja2 escapes every value; the content policy allows
the page's own style sheet, by its hash, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstack.exporting import sections
from quickstack.exporting.words import VERDICTS, headline

if TYPE_CHECKING:
    import pandas as pd

    from quickstack.contract.model import Contract

TEMPLATES = Path(__file__).parent / "templates"


def render_page(view: Mapping[str, Any]) -> str:
    """Render the page from what `page_view` gives."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("index.html.j2").render(
        **view,
        style_hash=f"sha256-{digest}",
    )


def page_view(
    contract: Contract,
    metrics: Mapping[str, Any],
    drift: Mapping[str, Any],
    importance: pd.DataFrame,
    quality: Mapping[str, Any],
    tables: Sequence[Mapping[str, Any]],
    hashes: Mapping[str, Any],
) -> dict[str, Any]:
    """Gather what the page shows, as text and lengths.

    Parameters
    ----------
    contract
        Name, owners and promises.
    metrics, drift, quality
        The reports of that name.
    importance
        Columns `feature` and `importance`, the largest first.
    tables
        As `write_tables.write_table` describes them.
    hashes
        As `manifest.versions` gives them.
    """
    return {
        "title": contract.name,
        "headline": headline(contract, metrics),
        "verdict": {
            "kind": drift["verdict"],
            "badge": VERDICTS[drift["verdict"]],
            "action": drift["action"],
            "reasons": drift["reasons"][: sections.SHOWN],
        },
        "figures": sections.figures(contract, metrics),
        "importance": sections.importance(importance),
        "performance": sections.performance(drift["performance"]),
        "drift": sections.drift(drift),
        "quality": sections.quality(quality),
        "owners": [
            (_sentence_case(name), text)
            for name, text in (*contract.owners.items(), *contract.service_levels.items())
        ],
        "tables": [
            {
                "name": table["name"],
                "rows": f"{table['rows']:,}",
                "files": [
                    {"path": file["path"], "kind": file["path"].rsplit(".", 1)[-1]}
                    for file in table["files"]
                ],
            }
            for table in tables
        ],
        "versions": [
            ("Data set", f"{contract.id} {contract.version}"),
            *(
                (name.capitalize(), value[:12])
                for name, value in hashes.items()
                if isinstance(value, str)
            ),
        ],
    }


def _sentence_case(text: str) -> str:
    """Turn `timeToPublish` into `Time to publish`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return words[:1].upper() + (words[1:] if words == text else words[1:].lower())
