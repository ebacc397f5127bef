"""Write the reference in `docs/contract.md` from the code that reads contracts: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import get_args

from quickstack.facts.contract import custom_properties as custom
from quickstack.facts.contract import model, quality, source
from quickstack.facts.contract.privacy import CLASSIFICATIONS
from quickstack.facts.contract.standard_keys import KEYS
from quickstack.facts.formats import FORMATS, PACKINGS

PAGE = Path(__file__).with_name("contract.md")
BEGIN = "<!-- The reference is generated: `make docs` writes it. -->\n"
_HERE = {"used": "honoured", "text": "for people", "refused": "refused"}
_ORDER = list(_HERE)
END = "<!-- End of the reference. -->\n"


def reference() -> str:
    """Return the generated part of the page as Markdown."""
    parts = [
        "### Of the contract\n",
        _table(custom.CONTRACT_PROPERTIES),
        "### Of the server `raw`, or of a table that is written otherwise\n",
        _table(custom.SERVER_PROPERTIES, defaults=True),
        "A table also takes `format` and `encoding`.\n",
        "### Of a column\n",
        _table(custom.COLUMN_PROPERTIES),
        "### Of a relationship\n",
        _table(custom.RELATIONSHIP_PROPERTIES),
        "### Keys of the standard\n",
        "What each key does here. *For people* changes nothing. What is *refused* would promise "
        "what does not happen: the contract is not read, and a sentence says what to do instead. A "
        "server other than `raw` and `origin` is refused, too.\n",
        _keys(),
        "### Words\n",
        _words(
            {
                "`format` of a server": FORMATS,
                "packed in (needs no setting)": PACKINGS,
                "`logicalType` of a column": get_args(model.LogicalType),
                "`classification` of a column": CLASSIFICATIONS,
                "rules in `severity` of a column": model.RULES,
                **{
                    f"`mainMetric` of a {task} task; the first is the default": metrics
                    for task, metrics in model.HIGHER_IS_BETTER.items()
                },
                "severities": get_args(model.Severity),
                "kinds in `allowedFindings`": model.FINDINGS,
                "`metric` in `quality` of a column": quality.COLUMN_METRICS,
                "`metric` in `quality` of a table": quality.TABLE_METRICS,
                "limit of a metric": sorted(quality.OPERATORS),
            }
        ),
    ]
    return "\n".join(parts)


def _table(known: dict[str, custom.CustomProperty], *, defaults: bool = False) -> str:
    standard = {field.name: field.default for field in fields(model.Source)}
    lines = ["| property | value | meaning |", "|---|---|---|"]
    for name, entry in known.items():
        types = " or ".join(custom.TYPES[kind] for kind in entry.types)
        default = standard.get(source.FIELDS[name]) if defaults else None
        meaning = (
            entry.meaning if default is None else f"{entry.meaning} {_default(default)}".rstrip()
        )
        lines.append(f"| `{name}` | {types} | {meaning} |")
    return "\n".join([*lines, ""])


def _keys() -> str:
    lines = ["| at | key | here | meaning |", "|---|---|---|---|"]
    for place, keys in KEYS.items():
        if place.startswith("schema.properties.") and keys is KEYS.get(f"schema{place[17:]}"):
            continue  # the same as of a table
        rows: dict[tuple[str, str], list[str]] = {}
        for name, key in keys.items():
            rows.setdefault((key.here, key.meaning), []).append(f"`{name}`")
        for (here, meaning), names in sorted(rows.items(), key=lambda row: _ORDER.index(row[0][0])):
            at = f"`{place}`" if place else "the contract"
            said = meaning[:1].upper() + meaning[1:] + ("." if here == "refused" else "")
            lines.append(f"| {at} | {', '.join(names)} | {_HERE[here]} | {said} |")
    return "\n".join([*lines, ""])


def _default(value: object) -> str:
    if isinstance(value, tuple):
        return f"Default: {', '.join(f'`{text}`' if text else 'the empty text' for text in value)}."
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"Default: `{text}`." if text else "Default: none."


def _words(words: dict[str, Iterable[str]]) -> str:
    lines = ["| where | words |", "|---|---|"]
    for where, known in words.items():
        lines.append(f"| {where} | {', '.join(f'`{word}`' for word in known)} |")
    return "\n".join([*lines, ""])


def renewed(page: str) -> str:
    """Return the page with its reference as the code has it now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
