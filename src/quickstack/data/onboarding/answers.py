"""What somebody says of a data set beside its files: `--set column.key=value`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from quickstack.facts.contract.standard import closest
from quickstack.facts.errors import ParameterError

#: What can be said of a column, and of the whole data set.
OF_COLUMNS = (
    "logicalType",
    "format",
    "personalData",
    "leaksTarget",
    "feature",
    "unit",
    "required",
    "description",
    "classification",
)
OF_CONTRACT = (
    "key",
    "timeColumn",
    "period",
    "task",
    "positiveLabel",
    "testFrom",
    "testFromRow",
    "testShare",
    "rowsPerPeriod",
    "group",
    "horizon",
    "missingValues",
    "mainMetric",
)


@dataclass(frozen=True)
class Answers:
    """What was said, by property: of the contract, and of each column."""

    contract: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, column: str) -> dict[str, Any]:
        """Return what was said of a column."""
        return self.columns.get(column, {})


def read_answers(written: Iterable[str], names: Sequence[str]) -> Answers:
    """Read `column.key=value` and `key=value`; values are YAML.

    Raises
    ------
    ParameterError
        Where one is malformed, or names an unknown column or property.
    """
    found = Answers()
    for text in written:
        left, equals, right = text.partition("=")
        column, dot, key = left.strip().rpartition(".")
        try:
            value = yaml.safe_load(right)
        except yaml.YAMLError:
            value = right
        if not equals:
            raise ParameterError(
                "this sets nothing", where=f"--set {text}", fix="write --set COLUMN.PROPERTY=VALUE"
            )
        if column in names and key in OF_COLUMNS:
            found.columns.setdefault(column, {})[key] = value
        elif not dot and key in OF_CONTRACT:
            found.contract[key] = value
        elif dot and column not in names:
            raise ParameterError(
                f"'{column}' is no column{closest(column, list(names)) or ''}",
                where="--set",
                fix="name a column of the file",
            )
        else:
            choices = OF_COLUMNS if dot else OF_CONTRACT
            raise ParameterError(
                f"'{key}' cannot be set here{closest(key, choices) or ''}",
                where="--set",
                fix=f"set one of {', '.join(choices)}, or edit the contract",
            )
    return found
