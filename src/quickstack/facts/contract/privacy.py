"""Read what becomes of personal data: of each column's, and of columns together (k-anonymity)."""

from __future__ import annotations

from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes, check_keys, choose, place_of
from quickstack.facts.contract.model import (
    FINDINGS,
    FORMER_FINDINGS,
    Anonymity,
    Column,
    Contract,
    Generalisation,
)
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
    kinds = [FORMER_FINDINGS.get(str(kind), kind) for kind in written]
    for index, kind in enumerate(kinds):
        choose(kind, FINDINGS, subject, (*place, index), mistakes)
    return tuple(str(kind) for kind in kinds)


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


def read_anonymity(
    written: dict[str, Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> Anonymity | None:
    """Read `kAnonymity: {k: 5, columns: [...], subject: ...}`."""
    if written is None:
        return None
    check_keys(written, ("k", "columns", "subject"), "kAnonymity", place, mistakes)
    k, names, subject = written.get("k"), written.get("columns"), written.get("subject")
    if not isinstance(k, int) or isinstance(k, bool) or k < 2:
        mistakes.add((*place, "k"), "k of kAnonymity must be a whole number of 2 or more")
        k = 2
    if not isinstance(names, list) or not names:
        mistakes.add(
            (*place, "columns"), "kAnonymity needs columns: a list of those that others know"
        )
        names = []
    if len({str(name) for name in names}) < len(names):
        mistakes.add((*place, "columns"), "a column of kAnonymity stands here twice; keep one")
    for index, name in enumerate(names):
        _check_leaving(name, contract, (*place, "columns", index), mistakes)
    if subject is not None:
        _check_leaving(subject, contract, (*place, "subject"), mistakes)
        if subject in names:
            sentence = f"the subject '{subject}' tells persons apart; leave it out of columns"
            mistakes.add((*place, "subject"), sentence)
        if any(c.name == subject and c.generalisation for c in contract.columns):
            sentence = f"the subject '{subject}' is generalised, and no longer tells persons apart"
            mistakes.add((*place, "subject"), sentence)
    return Anonymity(
        k, tuple(str(name) for name in names), None if subject is None else str(subject)
    )


def _check_leaving(name: Any, contract: Contract, place: Path, mistakes: Mistakes) -> None:
    columns = {column.name: column for column in contract.columns}
    if not isinstance(name, str) or name not in columns:
        hint = closest(str(name), list(columns))
        mistakes.add(place, f"'{name}' in kAnonymity is not a column{hint}")
    elif columns[name].dropped:
        mistakes.add(place, f"'{name}' in kAnonymity is dropped, so nobody sees it; leave it out")
