"""What the functions and operators of DAX do with blanks (None), by Microsoft's reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

Values = list[Any]
AGGREGATES: dict[str, Callable[[Values], Any]] = {
    "SUM": lambda values: sum(values) if values else None,
    "AVERAGE": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}
ITERATORS = {f"{name}X": function for name, function in AGGREGATES.items()}
SCALARS: dict[str, Callable[..., Any]] = {
    "TRUE": lambda: True,
    "FALSE": lambda: False,
    "ISBLANK": lambda value: value is None,
    "NOT": lambda value: not value,
    "ABS": lambda value: None if value is None else abs(value),
    "SQRT": lambda value: math.sqrt(value or 0),
    "DIVIDE": lambda above, below: None if above is None or not below else above / below,
    "ROUND": lambda value, digits: _rounded(value, digits, ROUND_HALF_UP),
    "ROUNDDOWN": lambda value, digits: _rounded(value, digits, ROUND_DOWN),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "^": lambda left, right: left**right,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def binary(sign: str, left: Any, right: Any) -> Any:
    """Apply an operator: a blank is 0, "" or FALSE beside what is not, and lasts in products."""
    if sign == "&&":
        return bool(left) and bool(right)
    if sign == "||":
        return bool(left) or bool(right)
    if sign == "&":
        return f"{'' if left is None else left}{'' if right is None else right}"
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](_like(left, right), _like(right, left))
    blank = (left is None and right is None) or (None in (left, right) and sign == "*")
    if blank or (left is None and sign in "/^"):
        return None
    return _ARITHMETIC[sign](left or 0, right or 0)


def _like(value: Any, other: Any) -> Any:
    if value is None:
        return type(other)() if isinstance(other, (bool, int, float, str)) else 0
    return value.casefold() if isinstance(value, str) else value


def _rounded(value: float | None, digits: int, how: str) -> float | None:
    if value is None:
        return None
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), how))
