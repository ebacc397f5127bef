"""What follows from a prediction: the outcomes' values, the threshold, the segments to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quickstack.facts.contract.custom_properties import Mistakes
from quickstack.facts.contract.rules import Decision
from quickstack.facts.contract.standard import closest
from quickstack.facts.yaml_lines import Path

if TYPE_CHECKING:
    from quickstack.facts.contract.model import Contract

#: Columns that become segments where the contract names none.
DEFAULT_SEGMENTS = 3
_OUTCOMES = ("truePositive", "falsePositive", "falseNegative", "trueNegative")


def read_decision(
    written: dict[str, Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> Decision:
    """Read `decision: {threshold: 0.3, truePositive: 40, falsePositive: -10, unit: EUR}`.

    Without a threshold it is the one from which acting pays when probabilities are calibrated
    (C. Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, equation 2).
    """
    if contract.task != "binary":
        if written is not None:
            mistakes.add(place, "decision needs a binary task; remove it")
        return Decision()
    known = ("threshold", "unit", *_OUTCOMES)
    for key in written or {}:
        if key not in known:
            hint = closest(str(key), known) or f"; known: {', '.join(known)}"
            mistakes.add((*place, str(key)), f"'{key}' is no key of decision{hint}")
    given = written or {}
    values = {name: given.get(name, 0) for name in _OUTCOMES}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            mistakes.add((*place, name), f"{name} of decision must be a number")
            return Decision()
    acted, missed = values["truePositive"], values["falseNegative"]
    wasted, left = values["falsePositive"], values["trueNegative"]
    valued = any(values.values())
    if valued and not (acted > missed and left > wasted):
        mistakes.add(
            place,
            "a right decision must be worth more than a wrong one: truePositive above "
            "falseNegative, trueNegative above falsePositive",
        )
        return Decision()
    threshold = given.get("threshold")
    if threshold is None:
        threshold = (left - wasted) / ((left - wasted) + (acted - missed)) if valued else 0.5
    elif isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        mistakes.add((*place, "threshold"), "threshold of decision must be a number")
        return Decision()
    elif not 0 < threshold < 1:
        mistakes.add((*place, "threshold"), "threshold of decision must lie between 0 and 1")
    unit = given.get("unit")
    if valued and not isinstance(unit, str):
        mistakes.add(place, "decision needs the unit of its values, such as EUR")
    return Decision(float(threshold), float(acted), float(wasted), float(missed), float(left), unit)


def read_segments(
    written: list[Any] | None, contract: Contract, place: Path, mistakes: Mistakes
) -> tuple[str, ...]:
    """Read `segments: [region, plan]`: columns with few values by which results are shown.

    Without it: the first columns, in contract order, whose `enum` names their values.
    """
    allowed = {
        column.name: column
        for column in contract.interim_columns
        if column.personal in (None, "keep") and column.name != contract.target
    }
    if written is None:
        named = [name for name, column in allowed.items() if column.allowed]
        return tuple(named[:DEFAULT_SEGMENTS])
    for index, name in enumerate(written):
        if name not in allowed:
            hint = closest(str(name), list(allowed)) or "; name columns that are not personal"
            mistakes.add((*place, index), f"'{name}' cannot be a segment{hint}")
    if len({str(name) for name in written}) < len(written):
        mistakes.add(place, "a column of segments stands here twice; keep one")
    return tuple(str(name) for name in written if name in allowed)
