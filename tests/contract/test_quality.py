from __future__ import annotations

import pytest

from contract.shop import column_rule, load, refused
from quickstack.facts.contract.model import QualityRule


def table_rule(text):
    rule = "      - {metric: rowCount, mustBeGreaterThan: 0}\n"
    return rule, rule + f"      - {text}\n"


QUALITY = [
    # where, the rule in YAML, what it becomes
    (
        column_rule,
        "{metric: nullValues, mustBeLessThan: 5, unit: percent, severity: warning}",
        QualityRule("nullValues", "mustBeLessThan", 5, True, False),
    ),
    (
        column_rule,
        '{metric: missingValues, arguments: {missingValues: [null, "", "NA"]}, mustBe: 0}',
        QualityRule("missingValues", "mustBe", 0, False, True, missing=("", "NA")),
    ),
    (
        column_rule,
        "{metric: invalidValues, arguments: {validValues: [a, b]}, mustBeBetween: [0, 3]}",
        QualityRule("invalidValues", "mustBeBetween", (0, 3), False, True, valid=("a", "b")),
    ),
    (
        column_rule,
        "{type: library, metric: invalidValues, arguments: {pattern: '^a'}, mustBeLessThan: 1}",
        QualityRule("invalidValues", "mustBeLessThan", 1, False, True, pattern="^a"),
    ),
    (
        column_rule,
        "{metric: duplicateValues, mustBeLessOrEqualTo: 9}",
        QualityRule("duplicateValues", "mustBeLessOrEqualTo", 9, False, True),
    ),
    (
        table_rule,
        "{metric: duplicateValues, arguments: {properties: [born, note]}, mustBe: 0}",
        QualityRule("duplicateValues", "mustBe", 0, False, True, columns=("born", "note")),
    ),
    (table_rule, "{type: text, description: Newest orders come first.}", None),
    (column_rule, "{type: text, description: Written by hand.}", None),
]


@pytest.mark.parametrize(("where", "text", "wanted"), QUALITY)
def test_quality_rules(tmp_path, where, text, wanted):
    contract = load(tmp_path, where(text))
    rules = contract.quality[1:] if where is table_rule else contract.column("note").quality
    assert rules == (() if wanted is None else (wanted,))


@pytest.mark.parametrize(
    ("where", "text", "sentence"),
    [
        (column_rule, "{metric: rowCount, mustBe: 1}", "is not checked of a column; here: null"),
        (table_rule, "{metric: nullValues, mustBe: 1}", "is not checked of a table; here: row"),
        (column_rule, "{type: sql, query: SELECT 1, mustBe: 1}", "of type sql is not run here"),
        (table_rule, "{type: custom, engine: soda, implementation: x}", "type custom is not run"),
        (column_rule, "{description: nothing}", "a quality rule needs a metric"),
        (column_rule, "{metric: nullValues, mustBe: none}", "mustBe needs a number"),
        (column_rule, "{metric: nullValues, mustBeBetween: [3, 1]}", "the smaller number first"),
        (column_rule, "{metric: nullValues, mustBe: 0, severity: info}", "error, warning"),
        (column_rule, "{metric: nullValues, mustBe: 0, unit: percents}", "did you mean 'percent'"),
        (table_rule, "{metric: rowCount, mustBe: 1, unit: percent}", "rowCount counts rows"),
        (column_rule, "{metric: missingValues, mustBe: 0}", "needs `arguments:` with missingVal"),
        (column_rule, "{metric: invalidValues, mustBe: 0}", "with validValues or pattern"),
        (table_rule, "{metric: duplicateValues, mustBe: 0}", "with properties"),
        (
            column_rule,
            "{metric: invalidValues, arguments: {validValue: [a], pattern: a}, mustBe: 0}",
            "did you mean 'validValues'",
        ),
        (
            column_rule,
            "{metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0}",
            "write it in quotes",
        ),
        (
            column_rule,
            "{metric: invalidValues, arguments: {validValues: a}, mustBe: 0}",
            "must be a list",
        ),
        (
            column_rule,
            "{metric: invalidValues, arguments: {pattern: '(?=a)'}, mustBe: 0}",
            "what RE2 does not have",
        ),
        (
            table_rule,
            "{metric: duplicateValues, arguments: {properties: [nota]}, mustBe: 0}",
            "did you mean 'note'",
        ),
    ],
)
def test_wrong_quality_rules(tmp_path, where, text, sentence):
    old, new = where(text)
    refused(tmp_path, sentence, (old, new.rstrip("\n") + " # §\n"))
