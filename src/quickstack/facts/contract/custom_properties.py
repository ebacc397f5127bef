"""What the standard lacks: the custom properties that Quickstack reads, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quickstack.facts.contract.standard import Mistake, closest
from quickstack.facts.yaml_lines import Path

#: Custom properties of the whole contract, with the types of their values.
CONTRACT_PROPERTIES: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "target": (str,),
    "positiveLabel": (str, int, float, bool),
    "mainMetric": (str,),
    "timeColumn": (str,),
    "period": (str,),
    "rowsPerPeriod": (int,),
    "testFrom": (str,),
    "testFromRow": (int,),
    "testShare": (float,),
    "pseudonymKey": (str,),
    "kAnonymity": (dict,),
    "decision": (dict,),
    "segments": (list,),
}
#: Custom properties of a server, and of a table that is written otherwise.
SERVER_PROPERTIES: dict[str, tuple[type, ...]] = {
    "delimiter": (str,),
    "quote": (str,),
    "escape": (str,),
    "lineEnd": (str,),
    "skipLines": (int,),
    "skipInitialSpace": (bool,),
    "decimal": (str,),
    "thousands": (str,),
    "trueValues": (list,),
    "falseValues": (list,),
    "sheet": (str,),
    "missingValues": (list,),
    "maxQuarantinedShare": (float,),
}
#: Custom properties of a table; the standard gives format and encoding to servers only.
TABLE_PROPERTIES: dict[str, tuple[type, ...]] = {
    **SERVER_PROPERTIES,
    "format": (str,),
    "encoding": (str,),
}
#: Custom properties of a column.
COLUMN_PROPERTIES: dict[str, tuple[type, ...]] = {
    "unit": (str,),
    "personalData": (str,),
    "generalisation": (str,),
    "pseudonymDomain": (str,),
    "allowedFindings": (list,),
    "severity": (dict,),
    "feature": (bool,),
    "leaksTarget": (bool,),
}
#: Custom properties of a relationship.
RELATIONSHIP_PROPERTIES: dict[str, tuple[type, ...]] = {"severity": (str,)}

_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


@dataclass
class Mistakes:
    """The mistakes found so far, each with the path of its place in the document."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, path: Path, sentence: str) -> None:
        """Note one mistake."""
        self.found.append((path, sentence))


def custom_values(
    owner: dict[str, Any], path: Path, known: dict[str, tuple[type, ...]], mistakes: Mistakes
) -> dict[str, Any]:
    """Read the `customProperties` of one object.

    Parameters
    ----------
    owner
        The object that holds them.
    path
        Its place in the document.
    known
        The properties that may stand there, with the types of their values.
    mistakes
        Collects unknown names, wrong types and repetitions. Properties that name another
        `vendor` are left alone.

    Returns
    -------
    dict
        Name to value, of those that are right.
    """
    values: dict[str, Any] = {}
    for index, entry in enumerate(owner.get("customProperties") or []):
        name, value = entry.get("property"), entry.get("value")
        here = (*path, "customProperties", index)
        if entry.get("vendor") not in (None, "quickstack"):
            continue
        if name not in known:
            choices = ", ".join(known)
            hint = closest(str(name), list(known)) or f"; known here: {choices}"
            mistakes.add(here, f"'{name}' is no custom property that Quickstack reads here{hint}")
        elif name in values:
            mistakes.add(here, f"'{name}' stands here twice; keep one")
        elif not _is_of(value, known[name]):
            kinds = " or ".join(_NAMES[kind] for kind in known[name])
            mistakes.add((*here, "value"), f"'{name}' must be {kinds}")
        else:
            values[name] = value
    return values


def check_keys(
    written: Mapping[str, Any], known: Sequence[str], name: str, place: Path, mistakes: Mistakes
) -> None:
    """Note a mistake for each key of a mapping, the value of property `name`, that is unknown."""
    for key in written:
        if key not in known:
            hint = closest(str(key), tuple(known)) or f"; known: {', '.join(known)}"
            mistakes.add((*place, str(key)), f"'{key}' is no key of {name}{hint}")


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def place_of(owner: dict[str, Any], path: Path, name: str) -> Path:
    """Return where the value of a custom property stands; the owner's place where it has none."""
    for index, entry in enumerate(owner.get("customProperties") or []):
        if entry.get("property") == name and entry.get("vendor") in (None, "quickstack"):
            return (*path, "customProperties", index, "value")
    return path


def texts(name: str, values: list[Any], place: Path, mistakes: Mistakes) -> tuple[str, ...]:
    """Read a list of texts; YAML reads an unquoted NO, 007 or null as something else."""
    for index, value in enumerate(values):
        if not isinstance(value, str):
            mistakes.add((*place, index), f"a value of '{name}' is no text; write it in quotes")
    return tuple(str(value) for value in values)


def choose(value: Any, known: Sequence[str], subject: str, place: Path, mistakes: Mistakes) -> bool:
    """Return whether `value` is one of the known words, and note a mistake where it is not."""
    if value in known:
        return True
    hint = closest(str(value), list(known))
    mistakes.add(place, f"{subject} must be one of: {', '.join(known)}{hint}")
    return False
