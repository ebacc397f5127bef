"""Read the service levels of a contract: how old data may be, and how long publishing may take."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes, choose

#: The service levels that are checked.
SPANS = ("freshness", "timeToPublish")
#: Those that are for people alone.
_TEXTS = ("generalAvailability", "endOfSupport", "endOfLife")
#: Units as contracts write them, in days; `m` is a month, as in the standard.
_DAYS = {
    unit: days
    for units, days in (
        ("s sec second", 1 / 86_400), ("min minute", 1 / 1440), ("h hr hour", 1 / 24), ("d day", 1),
        ("w wk week", 7), ("m mo month", 30.44), ("y yr year", 365.25),
    )
    for unit in units.split()
}  # fmt: skip


def age_limit(text: str) -> timedelta | None:
    """Return the age that a service level allows; None where it says none.

    Parameters
    ----------
    text
        A number and a unit: seconds, minutes, hours, days, weeks, months or years, also short.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*", text.lower())
    if not found:
        return None
    days = _DAYS.get(found[2]) or _DAYS.get(found[2].removesuffix("s"))
    try:
        return None if days is None else timedelta(days=float(found[1]) * days)
    except OverflowError:
        return None


def read_service_levels(document: dict[str, Any], mistakes: Mistakes) -> dict[str, str]:
    """Read `slaProperties` as texts such as `35 d`, by property."""
    found = {}
    properties = document.get("customProperties") or []
    time = next((p.get("value") for p in properties if p.get("property") == "timeColumn"), None)
    for index, level in enumerate(document.get("slaProperties") or []):
        here, name = ("slaProperties", index), str(level["property"])
        found[name] = f"{level['value']} {level.get('unit', '')}".strip()
        choose(
            name, (*SPANS, *_TEXTS), "a service level that is kept to here", (*here, "property"),
            mistakes,
        )  # fmt: skip
        element = str(level.get("element", "")).rpartition(".")[2]
        if name in SPANS and element and element != time:
            sentence = "freshness is that of the timeColumn; leave element out"
            mistakes.add((*here, "element"), sentence)
        if name in SPANS and age_limit(found[name]) is None:
            mistakes.add(
                here,
                f"{name} '{found[name]}' is not a span of time; write a number as its value, and "
                "as its unit s, min, h, d, w, m (months) or y",
            )
    return found
