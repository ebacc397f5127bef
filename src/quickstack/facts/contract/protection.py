"""Read what becomes of a column's personal data."""

from __future__ import annotations

from typing import Any, get_args

from quickstack.facts.contract.custom_properties import Mistakes, choose, place_of
from quickstack.facts.contract.model import Column
from quickstack.facts.contract.rules import FINDINGS, RULES, Generalisation, Severity
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

CLASSIFICATIONS = ("public", "internal", "confidential", "personal")
PERSONAL = ("drop", "pseudonym", "generalise", "keep")
_PERIODS = ("month", "quarter", "year", "decade")
#: The generalisations of each logical type, as they are written.
_FITTING = {
    "integer": ("band 10",),
    "number": ("band 10",),
    "string": ("prefix 3",),
    "date": _PERIODS,
    "timestamp": _PERIODS,
}
_KINDS = ("band", "prefix", *_PERIODS)


def read_generalisation(
    written: str | None, name: str, type_: str, place: Path, mistakes: Mistakes
) -> Generalisation | None:
    """Read `band 10`, `prefix 3`, `month`, `quarter`, `year` or `decade`."""
    if written is None:
        return None
    kind, *rest = written.split() or [""]
    fitting = [text.split()[0] for text in _FITTING.get(type_, ())]
    example = " or ".join(_FITTING.get(type_, ()))
    sized = kind in ("band", "prefix")
    if kind not in _KINDS:
        hint = closest(kind, _KINDS)
        choices = "band 10, prefix 3, month, quarter, year or decade"
        mistakes.add(place, f"generalisation of '{name}' must be like {choices}{hint}")
    elif kind not in fitting:
        instead = f"write {example}" if example else "drop it, or give it a pseudonym"
        mistakes.add(place, f"'{kind}' makes no {type_} coarser, and '{name}' is one; {instead}")
    elif sized and not (len(rest) == 1 and rest[0].isdecimal() and 0 < int(rest[0]) < 10**9):
        mistakes.add(place, f"'{kind}' of '{name}' needs one whole number above 0: {example}")
    elif not sized and rest:
        mistakes.add(place, f"'{kind}' of '{name}' takes no number; write {kind}")
    else:
        return Generalisation(kind, int(rest[0]) if sized else 1)  # type: ignore[arg-type]
    return None


def read_findings(
    written: list[Any], name: str, place: Path, mistakes: Mistakes
) -> tuple[str, ...]:
    """Read the kinds of personal data that a column is known to hold, and may."""
    subject = f"a kind in allowedFindings of '{name}'"
    for index, kind in enumerate(written):
        choose(kind, FINDINGS, subject, (*place, index), mistakes)
    return tuple(str(kind) for kind in written)


def read_severities(
    written: dict[str, Any], name: str, place: Path, mistakes: Mistakes
) -> tuple[tuple[str, Severity], ...]:
    """Read which rules count their rows or end the run, instead of quarantining."""
    severities = []
    for rule, severity in written.items():
        here = (*place, str(rule))
        known = choose(rule, RULES, f"a rule in severity of '{name}'", here, mistakes)
        subject = f"severity of '{name}', {rule},"
        if known and choose(severity, get_args(Severity), subject, here, mistakes):
            severities.append((rule, severity))
    return tuple(severities)


def check_severities(column: Column, place: Path, mistakes: Mistakes) -> None:
    """Note a severity of a rule that the column does not have."""
    present = {
        "type": column.type != "string",
        "required": column.required,
        "allowed": bool(column.allowed),
        "minimum": (column.minimum, column.exclusive_minimum) != (None, None),
        "maximum": (column.maximum, column.exclusive_maximum) != (None, None),
        "length": (column.min_length, column.max_length) != (None, None),
        "pattern": column.pattern is not None,
        "unique": column.unique or column.key_position is not None,
    }
    for rule, _ in column.severities:
        if not present[rule]:
            mistakes.add(
                (*place, rule),
                f"'{column.name}' has no rule '{rule}' whose severity could be set; leave it out",
            )


def check_privacy(column: Column, entry: dict[str, Any], path: Path, mistakes: Mistakes) -> None:
    """Check the classification of a column against what becomes of its values."""
    name, personal = column.name, column.personal
    place = place_of(entry, path, "personalData")
    choices = ", ".join(CLASSIFICATIONS)
    if column.classification not in (None, *CLASSIFICATIONS):
        classified = (*path, "classification")
        hint = closest(str(column.classification), CLASSIFICATIONS)
        mistakes.add(classified, f"classification of '{name}' must be one of: {choices}{hint}")
    elif column.classification is None and column.type == "string":
        mistakes.add(
            path,
            f"text column '{name}' has no classification, and text may be personal; "
            f"write `classification:` with one of: {choices}",
        )
    if personal not in (None, *PERSONAL):
        hint = closest(str(personal), PERSONAL)
        mistakes.add(
            place, f"personalData of '{name}' must be drop, pseudonym, generalise or keep{hint}"
        )
    if column.classification == "personal" and personal is None:
        mistakes.add(
            path,
            f"column '{name}' is personal; add the custom property personalData: "
            "drop, pseudonym, generalise or keep",
        )
    if personal is not None and column.classification != "personal":
        mistakes.add(place, f"personalData of '{name}' needs `classification: personal`")
    if personal == "pseudonym" and column.type not in ("string", "integer"):
        mistakes.add(place, f"only text and whole numbers become pseudonyms; drop '{name}'")
    _check_generalised(column, entry, path, mistakes)


def _check_generalised(
    column: Column, entry: dict[str, Any], path: Path, mistakes: Mistakes
) -> None:
    place = place_of(entry, path, "generalisation")
    given = place != path
    if column.personal == "generalise" and not given:
        choices = " or ".join(_FITTING.get(column.type, ())) or "drop it instead"
        mistakes.add(
            place_of(entry, path, "personalData"),
            f"'{column.name}' is generalised; add the custom property generalisation: {choices}",
        )
    if column.personal != "generalise" and given:
        mistakes.add(
            place, f"generalisation of '{column.name}' needs the property personalData: generalise"
        )
    if column.personal == "generalise" and column.key_position is not None:
        mistakes.add(
            place,
            f"'{column.name}' is of the primary key, and would no longer tell rows apart; "
            "give it a pseudonym",
        )
