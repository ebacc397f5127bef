"""What a contract may say of values: each option is honoured, or refused at its line."""

from __future__ import annotations

import pytest

from contract.shop import NOTE, load, refused
from quickstack.facts.contract.time_patterns import compile_pattern

SOLD = "      - name: sold\n        logicalType: timestamp\n"
BORN = "      - name: born\n        logicalType: date\n"
WEIGHT = "      - name: weight\n        logicalType: number\n"
NUMBER = "        logicalType: integer\n        primaryKey: true\n"
PAID = "        logicalType: boolean\n"
PARTS = "        customProperties:\n          - {property: parts, value: TEXT}\n"


def options(text, line=True):
    return f"        logicalTypeOptions: {{{text}}}{' # §' if line else ''}\n"


@pytest.mark.parametrize(
    ("head", "text", "sentence"),
    [
        (SOLD, "format: 'dd/mm/yyyy'", "minutes without hours; months are MM"),
        (SOLD, "timezone: false, format: 'yyyy-MM-dd HH:mmXXX'", "`timezone: false` has none"),
        (SOLD, "defaultTimezone: Europe/Berln", "not a time zone; write one such as Europe/Berlin"),
        (SOLD, "minimum: '2024-02-30'", "minimum of 'sold' is not an ISO 8601 timestamp"),
        (BORN, "format: 'yyyy-MM-ddX'", "reads an offset, and a date has none"),
        (BORN, "minimum: '2024-02-01', exclusiveMaximum: '2024-01-01'", "minimum is above maximum"),
        (WEIGHT, "minimum: .nan", "minimum of 'weight' must be a finite number"),
        (WEIGHT, "exclusiveMaximum: .inf", "exclusiveMaximum of 'weight' must be a finite number"),
        (WEIGHT, f"maximum: 1{400 * '0'}", "lies beyond numbers of 64 bits"),
        (WEIGHT, "multipleOf: .inf", "multipleOf of 'weight' must be a finite number above 0"),
        (NUMBER, "maximum: 9223372036854775808", "lies beyond whole numbers of 64 bits"),
        (NUMBER, "minimum: -1.0e+30", "lies beyond whole numbers of 64 bits"),
        (NUMBER, "format: i128", "format 'i128' of 'number' holds more than 64 bits"),
        (PAID, "minimum: 1", "'minimum' means nothing for true and false; leave it out"),
        (NOTE, "format: password", "format 'password' of 'note' is not checked here; known: email"),
        (NOTE, "minLength: 5, maxLength: 4", "minLength is above maxLength"),
    ],
)
def test_an_option_that_cannot_be_honoured(tmp_path, head, text, sentence):
    refused(tmp_path, sentence, (head, head + options(text)))


@pytest.mark.parametrize(
    ("head", "value", "sentence"),
    [
        (NUMBER, "9223372036854775808", "lies beyond whole numbers of 64 bits"),
        (WEIGHT, ".nan", "must be a finite number"),
        (WEIGHT, "9007199254740993", "has more digits than a number can hold exactly"),
    ],
)
def test_an_allowed_value_that_no_value_can_be(tmp_path, head, value, sentence):
    more = f"        enum:\n          - {{value: 1}}\n          - {{value: {value}}} # §\n"
    refused(tmp_path, f"an allowed value of {head.split()[2]!r} {sentence}"
            if "name" in head else sentence, (head, head + more))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "zone", "clock", "offsets"),
    [
        ("timezone: true, defaultTimezone: Europe/Berlin", "Europe/Berlin", "UTC", True),
        ("defaultTimezone: Europe/Berlin", "Europe/Berlin", "UTC", True),
        ("timezone: false, defaultTimezone: Europe/Berlin", None, "Europe/Berlin", False),
        ("timezone: false", None, "UTC", False),
        ("timezone: true", None, "UTC", True),
        ("defaultTimezone: Etc/UTC", None, "UTC", True),
    ],
)
def test_zones(tmp_path, text, zone, clock, offsets):
    column = load(tmp_path, (SOLD, SOLD + options(text, line=False))).column("sold")
    assert (column.zone, column.clock_zone, column.offsets) == (zone, clock, offsets)


@pytest.mark.parametrize(
    ("text", "unit"), [("value: soon", ""), ("value: 3", "unit: moons"), ("value: 3", "")]
)
def test_a_freshness_that_is_no_span(tmp_path, text, unit):
    level = (
        f"slaProperties:\n  - {{property: freshness, {text}{', ' + unit if unit else ''}}} # §\n"
    )
    refused(tmp_path, "is not a span of time", ("schema:\n", level + "schema:\n"))


def test_parts_make_a_column_that_the_file_does_not_hold(tmp_path):
    text = "{number: yyyy, note: MMMM, born: yyyy-MM-dd}".replace(", born: yyyy-MM-dd", "")
    contract = load(tmp_path, (SOLD, SOLD + PARTS.replace("TEXT", text)))
    sold = contract.column("sold")
    assert sold.parts == (("number", "yyyy"), ("note", "MMMM"))
    assert sold.time_pattern == compile_pattern("yyyy MMMM")
    assert "sold" not in {c.name for c in contract.source_columns}


@pytest.mark.parametrize(
    ("head", "text", "sentence"),
    [
        (SOLD, "{nmber: yyyy}", "is not a column of the file; did you mean 'number'?"),
        (SOLD, "{weight: yyyy}", "is of type number; parts are text, whole numbers or dates"),
        (SOLD, "{born: dd.MM.yyyy}", "is a date; its pattern here is yyyy-MM-dd"),
        (SOLD, "{number: YYYY}", "YYYY, which is the year of the week"),
        (SOLD, "{number: MM}", "names no year"),
        (SOLD, "{number: yyyy, customer: MM}", "is personal, so 'sold' is"),
        (WEIGHT, "{number: yyyy}", "parts of 'weight' make a date or timestamp"),
    ],
)
def test_wrong_parts(tmp_path, head, text, sentence):
    refused(tmp_path, sentence, (head, head + PARTS.replace("TEXT}", text + "} # §")))
